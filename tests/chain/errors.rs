//! Each number of each part out of its bounds: an error that says of which part, what is allowed and what was found.

use crate::support::{Random, linear};
use crate::whole::{
    HEAD_DIM, HEADS, HIDDEN, NAMES, OTHER_WIDTH, WIDTH, complete, file, of_sound, of_tokens, refusal, scale, sections,
};
use heedful::format::write::PartModel;
use heedful::{Allowed, Error, Pairing};

const WIDTH_WORD: u32 = WIDTH as u32;
/// Not the word of any scale.
pub const NO_SCALE: u32 = 0x7fff_ffff;

/// [`refusal`] with a word of a section changed; sections are counted from 0, `MODL` first.
#[track_caller]
pub fn changed(words: &[u32], section: usize, word: usize, value: u32) -> Error {
    let mut words = words.to_vec();
    let at = sections(&words)[section].start + 2 + word;
    words[at] = value;
    refusal(words)
}

/// A word that is wrong: of which part, which word, the value, and what is said of it.
pub struct Wrong(pub usize, pub usize, pub u32, pub &'static str, pub Allowed);

/// Numbers of parts begin after the model and its input.
pub const FIRST: usize = 2;

#[track_caller]
pub fn hold(words: &[u32], names: &[&'static str], wrongs: &[Wrong]) {
    for &Wrong(index, word, value, what, allowed) in wrongs {
        let (part, found) = (names[index], value as usize);
        let expected = Error::Part { index, part, what, allowed, found };
        assert_eq!(changed(words, FIRST + index, word, value), expected, "word {word} of {part}");
    }
}

pub const SCALE: Allowed = Allowed::Words("2^-32 up to, but not, 1/4");
pub const STEEPNESS: Allowed = Allowed::Words("2^-18 up to, but not, 1/16");
const BIAS: Allowed = Allowed::Words("-2^30 to 2^30");
pub const FLAG: Allowed = Allowed::Between(0, 1);

/// Words of a linear layer's weights.
pub const fn weights(inputs: usize, outputs: usize) -> usize {
    inputs.div_ceil(4) * outputs
}

pub const fn layer(inputs: usize, outputs: usize) -> usize {
    weights(inputs, outputs) + 2 * outputs
}

#[test]
fn positions_and_stem() {
    let count = 9;
    hold(
        &file(&complete()),
        &NAMES,
        &[
            Wrong(0, 0, 0, "positions", Allowed::Between(1, 65_536)),
            Wrong(0, 0, 65_537, "positions", Allowed::Between(1, 65_536)),
            Wrong(0, 1, 0, "width", Allowed::Between(1, 1024)),
            Wrong(0, 1, 1025, "width", Allowed::Between(1, 1024)),
            Wrong(0, 2, count, "class tokens", Allowed::Between(0, count as usize - 1)),
            Wrong(0, 3, 2, "values of the positions", FLAG),
            Wrong(1, 0, 0, "width", Allowed::Between(1, 1024)),
            Wrong(1, 1, 0, "class tokens", Allowed::Exactly(1)),
            Wrong(1, 1, 2, "class tokens", Allowed::Exactly(1)),
            Wrong(1, 2, 0, "rows of the input", Allowed::Between(1, 1 << 20)),
            Wrong(1, 3, 0, "columns of the input", Allowed::Between(1, 32_768)),
            Wrong(1, 4, 0, "channels of the input", Allowed::Between(1, 32_768)),
            Wrong(1, 5, 16, "bits of the input", Allowed::Either(8, 15)),
            Wrong(1, 6, 0, "kernel of a patch", Allowed::Between(1, 12)),
            Wrong(1, 6, 13, "kernel of a patch", Allowed::Between(1, 12)),
            Wrong(1, 7, 0, "kernel of a patch", Allowed::Between(1, 9)),
            Wrong(1, 7, u32::MAX, "kernel of a patch", Allowed::Between(1, 9)),
            Wrong(1, 8, 0, "stride of the patches", Allowed::Between(1, 32_768)),
            Wrong(1, 9, 32_769, "stride of the patches", Allowed::Between(1, 32_768)),
            Wrong(1, 10, 2, "padding of the input", Allowed::Between(0, 1)),
            Wrong(1, 11, 2, "padding of the input", Allowed::Between(0, 1)),
            Wrong(1, 13 + weights(8, WIDTH), 1 << 31, "bias of an output channel", BIAS),
            Wrong(1, 13 + weights(8, WIDTH) + 1, NO_SCALE, "scale of an output channel", SCALE),
            Wrong(1, 13 + layer(8, WIDTH), (1 << 30) + 1, "bias of an output channel", BIAS),
        ],
    );
    // Other patches are another number of them.
    let patches = |word, value| changed(&file(&complete()), 3, word, value);
    let expected = |found| Error::Part { index: 1, part: "stem", what: "patches", allowed: Allowed::Exactly(8), found };
    assert_eq!(patches(8, 1), expected(12));
    assert_eq!(patches(11, 0), expected(4));
}

#[test]
fn norms_and_rows() {
    let epsilon = ("epsilon of a norm", Allowed::Words("1 to 2^20"));
    let carried = 4 + WIDTH;
    hold(
        &file(&complete()),
        &NAMES,
        &[
            Wrong(2, 0, 0, "width", Allowed::Between(1, 1024)),
            Wrong(2, 0, 1025, "width", Allowed::Between(1, 1024)),
            Wrong(2, 0, WIDTH_WORD - 1, OTHER_WIDTH.0, OTHER_WIDTH.1),
            Wrong(2, 1, 2, "kind of a norm", FLAG),
            Wrong(2, 2, 2, "residual stream of a norm", FLAG),
            Wrong(2, 3, 0, epsilon.0, epsilon.1),
            Wrong(2, 3, (1 << 20) + 1, epsilon.0, epsilon.1),
            Wrong(4, carried, NO_SCALE, "scale of the residual stream", SCALE),
            Wrong(6, 0, 0, "width", Allowed::Between(1, 1024)),
            Wrong(6, 0, WIDTH_WORD - 1, OTHER_WIDTH.0, OTHER_WIDTH.1),
            Wrong(6, 1, 1 << 31, "bias of an output channel", BIAS),
            Wrong(6, 2, 0, "scale of an output channel", SCALE),
            Wrong(8, 0, 0, "values of a row", Allowed::Exactly(WIDTH)),
            Wrong(8, 0, 7, "values of a row", Allowed::Exactly(WIDTH)),
            Wrong(8, 1, 0, "scale of the rows", Allowed::Words("2^-8 to 255")),
            Wrong(8, 1, 65_281, "scale of the rows", Allowed::Words("2^-8 to 255")),
        ],
    );
}

#[test]
fn attention_parts() {
    let inner = HEADS * HEAD_DIM;
    let projections = 7 + 2 * HEADS;
    let pattern = projections + 3 * layer(WIDTH, inner) + layer(inner, WIDTH);
    let (windows, slopes) = (4 * HEADS, HEADS);
    let relative = pattern + windows + slopes;
    let rope = relative + 1 + 3 * HEADS;
    hold(
        &file(&complete()),
        &NAMES,
        &[
            Wrong(3, 0, 0, "width", Allowed::Between(1, 1024)),
            Wrong(3, 1, 8193, "heads", Allowed::Between(0, 8192)),
            Wrong(3, 2, 0, "heads of keys and values", Allowed::Between(1, HEADS)),
            Wrong(3, 2, 3, "heads of keys and values", Allowed::Between(1, HEADS)),
            Wrong(3, 3, 0, "head dimension", Allowed::Between(1, 256)),
            Wrong(3, 3, 257, "head dimension", Allowed::Between(1, 256)),
            Wrong(3, 4, 4, "kind of the projections", Allowed::Between(0, 3)),
            Wrong(3, 6, 32, "pattern", Allowed::Between(0, 31)),
            Wrong(3, 7, 0, "steepness of a head's softmax", STEEPNESS),
            Wrong(3, projections + weights(WIDTH, inner) + 1, 0, "scale of an output channel", SCALE),
            Wrong(3, pattern + 2, 0, "dilation of a head", Allowed::Between(1, 65_536)),
            Wrong(3, pattern + 6, 65_537, "dilation of a head", Allowed::Between(1, 65_536)),
            Wrong(3, relative, 0, "distances with a bias", Allowed::Between(1, 131_072)),
            Wrong(3, relative, 131_073, "distances with a bias", Allowed::Between(1, 131_072)),
            Wrong(3, rope, 3, "pairing of the rotation", Allowed::Between(0, 2)),
            Wrong(3, rope + 1, 0, "rotated pairs of a head", Allowed::Between(1, HEAD_DIM / 2)),
            Wrong(3, rope + 1, 3, "rotated pairs of a head", Allowed::Between(1, HEAD_DIM / 2)),
            Wrong(9, 2, 1, "heads of keys and values with fused weights", Allowed::Exactly(HEADS)),
            Wrong(10, 5, 0, "rank", Allowed::Between(1, WIDTH)),
            Wrong(10, 5, 7, "rank", Allowed::Between(1, WIDTH)),
        ],
    );
    // Three heads do not share two sets of keys, and without heads there are none.
    let words = file(&complete());
    let refused = |what, allowed, found| Error::Part { index: 3, part: "attention", what, allowed, found };
    let change = |changes: &[(usize, u32)]| {
        let mut words = words.clone();
        let at = sections(&words)[5].start + 2;
        changes.iter().for_each(|&(word, value)| words[at + word] = value);
        refusal(words)
    };
    let shared = refused("heads that share keys and values", Allowed::MultipleOf(2), 3);
    assert_eq!(change(&[(1, 3)]), shared);
    assert_eq!(change(&[(1, 0)]), refused("heads of keys and values", Allowed::Exactly(0), 2));
}

/// What fused weights cannot do: keys that are rows are not turned, nor wider than a head may be.
#[test]
fn fused_attention() {
    let mut chain = complete();
    let PartModel::Attention(attention) = &mut chain.parts[9] else { unreachable!() };
    attention.pattern.rope = Some((Pairing::Halves, vec![1, 2, 3]));
    let (index, part) = (9, "attention");
    let (what, allowed) = ("rotated pairs of fused weights", Allowed::Exactly(0));
    assert_eq!(chain.to_bytes(), Err(Error::Part { index, part, what, allowed, found: 1 }));
}

#[test]
fn feed_forward_parts() {
    let after = |index: usize| if index == 11 { 3 } else { 2 };
    for index in [5, 7, 11] {
        hold(
            &file(&complete()),
            &NAMES,
            &[
                Wrong(index, 0, 0, "width", Allowed::Between(1, 1024)),
                Wrong(index, 0, 1025, "width", Allowed::Between(1, 1024)),
                Wrong(index, 1, 0, "hidden width", Allowed::Between(1, 32_768)),
                Wrong(index, 1, 32_769, "hidden width", Allowed::Between(1, 32_768)),
                Wrong(index, after(index) + weights(WIDTH, HIDDEN) + 3, 0, "scale of an output channel", SCALE),
            ],
        );
    }
    let product = 3 + 2 * layer(WIDTH, HIDDEN) + 128;
    let allowed = Allowed::Words("2^-32 up to, but not, 2^-9");
    let bias = Allowed::Words("-2^22 to 2^22, both excluded");
    let down = product + 1 + weights(HIDDEN, WIDTH);
    hold(
        &file(&complete()),
        &NAMES,
        &[
            Wrong(11, 2, 2, "bits of the hidden values", FLAG),
            Wrong(11, product, NO_SCALE, "scale of a gate", SCALE),
            Wrong(11, product, scale(0.01).to_word(), "scale of a gate", allowed),
            Wrong(11, down, 1 << 22, "bias after 15-bit hidden values", bias),
        ],
    );
    // Hidden values of 15 bits, more than sums have room for.
    let mut chain = complete();
    let random = &mut Random(3);
    chain.parts[11] = PartModel::Gated {
        gate: linear(random, WIDTH, 769, 1.0),
        up: linear(random, WIDTH, 769, 1.0),
        table: [0; 256],
        product: scale(0.0001),
        down: linear(random, 769, WIDTH, 1.0),
        hidden15: true,
    };
    let (index, part, what) = (11, NAMES[11], "15-bit hidden values");
    let expected = Error::Part { index, part, what, allowed: Allowed::Between(1, 768), found: 769 };
    assert_eq!(chain.to_bytes(), Err(expected));
}

#[test]
fn the_end() {
    let logit = 4;
    hold(
        &file(&complete()),
        &NAMES,
        &[
            Wrong(13, 0, 0, "inputs", Allowed::Between(1, 32_768)),
            Wrong(13, 0, 32_769, "inputs", Allowed::Between(1, 32_768)),
            Wrong(13, 0, 5, "values of a row", Allowed::Exactly(WIDTH)),
            Wrong(13, 1, 0, "outputs", Allowed::Between(1, 32_768)),
            Wrong(13, 2, 2, "activation of a layer", FLAG),
            Wrong(14, 0, 6, "values of a row", Allowed::Exactly(7)),
            Wrong(14, 1, 5, "kind of pooling", Allowed::Between(0, 4)),
            Wrong(14, 2, 0, "pooled positions", Allowed::Between(1, 65_536)),
            Wrong(14, 2, 10, "pooled positions", Allowed::Between(1, 9)),
            Wrong(14, 3, 0, "scale of the mean over positions", SCALE),
            Wrong(15, 0, 0, "width", Allowed::Between(1, 32_768)),
            Wrong(15, 0, 8, "values of a row", Allowed::Exactly(7)),
            Wrong(15, 1, 0, "outputs", Allowed::Between(1, 65_536)),
            Wrong(15, 1, 65_537, "outputs", Allowed::Between(1, 65_536)),
            Wrong(15, 2, 5, "kind of output", Allowed::Between(0, 4)),
            Wrong(15, 3, 3, "layer of the output", Allowed::Between(0, 2)),
            Wrong(15, logit, 1, "scale of the logits", STEEPNESS),
            Wrong(15, logit + 1, f32::NAN.to_bits(), "step of an output", Allowed::Words("a positive, finite f32")),
            Wrong(
                15,
                logit + 1,
                f32::INFINITY.to_bits(),
                "step of an output",
                Allowed::Words("a positive, finite f32"),
            ),
            Wrong(15, logit + 1, 0, "step of an output", Allowed::Words("a positive, finite f32")),
        ],
    );
    let (index, part, what) = (15, "output", "outputs without a layer");
    let expected = Error::Part { index, part, what, allowed: Allowed::Exactly(7), found: 3 };
    assert_eq!(changed(&file(&complete()), FIRST + 15, 3, 0), expected);
}

#[test]
fn embeddings() {
    let names = ["positions", "embedding", NAMES[6], "output"];
    hold(
        &file(&of_tokens()),
        &names,
        &[
            Wrong(1, 0, 0, "tokens", Allowed::Between(1, 65_536)),
            Wrong(1, 0, 65_537, "tokens", Allowed::Between(1, 65_536)),
            Wrong(1, 1, 0, "width", Allowed::Between(1, 1024)),
            Wrong(1, 2, 0, "class tokens", Allowed::Exactly(1)),
            Wrong(1, 3, 0, "factor of the embedding", Allowed::Words("1 to 2^23")),
            Wrong(1, 3, (1 << 23) + 1, "factor of the embedding", Allowed::Words("1 to 2^23")),
        ],
    );
    // As many positions as tokens and class tokens, and a row for each token of the vocabulary.
    for (word, what, right) in [(0, "positions", 5), (1, "tokens", 9)] {
        let (allowed, found) = (Allowed::Exactly(right - 1), right);
        let expected = Error::Part { index: 1, part: "embedding", what, allowed, found };
        assert_eq!(changed(&file(&of_tokens()), 1, word, right as u32 - 1), expected);
    }
}

/// What a model is and takes in are no parts: they are named by themselves.
#[test]
fn model_and_input() {
    let shape = |what, allowed, found| Error::Shape { what, allowed, found };
    let features = file(&complete());
    for (word, value, what, allowed) in [
        (0, 0, "steps of the input", Allowed::Between(1, 1 << 20)),
        (0, (1 << 20) + 1, "steps of the input", Allowed::Between(1, 1 << 20)),
        (1, 0, "columns of the input", Allowed::Between(1, 32_768)),
        (1, 32_769, "columns of the input", Allowed::Between(1, 32_768)),
        (2, 0, "channels of the input", Allowed::Between(1, 32_768)),
        (2, 32_769, "channels of the input", Allowed::Between(1, 32_768)),
        (3, 16, "bits of the input", Allowed::Either(8, 15)),
    ] {
        assert_eq!(changed(&features, 1, word, value), shape(what, allowed, value as usize));
    }
    let mut words = features.clone();
    let at = sections(&words)[1].start + 2;
    words[at..at + 2].copy_from_slice(&[1 << 20, 1 << 15]);
    assert_eq!(refusal(words), shape("values of the input", Allowed::Between(1, 1 << 30), 1 << 36));
    assert_eq!(changed(&features, 0, 0, 16), shape("softmax weight bits", Allowed::Either(8, 15), 16));
    let tokens = file(&of_tokens());
    for (word, value, what) in [(0, 0, "positions"), (0, 65_537, "positions"), (1, 0, "tokens"), (1, 65_537, "tokens")]
    {
        assert_eq!(changed(&tokens, 1, word, value), shape(what, Allowed::Between(1, 65_536), value as usize));
    }
    let sound = file(&of_sound());
    for (word, value, what, allowed) in [
        (0, 0, "frames", Allowed::Between(1, 1 << 20)),
        (2, 0, "samples of the audio window", Allowed::Between(1, 1024)),
        (2, 1025, "samples of the audio window", Allowed::Between(1, 1024)),
        (3, 0, "hop of the audio window", Allowed::Between(1, 256)),
        (3, 257, "hop of the audio window", Allowed::Between(1, 256)),
        (4, 81, "mel bands", Allowed::Between(1, 80)),
        (8, 2, "picture of the bands", Allowed::Between(0, 1)),
        (9, 2, "spectrum", Allowed::Between(0, 1)),
        (10, 2, "removal of the mean of the samples", Allowed::Between(0, 1)),
        (11, 13, "shift of running means", Allowed::Between(0, 12)),
        (12, 4, "cepstra", Allowed::Between(0, 3)),
    ] {
        assert_eq!(changed(&sound, 1, word, value), shape(what, allowed, value as usize));
    }
}

/// The index and the name of the part, what is wrong, what was found, what is allowed.
#[test]
fn what_is_said() {
    let words = file(&complete());
    for (section, word, value, said) in [
        (FIRST, 0, 0, "part 0 (positions): positions: 0 found, allowed is 1 to 65536"),
        (FIRST + 2, 0, 5, "part 2 (norm): width of the residual stream: 5 found, expected 6"),
        (
            FIRST + 14,
            3,
            1,
            "part 14 (pooling): scale of the mean over positions: 0x00000001 found, \
             allowed is 2^-32 up to, but not, 1/4",
        ),
        (1, 3, 9, "wrong shape: bits of the input: 9 found, allowed is 8 or 15"),
    ] {
        assert_eq!(changed(&words, section, word, value).to_string(), said);
    }
    let lacking = Error::Memory { expected: 4000, found: 3996 };
    assert_eq!(lacking.to_string(), "too little memory for the model: 3996 bytes, it needs 4000");
}
