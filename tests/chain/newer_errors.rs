//! Numbers of the newer parts out of their bounds, and their order.

use crate::errors::{FIRST, FLAG, NO_SCALE, SCALE, STEEPNESS, Wrong, changed, hold, layer, weights};
use crate::support::{Random, linear};
use crate::whole::{
    HEAD_DIM, HEADS, MEMORY, OTHER_WIDTH, REMEMBERING, WIDTH, complete, file, of_tokens, of_typed_tokens, refusal,
    remembering, scale, sections,
};
use heedful::format::write::{ChainModel, InputModel, PartModel};
use heedful::{Allowed, Channel, Error, MemoryShape, Patches};

const LARGEST: Allowed = Allowed::Between(1, 32_768);

#[test]
fn memories() {
    hold(
        &file(&remembering()),
        &REMEMBERING,
        &[
            Wrong(0, 0, 0, "rows of the memory", Allowed::Between(1, 65_536)),
            Wrong(0, 0, 65_537, "rows of the memory", Allowed::Between(1, 65_536)),
            Wrong(0, 1, 0, "channels of the memory", LARGEST),
            Wrong(0, 1, 32_769, "channels of the memory", LARGEST),
            Wrong(6, 5, 0, "channels of the memory", LARGEST),
            Wrong(6, 6, 1, "pattern of attention to a memory", Allowed::Exactly(0)),
            Wrong(6, 7, 0, "rows of the memory", Allowed::Between(1, 65_536)),
            Wrong(6, 7, 65_537, "rows of the memory", Allowed::Between(1, 65_536)),
            Wrong(6, 7, 5, "rows of the memory", Allowed::Exactly(MEMORY.steps)),
            Wrong(6, 8, 0, "steepness of a head's softmax", STEEPNESS),
            Wrong(6, 8 + 2 * HEADS + weights(WIDTH, HEADS * HEAD_DIM) + 1, 0, "scale of an output channel", SCALE),
        ],
    );
}

#[test]
fn convolutions() {
    // The full one has 15 bits, the depthwise one 8.
    let (full, each) = (13 + layer(6, 4), 13 + layer(3, 8));
    assert_eq!(sections(&file(&remembering()))[FIRST + 2].len(), 2 + each + 129);
    hold(
        &file(&remembering()),
        &REMEMBERING,
        &[
            Wrong(1, 0, 0, "outputs of a convolution", LARGEST),
            Wrong(1, 0, 32_769, "outputs of a convolution", LARGEST),
            Wrong(1, 1, 2, "kind of a convolution", FLAG),
            Wrong(1, 2, 0, "rows of the input", Allowed::Between(1, 1 << 20)),
            Wrong(1, 2, 7, "rows of the input", Allowed::Exactly(8)),
            Wrong(1, 3, 0, "columns of the input", LARGEST),
            Wrong(1, 4, 0, "channels of the input", LARGEST),
            Wrong(1, 5, 9, "bits of the input", Allowed::Either(8, 15)),
            Wrong(1, 6, 0, "kernel of a patch", Allowed::Between(1, 24)),
            Wrong(1, 7, 4, "kernel of a patch", Allowed::Between(1, 3)),
            Wrong(1, 8, 0, "stride of the patches", LARGEST),
            Wrong(1, 9, 32_769, "stride of the patches", LARGEST),
            Wrong(1, 10, 3, "padding of the input", Allowed::Between(0, 2)),
            Wrong(1, 11, 1, "padding of the input", Allowed::Between(0, 0)),
            Wrong(1, 13 + weights(6, 4) + 1, NO_SCALE, "scale of an output channel", SCALE),
            Wrong(1, full + 1, NO_SCALE, "scale of an output channel", SCALE),
            Wrong(2, 0, 9, "outputs of a depthwise convolution", Allowed::MultipleOf(4)),
            Wrong(2, 0, 2, "outputs of a depthwise convolution", Allowed::MultipleOf(4)),
            Wrong(2, 2, 9, "rows of the input", Allowed::Exactly(8)),
            Wrong(2, 13 + weights(3, 8) + 1, 0, "scale of an output channel", SCALE),
        ],
    );
}

