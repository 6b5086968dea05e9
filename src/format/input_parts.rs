//! Reading the parts that lead from the input to the residual stream.

use super::part::Read;
use super::reader::{Reader, between, tri, within};
use crate::arithmetic::softmax::MAX_POSITIONS;
use crate::embedding::{EmbeddingView, MAX_FACTOR};
use crate::linear::MAX_INPUTS;
use crate::norm::MAX_WIDTH;
use crate::parts::{Convolution, Embedding, Patches, Positions, Stem, TokenTypes};
use crate::{Allowed, Error};
use bytemuck::must_cast_slice;

impl<'a> Reader<'a> {
    pub(super) const fn positions(&mut self) -> Result<Read<'a>, Error> {
        let (count, width, first) = (tri!(self.count()), tri!(self.count()), tri!(self.count()));
        tri!(within("positions", count, MAX_POSITIONS));
        tri!(within("width", width, MAX_WIDTH));
        tri!(between("class tokens", first, 0, count - 1));
        let values: &[i16] = if tri!(self.flag("values of the positions")) {
            let values: &[i16] = must_cast_slice(tri!(self.take((count * width).div_ceil(2))));
            values.split_at(count * width).0
        } else {
            &[]
        };
        Ok(Read::Positions { positions: Positions { width, values }, count, first })
    }

    /// Patches, and whether their values have 15 bits.
    const fn patches(&mut self) -> Result<(Patches, bool), Error> {
        let input = [tri!(self.count()), tri!(self.count()), tri!(self.count())];
        tri!(within("rows of the input", input[0], 1 << 20));
        tri!(within("columns of the input", input[1], 1 << 15));
        tri!(within("channels of the input", input[2], MAX_INPUTS));
        let bits = tri!(self.count());
        if bits != 8 && bits != 15 {
            return Err(Error::Shape { what: "bits of the input", allowed: Allowed::Either(8, 15), found: bits });
        }
        let patches = Patches {
            input,
            kernel: [tri!(self.count()), tri!(self.count())],
            stride: [tri!(self.count()), tri!(self.count())],
            padding: [tri!(self.count()), tri!(self.count())],
            zero: tri!(self.word()) as i8,
        };
        let mut axis = 0;
        while axis < 2 {
            tri!(within("kernel of a patch", patches.kernel[axis], patches.input[axis].saturating_mul(3)));
            tri!(within("stride of the patches", patches.stride[axis], 1 << 15));
            tri!(between("padding of the input", patches.padding[axis], 0, patches.kernel[axis] - 1));
            axis += 1;
        }
        tri!(within("values of a patch", patches.values(), MAX_INPUTS));
        tri!(within("patches", patches.total(), 1 << 20));
        Ok((patches, bits == 15))
    }

    pub(super) const fn stem(&mut self) -> Result<Read<'a>, Error> {
        let (width, first) = (tri!(self.count()), tri!(self.count()));
        tri!(within("width", width, MAX_WIDTH));
        let (patches, fine) = tri!(self.patches());
        let layer = tri!(self.linear(patches.values(), width));
        let fine = if fine { tri!(self.channels(width)) } else { &[] };
        Ok(Read::Stem(Stem { layer, fine, first, patches }))
    }

    pub(super) const fn convolution(&mut self) -> Result<Read<'a>, Error> {
        let outputs = tri!(self.count());
        tri!(within("outputs of a convolution", outputs, MAX_INPUTS));
        let depthwise = tri!(self.flag("kind of a convolution"));
        let (patches, fine) = tri!(self.patches());
        let channels = patches.input[2];
        if depthwise && !outputs.is_multiple_of(channels) {
            let allowed = Allowed::MultipleOf(channels);
            return Err(Error::Shape { what: "outputs of a depthwise convolution", allowed, found: outputs });
        }
        let inputs = if depthwise { patches.values() / channels } else { patches.values() };
        let layer = tri!(self.linear(inputs, outputs));
        let fine = if fine { tri!(self.channels(outputs)) } else { &[] };
        let activation = tri!(self.fine_table());
        Ok(Read::Convolution(Convolution { layer, fine, patches, depthwise, activation }))
    }

    pub(super) const fn embedding(&mut self) -> Result<Read<'a>, Error> {
        let (tokens, width, first) = (tri!(self.count()), tri!(self.count()), tri!(self.count()));
        tri!(within("tokens", tokens, 1 << 16));
        tri!(within("width", width, MAX_WIDTH));
        let factor = tri!(self.word());
        if factor == 0 || factor > MAX_FACTOR {
            return Err(Error::Scale { what: "factor of the embedding", found: factor, allowed: "1 to 2^23" });
        }
        let view = EmbeddingView { layer: tri!(self.linear(width, tokens)), factor: factor as i32 };
        Ok(Read::Embedding(Embedding { view, first }))
    }

    pub(super) const fn token_types(&mut self) -> Result<Read<'a>, Error> {
        let (types, width, first) = (tri!(self.count()), tri!(self.count()), tri!(self.count()));
        tri!(within("types of tokens", types, 256));
        tri!(within("width", width, MAX_WIDTH));
        let values: &[i16] = must_cast_slice(tri!(self.take((types * width).div_ceil(2))));
        Ok(Read::TokenTypes(TokenTypes { width, values: values.split_at(types * width).0, first }))
    }
}
