//! Reading a model as a chain of parts: version 2 of the format. Whether parts fit together is checked once, when a
//! file is loaded (`flow`).

#[cfg(feature = "audio")]
use super::AUDIO;
use super::flow::{Flow, Pace};
#[cfg(feature = "std")]
use super::part::MEMORY;
use super::part::{CHANNELS, FEATURES, LABELS, MODEL, Read, UNIT, missing, name};
use super::reader::{Reader, label_in, labels_in, tri};
use super::shape::{Shape, Softmax};
use super::{File, MAJOR, OLD_MAJOR, Tag};
use crate::Error;
use crate::arithmetic::requantise::Channel;

/// Words of features before those of their channels, and which of them counts these.
const FEATURE_WORDS: (usize, usize) = (6, 2);
/// The same of a memory.
#[cfg(feature = "std")]
const MEMORY_WORDS: (usize, usize) = (2, 1);

/// The sections of a file, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sections<'a> {
    rest: Reader<'a>,
}

impl<'a> Sections<'a> {
    /// The next one's tag and content; a file that ends within it is truncated.
    pub(crate) const fn next(&mut self) -> Result<Option<(u32, Reader<'a>)>, Error> {
        if self.rest.words.is_empty() {
            return Ok(None);
        }
        let tag = tri!(self.rest.word());
        let length = tri!(self.rest.word()) as usize;
        let words = tri!(self.rest.take(length));
        Ok(Some((tag, Reader { words, trusted: self.rest.trusted })))
    }

    /// The next one that is a part of the chain: tags of others begin with a small letter.
    pub(crate) const fn next_part(&mut self) -> Result<Option<(u32, Reader<'a>)>, Error> {
        loop {
            match tri!(self.next()) {
                Some((tag, _)) if !is_in_chain(tag) => {}
                part => return Ok(part),
            }
        }
    }
}

/// Whether a section of this tag is one of the chain.
const fn is_in_chain(tag: u32) -> bool {
    ((tag & 0xff) as u8) < b'a'
}

impl<'a> File<'a> {
    pub(crate) const fn sections_in_order(&self, trusted: bool) -> Sections<'a> {
        Sections { rest: Reader { words: self.sections, trusted } }
    }

    /// The model's shape, if all its parts are right and fit together.
    ///
    /// # Errors
    /// What is wrong, and in which part: see [`Error`].
    pub const fn shape(&self) -> Result<Shape, Error> {
        self.shape_of(Pace::Whole)
    }

    /// Of a model that takes its input at this pace.
    pub(super) const fn shape_of(&self, pace: Pace) -> Result<Shape, Error> {
        if self.major != MAJOR {
            return Err(Error::Version { found: self.major, supported: MAJOR });
        }
        // What takes a token of its input at a time was found right as a whole before.
        let mut sections = self.sections_in_order(matches!(pace, Pace::Stream));
        let softmax = match tri!(sections.next_part()) {
            Some((tag, mut words)) if tag == MODEL.word => tri!(Softmax::of_bits(tri!(words.word()))),
            _ => return Err(missing(MODEL)),
        };
        let input = match tri!(sections.next_part()) {
            Some((tag, words)) => tri!(words.input(tag)),
            None => return Err(missing(FEATURES)),
        };
        let mut flow = Flow::new(softmax, input, pace);
        loop {
            match tri!(sections.next_part()) {
                Some((tag, words)) => {
                    let index = flow.parts();
                    let mut words = words;
                    let read = match words.part(tag) {
                        Ok(read) => read,
                        Err(error) => return Err(error.in_part(index, name(tag))),
                    };
                    match flow.take(&read) {
                        Ok(()) => {}
                        Err(error) => return Err(error.in_part(index, name(tag))),
                    }
                }
                None => return flow.finish(),
            }
        }
    }
}

impl<'a> File<'a> {
    /// [`File::shape`], of an encoder of version 1 of the format, too.
    ///
    /// # Errors
    /// Those of [`File::shape`].
    pub const fn shape_of_any(&self) -> Result<Shape, Error> {
        if self.major != OLD_MAJOR {
            return self.shape();
        }
        let config = tri!(self.config());
        let mut flow = Flow::new(config.softmax, tri!(self.old_input(&config)), Pace::Whole);
        while let Some(read) = tri!(self.old_part(&config, flow.parts())) {
            tri!(flow.take(&read));
        }
        flow.finish()
    }

