//! A language model whose shape is known when the firmware is compiled.

use crate::arithmetic::softmax::Weight;
use crate::attention::{MAX_POSITIONS, RewindError, Ring, StepView};
use crate::decoder::{DecoderBlockView, DecoderStateView, DecoderView};
use crate::error::require;
use crate::format::{DecoderConfig, File};
use crate::kernels::{Active, Kernels};
use crate::model::unwrap;
use crate::observe::{Observer, Unobserved};
use crate::pattern::Mask;
use crate::tokenizer::Tokenizer;
use core::marker::PhantomData;

/// A decoder's `.heed` file that a program contains; [`language_model!`](crate::language_model!) implements it.
pub trait EmbeddedDecoder {
    /// The file.
    const FILE: File<'static>;
    /// The model type of the file's shape: a `heedful::LanguageModel`.
    type Model;
}

/// A compiled-in language model with its working memory: `V` tokens, width `E`, `H` heads of `P` that share `G` sets of
/// keys and values, `F` hidden values, `L` blocks, and a cache of `N` positions.
///
/// `size_of` tells its RAM. The weights stay in the program's constants.
#[derive(Debug)]
#[repr(C, align(4))]
pub struct LanguageModel<
    M: EmbeddedDecoder,
    W,
    const V: usize,
    const E: usize,
    const H: usize,
    const G: usize,
    const P: usize,
    const F: usize,
    const L: usize,
    const N: usize,
> {
    scores: [[i32; N]; <Active as Kernels>::QUERIES],
    weights: [[W; N]; <Active as Kernels>::WEIGHT_ROWS],
    keys: [[[[i8; P]; N]; G]; L],
    values: [[[[i8; N]; P]; G]; L],
    residual: [i16; E],
    logits: [i16; V],
    query: [[i8; P]; H],
    key: [[i8; P]; G],
    outputs: [[i8; P]; H],
    normed: [i8; E],
    gate: [i8; F],
    up: [i8; F],
    ring: Ring,
    file: PhantomData<M>,
}

impl<
    M: EmbeddedDecoder,
    W: Weight,
    const V: usize,
    const E: usize,
    const H: usize,
    const G: usize,
    const P: usize,
    const F: usize,
    const L: usize,
    const N: usize,
> LanguageModel<M, W, V, E, H, G, P, F, L, N>
{
    /// The model's shape.
    pub const CONFIG: DecoderConfig = unwrap(M::FILE.decoder_config());
    /// The tokenizer, if the file has one.
    pub const TOKENIZER: Option<Tokenizer<'static>> = unwrap(M::FILE.tokenizer(&Self::CONFIG));
    const BLOCKS: [DecoderBlockView<'static>; L] = {
        let mut blocks = [unwrap(M::FILE.decoder_block(&Self::CONFIG, 0)); L];
        let mut i = 1;
        while i < L {
            blocks[i] = unwrap(M::FILE.decoder_block(&Self::CONFIG, i));
            i += 1;
        }
        blocks
    };
    const DECODER: DecoderView<'static> = unwrap(M::FILE.decoder(&Self::CONFIG, &Self::BLOCKS));

    /// A model that has taken no token; `const`, so that it can be a static.
    #[must_use]
    pub const fn new() -> Self {
        const {
            let c = Self::CONFIG;
            require(c.tokens == V && c.width == E, "language model: the file has another vocabulary or width");
            require(c.heads == H && c.key_heads == G && c.head_dim == P, "language model: the file has other heads");
            require(
                c.hidden == F && c.layers == L,
                "language model: the file has another hidden width or number of layers",
            );
            require(N > 0, "language model: the cache has no room for a position");
            require(N <= MAX_POSITIONS, "language model: the cache has room for more than 65,536 positions");
        }
        Self {
            scores: [[0; N]; <Active as Kernels>::QUERIES],
            weights: [[W::ZERO; N]; <Active as Kernels>::WEIGHT_ROWS],
            keys: [[[[0; P]; N]; G]; L],
            values: [[[[0; N]; P]; G]; L],
            residual: [0; E],
            logits: [0; V],
            query: [[0; P]; H],
            key: [[0; P]; G],
            outputs: [[0; P]; H],
            normed: [0; E],
            gate: [0; F],
            up: [0; F],
            ring: Ring::new(N, 0),
            file: PhantomData,
        }
    }

    /// Takes in one more token, and gives the logits of the next one. Tokens outside the vocabulary count as no token:
    /// zeros.
    #[inline]
    pub fn step(&mut self, token: u16) -> &[i16; V] {
        self.push(token);
        const { &Self::DECODER }.logits::<Active>(&self.residual, &mut self.normed, &mut self.logits);
        &self.logits
    }

    /// Takes in one more token, whose successor is known: its logits are not computed.
    #[inline]
    pub fn push(&mut self, token: u16) {
        self.push_observed(token, &mut Unobserved);
    }

    /// [`LanguageModel::push`], showing each row of softmax weights to `observer`.
    #[inline]
    pub fn push_observed(&mut self, token: u16, observer: &mut impl Observer<W>) {
        let mut state = DecoderStateView {
            residual: &mut self.residual,
            normed: &mut self.normed,
            step: StepView {
                query: self.query.as_flattened_mut(),
                key: self.key.as_flattened_mut(),
                scores: self.scores.as_flattened_mut(),
                weights: self.weights.as_flattened_mut(),
                outputs: self.outputs.as_flattened_mut(),
            },
            gate: &mut self.gate,
            up: &mut self.up,
            keys: self.keys.as_flattened_mut().as_flattened_mut().as_flattened_mut(),
            values: self.values.as_flattened_mut().as_flattened_mut().as_flattened_mut(),
        };
        let decoder = const { &Self::DECODER };
        decoder.push::<Active, W, _, _>(usize::from(token), &mut self.ring, &Mask::None, &mut state, observer);
    }

    /// Tokens taken in so far.
    #[must_use]
    pub const fn seen(&self) -> u64 {
        self.ring.seen()
    }

    /// Begins anew.
    pub const fn reset(&mut self) {
        self.ring.reset();
    }

    /// Goes back to the time when `length` tokens had been taken in.
    ///
    /// # Errors
    /// If these are more than there were, or if the cache has forgotten what would be looked at again; see
    /// [`RewindError`].
    pub const fn rewind(&mut self, length: u64) -> Result<(), RewindError> {
        self.ring.rewind(length)
    }
}