/// A stem, or a convolution, whose input is not what the last convolution made.
#[test]
fn maps_that_do_not_fit() {
    let random = &mut Random(6);
    let refused = |chain: ChainModel, index, what, allowed, found| {
        let part = REMEMBERING[index];
        assert_eq!(chain.to_bytes(), Err(Error::Part { index, part, what, allowed: Allowed::Exactly(allowed), found }));
    };
    // The input itself is no more to be had.
    let mut chain = remembering();
    let PartModel::Stem { patches, layer, .. } = &mut chain.parts[4] else { unreachable!() };
    *patches = Patches { kernel: [3, 1], stride: [1, 1], ..Patches::of_series(8, 2, 1) };
    *layer = linear(random, patches.values(), WIDTH, 1.0);
    refused(chain, 4, "rows of the input", 6, 8);
    let mut chain = remembering();
    let PartModel::Stem { patches, layer, .. } = &mut chain.parts[4] else { unreachable!() };
    *patches = Patches::of_series(6, 7, 1);
    *layer = linear(random, 7, WIDTH, 1.0);
    refused(chain, 4, "channels of the input", 8, 7);
    // Maps have 8 bits.
    let mut chain = remembering();
    let PartModel::Convolution { fine, .. } = &mut chain.parts[2] else { unreachable!() };
    *fine = vec![Channel { bias: 0, scale: scale(0.001) }; 8];
    refused(chain, 2, "bits of the input", 8, 15);
    let mut chain = remembering();
    let PartModel::Convolution { fine, .. } = &mut chain.parts[1] else { unreachable!() };
    fine.clear();
    refused(chain, 1, "bits of the input", 15, 8);
    // Without the second, the stem has another input.
    let mut chain = remembering();
    chain.parts.remove(2);
    let (index, part, what) = (3, "stem", "rows of the input");
    assert_eq!(chain.to_bytes(), Err(Error::Part { index, part, what, allowed: Allowed::Exactly(8), found: 6 }));
}

#[test]
fn order_of_the_newer_parts() {
    let moved = |from: usize, to: usize| {
        let mut chain = remembering();
        let part = chain.parts.remove(from);
        chain.parts.insert(to, part);
        chain.to_bytes().err()
    };
    let refused = |index, part, what, allowed, found| Some(Error::Part { index, part, what, allowed, found });
    let late = ("convolutions after the positions", Allowed::Exactly(0), 1);
    assert_eq!(moved(2, 3), refused(3, "convolution", late.0, late.1, late.2));
    assert_eq!(moved(2, 5), refused(3, "stem", "rows of the input", Allowed::Exactly(8), 6));
    assert_eq!(moved(0, 3), refused(3, "memory", "memories after the input", Allowed::Exactly(1), 2));
    // Between the input and the positions the order is free.
    assert_eq!(moved(0, 2), None);

    let mut chain = remembering();
    let memory = chain.parts[0].clone();
    chain.parts.insert(1, memory);
    let two = refused(1, "memory", "memories after the input", Allowed::Exactly(1), 2);
    assert_eq!(chain.to_bytes().err(), two);
    let mut chain = remembering();
    chain.parts.remove(0);
    assert_eq!(chain.to_bytes().err(), refused(5, "attention", "memory", Allowed::AtLeast(1), 0));
    let mut chain = remembering();
    let PartModel::Attention(attention) = &mut chain.parts[6] else { unreachable!() };
    attention.memory = Some(MemoryShape { channels: 5, ..MEMORY });
    let random = &mut Random(6);
    attention.key = Some(linear(random, 5, HEADS * HEAD_DIM, 1.0));
    attention.value = linear(random, 5, HEADS * HEAD_DIM, 1.0);
    let channels = refused(6, "attention", "channels of the memory", Allowed::Exactly(MEMORY.channels), 5);
    assert_eq!(chain.to_bytes().err(), channels);

    // Tokens have no map, and features no types.
    let mut chain = of_tokens();
    chain.parts.insert(0, remembering().parts[1].clone());
    assert_eq!(chain.to_bytes().err(), refused(0, "convolution", "embedding", Allowed::AtLeast(1), 0));
    let mut chain = complete();
    chain.parts.insert(2, PartModel::TokenTypes { class_tokens: 1, width: WIDTH, values: vec![0; WIDTH] });
    assert_eq!(chain.to_bytes().err(), refused(2, "token types", "tokens", Allowed::AtLeast(1), 0));
}

