//! Reading a language model: a chain of parts that takes a token at a time.

use super::flow::{Flow, Pace};
use super::part::{EMBEDDING, Read, TOKENIZER};
use super::reader::{exactly, tri};
use super::shape::{OutputKind, Shape};
use super::{CONFIG, DECODER, File, OLD_MAJOR};
use crate::parts::{Part, Uses};
use crate::rope::Rope;
use crate::tokenizer::Tokenizer;
use crate::{Allowed, Error};
use bytemuck::must_cast_slice;

impl<'a> File<'a> {
    /// The shape of a language model of either version of the format: what one token needs on its way, and what comes
    /// out of it.
    ///
    /// # Errors
    /// What is wrong, and in which part; and what a model may not have that takes a token at a time.
    pub const fn language_shape(&self) -> Result<Shape, Error> {
        if self.major != OLD_MAJOR {
            return self.shape_of(Pace::Text);
        }
        let config = tri!(self.decoder_config());
        let mut flow = Flow::new(config.softmax, config.input(), Pace::Text);
        while let Some(read) = tri!(self.old_language_part(&config, flow.parts())) {
            tri!(flow.take(&read));
        }
        flow.finish()
    }

    /// The tokenizer, if the file has one, of a vocabulary of so many tokens.
    ///
    /// # Errors
    /// If it does not fit itself or the vocabulary.
    pub const fn tokenizer(&self, tokens: usize) -> Result<Option<Tokenizer<'a>>, Error> {
        let mut words = match tri!(self.tokens()) {
            Some(words) => words,
            None => return Ok(None),
        };
        let count = tri!(words.word()) as usize;
        if count != tokens {
            let allowed = Allowed::Exactly(tokens);
            return Err(Error::Shape { what: "tokens of the tokenizer", allowed, found: count });
        }
        match Tokenizer::new(must_cast_slice(words.words), count) {
            Ok(tokenizer) => Ok(Some(tokenizer)),
            Err(error) => Err(error),
        }
    }

    /// The section of the tokenizer.
    const fn tokens(&self) -> Result<Option<super::Reader<'a>>, Error> {
        if self.major == OLD_MAJOR {
            return match self.section(super::TOKENS, 0) {
                Ok(words) => Ok(Some(words)),
                Err(Error::Missing { .. }) => Ok(None),
                Err(error) => Err(error),
            };
        }
        self.find(TOKENIZER)
    }

    /// An output that is tied to the embedding, with the layer of that; any other part as it is.
    pub(super) const fn tie(&self, read: Read<'a>) -> Read<'a> {
        let Read::Output(mut output) = read else { return read };
        if !output.tied {
            return read;
        }
        if let Ok(Some(mut words)) = self.find(EMBEDDING)
            && let Ok(Read::Embedding(embedding)) = words.part(EMBEDDING.word)
        {
            output.layer = Some(embedding.view.layer);
        }
        Read::Output(output)
    }

    /// Calls `run` with the first `count` parts of a language model whose shape has been found right.
    #[doc(hidden)]
    #[inline]
    pub fn each_language_part(&self, count: usize, mut run: impl FnMut(&Part<'_>)) {
        let mut index = 0;
        if self.major == OLD_MAJOR {
            let Ok(config) = self.decoder_config() else { return };
            while let (true, Ok(Some(read))) = (index < count, self.old_language_part(&config, index)) {
                run(&read.part());
                index += 1;
            }
            return;
        }
        self.each_read(|read| {
            if index < count {
                run(&read.part());
            }
            index += 1;
        });
    }
}

impl<'a> Flow<'a> {
    /// Whether a part can be in a model that takes a token at a time.
    pub(super) const fn can_step(&self, read: &Read<'a>) -> Result<(), Error> {
        match read {
            Read::Positions { first, .. } => exactly("class tokens of a language model", *first, 0),
            Read::Attention(part) => {
                let heads = part.attention.head_scales.len();
                if !part.pattern.causal && heads > 0 {
                    return exactly("heads that look ahead", heads, 0);
                }
                match part.attention.key {
                    None => exactly("heads with fused weights in a language model", heads, 0),
                    Some(_) => Ok(()),
                }
            }
            Read::Output(output) if !matches!(output.kind, OutputKind::NextToken) => {
                Err(Error::Kind { expected: DECODER.holds(), found: CONFIG.holds() })
            }
            Read::Embedding(_)
            | Read::Norm { .. }
            | Read::Rows(_)
            | Read::Residual { .. }
            | Read::FeedForward(_)
            | Read::FineFeedForward(_)
            | Read::Gated(_)
            | Read::Dense(_)
            | Read::Output(_) => Ok(()),
            _ => exactly("parts that a language model cannot have", 1, 0),
        }
    }

    /// Whether this is the rotation of all attention so far.
    pub(super) const fn turns(&mut self, rope: Rope<'a>) -> Uses {
        let Some(first) = self.rope else {
            self.rope = Some(rope);
            return Uses(0);
        };
        let alike = first.frequencies.len() == rope.frequencies.len() && first.pairing as u32 == rope.pairing as u32;
        let mut i = 0;
        while alike && i < rope.frequencies.len() && first.frequencies[i] == rope.frequencies[i] {
            i += 1;
        }
        Uses::ROPES.only_if(!alike || i < rope.frequencies.len())
    }
}
