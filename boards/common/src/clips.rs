//! The recordings that a board hears, in its flash.

/// A recording: 8 kHz, mono, 16 bits.
#[derive(Clone, Copy, Debug)]
pub struct Clip {
    /// File name under `examples/clips`.
    pub name: &'static str,
    /// Samples in order of time.
    pub samples: &'static [i16],
}

struct Entry {
    name: &'static str,
    /// Where the clip begins in the blob, in bytes.
    start: usize,
    bytes: usize,
}

/// The samples are viewed as i16, hence the alignment.
#[repr(C, align(2))]
struct Aligned<T: ?Sized>(T);

static BLOB: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/clips.bin")));
static INDEX: &[Entry] = include!(concat!(env!("OUT_DIR"), "/clips.rs"));

/// All clips of this firmware, by name.
pub fn clips() -> impl Iterator<Item = Clip> + Clone {
    INDEX.iter().map(|entry| Clip {
        name: entry.name,
        samples: bytemuck::cast_slice(&BLOB.0[entry.start..entry.start + entry.bytes]),
    })
}