impl<
    M: EmbeddedDecoder,
    W: Weight,
    const V: usize,
    const E: usize,
    const H: usize,
    const G: usize,
    const P: usize,
    const F: usize,
    const L: usize,
    const N: usize,
> Default for LanguageModel<M, W, V, E, H, G, P, F, L, N>
{
    fn default() -> Self {
        Self::new()
    }
}

/// Names a language model that lies in a `.heed` file, with the number of positions that its cache holds, and checks
/// the file when the program is compiled.
///
/// `heedful::language_model!(pub Stories = "stories.heed", context = 128);` makes the type `Stories`, which
/// dereferences to a [`LanguageModel`](crate::LanguageModel) of the file's shape. The path is as in
/// [`model!`](crate::model!), and so are attributes before it that say where the weights lie.
#[macro_export]
macro_rules! language_model {
    (@ $attributes:tt $vis:vis $name:ident [$($place:tt)*] #$next:tt $($rest:tt)+) => {
        $crate::language_model!(@ $attributes $vis $name [$($place)* #$next] $($rest)+);
    };
    (@ [$($attribute:tt)*] $vis:vis $name:ident [$($place:tt)*] $path:expr, context = $context:expr $(,)?) => {
        $($attribute)*
        #[derive(Debug)]
        $vis struct $name(<Self as $crate::language::EmbeddedDecoder>::Model);

        #[allow(long_running_const_eval)]
        const _: () = {
            use $crate::language::EmbeddedDecoder;
            use $crate::model::{Choose, Chosen, unwrap};

            const BYTES: &[u8] = include_bytes!($path);
            $($place)*
            static WORDS: [u32; BYTES.len() / 4] = $crate::format::words(BYTES);
            const FILE: $crate::format::File<'static> = unwrap($crate::format::File::open(&WORDS));
            const CONFIG: $crate::format::DecoderConfig = unwrap(FILE.decoder_config());

            impl EmbeddedDecoder for $name {
                const FILE: $crate::format::File<'static> = FILE;
                type Model = $crate::LanguageModel<
                    Self,
                    <Choose<{ CONFIG.softmax.is_wide() }> as Chosen>::Weight,
                    { CONFIG.tokens },
                    { CONFIG.width },
                    { CONFIG.heads },
                    { CONFIG.key_heads },
                    { CONFIG.head_dim },
                    { CONFIG.hidden },
                    { CONFIG.layers },
                    { $context },
                >;
            }

            #[allow(dead_code)]
            impl $name {
                /// The model's shape.
                pub const CONFIG: $crate::format::DecoderConfig = CONFIG;
                /// The tokenizer, if the file has one.
                pub const TOKENIZER: Option<$crate::Tokenizer<'static>> = <Self as EmbeddedDecoder>::Model::TOKENIZER;
                /// Bytes of flash that the file takes.
                pub const FLASH: usize = BYTES.len();
                /// The file, where it lies in the program.
                pub const WORDS: &'static [u32] = &WORDS;

                /// A model that has taken no token; `const`, so that it can be a static.
                #[must_use]
                pub const fn new() -> Self {
                    Self(<Self as EmbeddedDecoder>::Model::new())
                }
            }

            $crate::dereference!($name, <Self as EmbeddedDecoder>::Model);
        };
    };
    ($(#[$attribute:meta])* $vis:vis $name:ident = $($file:tt)+) => {
        $crate::language_model!(@ [$(#[$attribute])*] $vis $name [] $($file)+);
    };
}