#[test]
fn pooling_by_weights() {
    hold(
        &file(&remembering()),
        &REMEMBERING,
        &[
            Wrong(7, 0, 0, "width", Allowed::Between(1, 1024)),
            Wrong(7, 0, 1025, "width", Allowed::Between(1, 1024)),
            Wrong(7, 1, 5, "kind of pooling", Allowed::Between(0, 4)),
            Wrong(7, 3, 0, "steepness of a head's softmax", STEEPNESS),
            Wrong(7, 5 + weights(WIDTH, 1) + 1, 0, "scale of an output channel", SCALE),
        ],
    );
    let mut chain = remembering();
    let PartModel::WeightedPool { layer, .. } = &mut chain.parts[7] else { unreachable!() };
    *layer = linear(&mut Random(6), WIDTH + 1, 1, 1.0);
    let (index, part, what) = (7, "pooling", "values of a row");
    let expected = Error::Part { index, part, what, allowed: Allowed::Exactly(WIDTH), found: WIDTH + 1 };
    assert_eq!(chain.to_bytes(), Err(expected));
}

#[test]
fn types_and_tied_outputs() {
    let names = ["positions", "embedding", "token types", "rows of the residual stream", "output"];
    hold(
        &file(&of_typed_tokens()),
        &names,
        &[
            Wrong(2, 0, 0, "types of tokens", Allowed::Between(1, 256)),
            Wrong(2, 0, 257, "types of tokens", Allowed::Between(1, 256)),
            Wrong(2, 1, 0, "width", Allowed::Between(1, 1024)),
            Wrong(2, 1, 1025, "width", Allowed::Between(1, 1024)),
            Wrong(2, 1, WIDTH as u32 - 1, OTHER_WIDTH.0, OTHER_WIDTH.1),
            Wrong(2, 2, 0, "class tokens", Allowed::Exactly(1)),
            Wrong(4, 1, 8, "outputs that are tokens", Allowed::Exactly(9)),
        ],
    );
    // What there is no embedding for.
    let mut chain = remembering();
    chain.parts[8] = of_typed_tokens().parts[4].clone();
    let (index, part, what) = (8, "output", "embedding");
    let expected = Error::Part { index, part, what, allowed: Allowed::AtLeast(1), found: 0 };
    assert_eq!(chain.to_bytes(), Err(expected));
    let mut chain = of_typed_tokens();
    let layer = linear(&mut Random(6), WIDTH, 8, 1.0);
    chain.parts.insert(4, PartModel::Dense { layer, activation: None });
    let PartModel::TiedOutput { width, .. } = &mut chain.parts[5] else { unreachable!() };
    *width = 8;
    let (index, what) = (5, "values of a row");
    let expected = Error::Part { index, part, what, allowed: Allowed::Exactly(WIDTH), found: 8 };
    assert_eq!(chain.to_bytes(), Err(expected));
    // Labels are as many as tokens.
    let mut chain = of_typed_tokens();
    chain.labels = vec!["a".into(); 9];
    assert!(chain.to_bytes().is_ok());
    chain.labels.pop();
    let (what, allowed) = ("labels", Allowed::Exactly(9));
    assert_eq!(chain.to_bytes(), Err(Error::Shape { what, allowed, found: 8 }));
}

/// Words of the input that are not of its shape.
#[test]
fn raw_readings() {
    let words = file(&remembering());
    let shape = |what, allowed, found| Error::Shape { what, allowed, found };
    assert_eq!(changed(&words, 1, 5, 2), shape("raw readings", FLAG, 2));
    let channels = 6 + 2 * 2;
    let scale = |what, found, allowed| Error::Scale { what, found, allowed };
    let bias = scale("bias of an output channel", 1 << 31, "-2^30 to 2^30");
    assert_eq!(changed(&words, 1, channels, 1 << 31), bias);
    assert!(matches!(changed(&words, 1, channels + 3, NO_SCALE), Error::Scale { .. }));
    let mut cut = words.clone();
    let end = sections(&words)[1].end;
    cut.drain(end - 1..end);
    cut[sections(&words)[1].start + 1] -= 1;
    assert!(matches!(refusal(cut), Error::Truncated { .. }));
    // For all channels or none.
    let mut chain = remembering();
    let InputModel::Features { channels, .. } = &mut chain.input else { unreachable!() };
    channels[1].reading = None;
    let (what, allowed) = ("channels of raw readings", Allowed::Exactly(2));
    assert_eq!(chain.to_bytes(), Err(shape(what, allowed, 1)));
}