    /// The name of a class; empty where the file gives none.
    ///
    /// # Errors
    /// If it is not UTF-8, or cut off.
    pub const fn label_of(&self, class: usize) -> Result<&'a str, Error> {
        if self.major == OLD_MAJOR {
            return self.label(class);
        }
        self.text(LABELS, class)
    }

    /// The name of a channel of features; empty where the file gives none.
    ///
    /// # Errors
    /// If it is not UTF-8, or cut off.
    pub const fn channel_name(&self, channel: usize) -> Result<&'a str, Error> {
        self.text(CHANNELS, channel)
    }

    /// The unit of values; empty where the file gives none.
    ///
    /// # Errors
    /// If it is not UTF-8, or cut off.
    pub const fn unit(&self) -> Result<&'a str, Error> {
        self.text(UNIT, 0)
    }

    /// One of the texts of a section; empty where there is none.
    const fn text(&self, of: Tag, index: usize) -> Result<&'a str, Error> {
        match tri!(self.find(of)) {
            Some(words) => label_in(words, index),
            None => Ok(""),
        }
    }

    /// The first section with a tag, of a file whose shape has been found right.
    pub(super) const fn find(&self, of: Tag) -> Result<Option<Reader<'a>>, Error> {
        let mut sections = self.sections_in_order(true);
        while let Some((tag, words)) = tri!(sections.next()) {
            if tag == of.word {
                return Ok(Some(words));
            }
        }
        Ok(None)
    }

    /// The audio front end of either version of the format, if there is one.
    ///
    /// # Errors
    /// If the section does not fit itself or the model.
    #[cfg(feature = "audio")]
    pub const fn frontend_of_any(&self) -> Result<Option<crate::audio::Frontend<'a>>, Error> {
        if self.major == OLD_MAJOR {
            return self.frontend(&tri!(self.config()));
        }
        let mut sections = self.sections_in_order(true);
        tri!(sections.next_part());
        match tri!(sections.next_part()) {
            Some((tag, mut words)) if tag == AUDIO.word => {
                tri!(words.word());
                Ok(Some(tri!(words.audio()).frontend))
            }
            _ => Ok(None),
        }
    }

    /// The `index`th part of a file whose shape has been found right; `None` after the last.
    pub(super) const fn nth_part(&self, index: usize) -> Result<Option<Read<'a>>, Error> {
        let mut sections = self.sections_in_order(true);
        // What the model is, and what goes in, are no parts.
        let mut skip = index + 2;
        loop {
            match tri!(sections.next_part()) {
                Some((tag, mut words)) if skip == 0 => return Ok(Some(self.tie(tri!(words.part(tag))))),
                Some(_) => skip -= 1,
                None => return Ok(None),
            }
        }
    }

    /// For each channel of features, the bits of two `f32`: the real value of 0, and that of a unit.
    #[cfg(feature = "std")]
    pub(crate) fn channels(&self) -> &'a [[u32; 2]] {
        self.real_values(FEATURES, FEATURE_WORDS)
    }

    /// The same of the channels of the memory.
    #[cfg(feature = "std")]
    pub(crate) fn memory_channels(&self) -> &'a [[u32; 2]] {
        self.real_values(MEMORY, MEMORY_WORDS)
    }

    /// Those of a section that has so many words before them; one of the words says how many channels there are.
    #[cfg(feature = "std")]
    fn real_values(&self, of: Tag, (before, channels): (usize, usize)) -> &'a [[u32; 2]] {
        let Ok(Some(words)) = self.find(of) else { return &[] };
        let Some((before, rest)) = words.words.split_at_checked(before) else { return &[] };
        let channels = before.get(channels).map_or(0, |&channels| channels as usize);
        rest.as_chunks::<2>().0.get(..channels).unwrap_or(&[])
    }

    /// For each channel of features, from a raw reading times 4,096 to its unit; empty where the file does not say it.
    pub(crate) const fn readings(&self) -> &'a [Channel] {
        if let Ok(Some(mut words)) = self.find(FEATURES)
            && let Ok(&[.., channels, _, _, has_readings]) = words.take(FEATURE_WORDS.0)
            && has_readings == 1
            && let Ok(_) = words.take(2 * channels as usize)
            && let Ok(readings) = words.channels(channels as usize)
        {
            return readings;
        }
        &[]
    }

    /// How many labels a file has, at most; a cut one counts, too.
    pub(crate) const fn labels(&self) -> usize {
        match self.find(LABELS) {
            Ok(Some(words)) => labels_in(words),
            _ => 0,
        }
    }

    /// Calls `see` with each section of a file whose shape has been found right: its place if it is in the chain, its
    /// name, its bytes, and what it says if it is a part.
    #[cfg(feature = "std")]
    pub(crate) fn each_section(&self, mut see: impl FnMut(Option<usize>, &'static str, usize, Option<Read<'_>>)) {
        let mut next = 0;
        let mut sections = self.sections_in_order(true);
        while let Ok(Some((tag, mut words))) = sections.next() {
            let name = if tag == AUDIO.word { AUDIO.name } else { name(tag) };
            let place = is_in_chain(tag).then_some(next);
            next += usize::from(is_in_chain(tag));
            see(place, name, 8 + 4 * words.words.len(), words.part(tag).ok().map(|read| self.tie(read)));
        }
    }

    /// Calls `run` with each part of a file whose shape has been found right.
    #[inline]
    pub(crate) fn each_read(&self, mut run: impl FnMut(&Read<'_>)) {
        let mut sections = self.sections_in_order(true);
        while let Ok(Some((tag, mut words))) = sections.next_part() {
            if let Ok(read) = words.part(tag) {
                run(&self.tie(read));
            }
        }
    }
}
