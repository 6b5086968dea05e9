//! What heads attend to, from a device to whoever looks: rows of attention as frames of bytes.
//!
//! [`Frames`] is an [`Observer`] that writes a frame for each row, and one at each end of an inference, to anything
//! that takes bytes: a UART, USB, an RTT channel, semihosting. It needs no allocator and no float, and its RAM is its
//! `size_of`, less than 300 bytes. `heedful watch` draws the frames while they come, and writes the report of
//! `heedful inspect`; `docs/watch.md` has the format.
//!
//! ```
//! use heedful::watch::Frames;
//!
//! heedful::model!(pub Digits = "../../models/digits.heed");
//! let mut model = Digits::new(); // a static, as a rule
//!
//! let mut sent = Vec::new(); // `|bytes| uart.blocking_write(bytes)` on a target
//! let mut frames = Frames::of::<Digits>(|bytes: &[u8]| sent.extend_from_slice(bytes));
//! (0..8_000).for_each(|_| _ = model.push(0)); // of the microphone
//! let outcome = frames.inference(|rows| model.infer_heard(rows));
//!
//! # let class = outcome.best().class;
//! // Three layers of three heads, 25 rows each of 25 weights.
//! assert_eq!(sent.len(), 14_899);
//! # #[cfg(feature = "std")] {
//! use heedful::watch::{FrameReader, Received};
//! let mut rows = 0;
//! let mut reader = FrameReader::new();
//! reader.push(&sent, &mut |received| match received {
//!     Received::Row(row) => rows += usize::from(row.weights.len() == 25),
//!     Received::End(end) => assert_eq!(end.class, class),
//!     _ => {}
//! });
//! assert_eq!((rows, reader.counts().lost, reader.counts().damaged), (225, 0, 0));
//! # }
//! ```
//!
//! What a link does not take is lost, and whoever reads counts it: each frame says how many rows went before it. A
//! frame of up to 254 bytes before they are encoded (a row of 120 weights) is handed over in one piece, so that a queue
//! that is full can leave out whole frames.

mod cobs;
#[cfg(feature = "std")]
mod read;

#[cfg(feature = "std")]
pub use read::{Counts, End, FrameReader, Received, ReceivedRow, Start};

use crate::arithmetic::softmax::{Narrow, Weight};
use crate::model::Embedded;
use crate::observe::{Observer, Row};
use crate::outcome::Outcome;
use cobs::Cobs;
use crc::{Crc, Digest, Table};

/// Version of the format of frames.
pub const VERSION: u8 = 1;

/// That of the header of a `.heed` file.
static CRC: Crc<u32, Table<1>> = crate::format::CRC;

/// What a frame is, in the lower half of its first byte.
mod kind {
    pub const START: u8 = 1;
    pub const NARROW: u8 = 2;
    pub const WIDE: u8 = 3;
    pub const END: u8 = 4;
}

/// Writes rows of attention as frames, to `sink`.
///
/// `sink` takes bytes and reports nothing: a write that fails is a frame that is lost, which the receiver counts.
/// Of `embedded_io::Write` it is `|bytes| _ = uart.write_all(bytes)`. It is called while the inference runs, which
/// waits for it: a UART at 115,200 baud takes 1.3 s for an inference of `models/digits.heed`, 14,899 bytes.
#[derive(Debug)]
pub struct Frames<S> {
    cobs: Cobs<S>,
    /// Checksum of the model's file; 0 if it is not told.
    file: u32,
    /// Inferences and rows so far, wrapping.
    inference: u8,
    rows: u16,
}

impl<S: FnMut(&[u8])> Frames<S> {
    /// Frames of a model that is not named.
    #[must_use]
    pub const fn new(sink: S) -> Self {
        Self { cobs: Cobs::new(sink), file: 0, inference: 0, rows: 0 }
    }

    /// Frames of a model that [`model!`](crate::model!) names: they tell the checksum of its file, by which a receiver
    /// finds out that it has another one.
    #[must_use]
    pub const fn of<M: Embedded>(sink: S) -> Self {
        Self { cobs: Cobs::new(sink), file: const { M::FILE.checksum() }, inference: 0, rows: 0 }
    }

    /// Writes the start of an inference, runs it and writes what came out.
    ///
    /// `infer` is handed the observer: `|rows| model.infer_heard(rows)`.
    #[inline]
    pub fn inference<L: AsRef<[i16]>>(&mut self, infer: impl FnOnce(&mut Self) -> Outcome<L>) -> Outcome<L> {
        self.start();
        let outcome = infer(self);
        self.end(&outcome);
        outcome
    }

    /// Writes the start of an inference, for those that [`Frames::inference`] does not fit.
    pub fn start(&mut self) {
        let file = self.file;
        self.frame(kind::START, |frame| frame.bytes(&file.to_le_bytes()));
    }

    /// Writes the end of an inference, with its likeliest class and all outputs.
    pub fn end<L: AsRef<[i16]>>(&mut self, outcome: &Outcome<L>) {
        let best = outcome.best();
        self.frame(kind::END, |frame| {
            frame.number(best.class);
            frame.bytes(&best.probability.to_bits().to_le_bytes());
            outcome.logits().iter().for_each(|logit| frame.bytes(&logit.to_le_bytes()));
        });
        self.inference = self.inference.wrapping_add(1);
    }

    fn frame(&mut self, kind: u8, content: impl FnOnce(&mut Frame<'_, S>)) {
        self.cobs.begin();
        let mut frame = Frame { cobs: &mut self.cobs, sum: CRC.digest() };
        frame.bytes(&[VERSION << 4 | kind, self.inference]);
        frame.bytes(&self.rows.to_le_bytes());
        content(&mut frame);
        let Frame { cobs, sum } = frame;
        sum.finalize().to_le_bytes().iter().for_each(|&byte| cobs.push(byte));
        cobs.end();
    }
}

impl<S: FnMut(&[u8]), W: Weight> Observer<W> for Frames<S> {
    fn row(&mut self, row: Row<'_, W>) {
        let is_narrow = W::FULL_SCALE == Narrow::FULL_SCALE;
        self.frame(if is_narrow { kind::NARROW } else { kind::WIDE }, |frame| {
            [row.layer, row.head, row.query, row.first, row.dilation].iter().for_each(|&number| frame.number(number));
            for weight in row.weights {
                let [low, high, ..] = weight.to_int().to_le_bytes();
                if is_narrow { frame.bytes(&[low]) } else { frame.bytes(&[low, high]) }
            }
        });
        self.rows = self.rows.wrapping_add(1);
    }
}

/// A frame under way, and its checksum so far.
struct Frame<'f, S> {
    cobs: &'f mut Cobs<S>,
    sum: Digest<'static, u32, Table<1>>,
}

impl<S: FnMut(&[u8])> Frame<'_, S> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.sum.update(bytes);
        bytes.iter().for_each(|&byte| self.cobs.push(byte));
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow (LEB128).
    fn number(&mut self, mut number: usize) {
        while number > 0x7f {
            self.bytes(&[number as u8 | 0x80]);
            number >>= 7;
        }
        self.bytes(&[number as u8]);
    }
}
