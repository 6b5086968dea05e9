//! The same bits by all doors and on all backends, for generated chains.

use crate::chain::{Given, chain, input, outputs};
use crate::support::{Random, seal, to_bytes, to_words};
use heedful::bytemuck::cast_slice;
use heedful::dynamic;
use heedful::format::{File, InputKind};
use heedful::internals::{Active, Kernels, Portable, Wide};
use heedful::{Error, Model};

/// Chains of each test.
const CHAINS: u64 = if cfg!(miri) { 5 } else { 240 };

fn file(number: u64) -> (Random, Vec<u8>) {
    let mut random = Random(number);
    let chain = chain(&mut random, number);
    let bytes = chain.to_bytes().unwrap_or_else(|error| panic!("chain {number}: {error}"));
    (random, bytes)
}

/// What comes out of a model in a memory that the program gives.
fn loaded(model: &mut Model<'_>, given: &Given) -> Vec<i16> {
    model.infer_input(given.input(), given.memory()).logits().to_vec()
}

/// Whatever the memory held before: another inference, or anything.
#[test]
fn run_time_models_give_the_bits_of_the_host() {
    let mut differ = 0;
    for number in 0..CHAINS {
        let (mut random, bytes) = file(number);
        let host = dynamic::Model::load(&bytes).unwrap();
        let words = to_words(&bytes);
        let mut memory: Vec<u32> =
            (0..Model::memory(cast_slice(&words)).unwrap() / 4).map(|_| random.next() as u32).collect();
        let mut model = Model::load(cast_slice(&words), &mut memory).unwrap();
        assert_eq!(model.shape(), host.shape());
        let mut before = None;
        for _ in 0..3 {
            let given = input(&mut random, host.shape());
            let expected = outputs(&host, &given);
            assert_eq!(loaded(&mut model, &given), expected, "chain {number}");
            differ += usize::from(before.is_some_and(|before| before != expected));
            before = Some(expected);
        }
    }
    // Outputs depend on the inputs, but for those of models with saturated or constant ends.
    println!("{differ} of {} outputs are not the ones before", 2 * CHAINS);
    assert!(differ as u64 > CHAINS);
}

/// Fewer words of memory than a model needs are an error that names the bytes.
#[test]
fn memory_that_is_too_small() {
    for number in 0..CHAINS / 4 {
        let (_, bytes) = file(number);
        let words = to_words(&bytes);
        let expected = Model::memory(cast_slice(&words)).unwrap();
        for short in [1, expected / 8, expected / 4] {
            let mut memory = vec![0; expected / 4 - short];
            let found = expected - 4 * short;
            let error = Model::load(cast_slice(&words), &mut memory).err();
            assert_eq!(error, Some(Error::Memory { expected, found }), "chain {number}");
        }
        let mut memory = vec![0; expected / 4 + 1];
        assert!(Model::load(cast_slice(&words), &mut memory).is_ok());
    }
}

/// Bytes off a word boundary are refused; on the host they are copied.
#[test]
fn bytes_off_a_word_boundary() {
    let (_, bytes) = file(0);
    let mut words = vec![0u32; bytes.len() / 4 + 1];
    let room: &mut [u8] = heedful::bytemuck::cast_slice_mut(&mut words);
    room[1..=bytes.len()].copy_from_slice(&bytes);
    let shifted = &room[1..=bytes.len()];
    assert_eq!(Model::load(shifted, &mut []).err(), Some(Error::Misaligned { found: 1 }));
    assert!(dynamic::Model::load(shifted).is_ok());
}

fn backends_agree<K: Kernels>() {
    for number in 0..CHAINS {
        let (mut random, bytes) = file(number);
        let model = dynamic::Model::load(&bytes).unwrap();
        let given = input(&mut random, model.shape());
        let (input, memory) = (given.input(), given.memory());
        let portable = model.infer_on::<Portable>(input, memory);
        assert_eq!(model.infer_on::<K>(input, memory), portable, "{}, chain {number}", K::NAME);
        assert_eq!(outputs(&model, &given), portable, "chain {number}");
    }
}

#[test]
fn the_active_backend_gives_the_portable_bits() {
    backends_agree::<Active>();
    backends_agree::<Wide>();
}

/// On a CPU without the level, what stands in for it.
#[cfg(target_arch = "x86_64")]
#[test]
fn all_levels_of_x86_give_the_portable_bits() {
    use heedful::internals::{Avx2, Avx512Vnni, AvxVnni};
    backends_agree::<Avx2>();
    backends_agree::<AvxVnni>();
    backends_agree::<Avx512Vnni>();
}

/// Missing features count as 0, further ones do not count.
#[test]
fn too_few_and_too_many_features() {
    for number in 0..CHAINS {
        let (mut random, bytes) = file(number);
        let model = dynamic::Model::load(&bytes).unwrap();
        if model.shape().input.kind == InputKind::Tokens {
            continue;
        }
        let given = input(&mut random, model.shape());
        let memory = given.memory();
        let beside = |given| Given::Beside(Box::new(given), memory.to_vec());
        // Half of it, the same with zeros, more than all.
        let three = |make: fn(Vec<i16>) -> Given, all: &[i16], further: i16| {
            let half = &all[..all.len() / 2];
            let zeros = [half, &vec![0; all.len() - half.len()]].concat();
            [half.to_vec(), zeros, [all, &[further; 40]].concat()].map(|values| beside(make(values)))
        };
        let [few, zeros, more] = match given.alone() {
            Given::Narrow(all) => {
                let all: Vec<i16> = all.iter().map(|&x| x.into()).collect();
                three(|values| Given::Narrow(values.iter().map(|&x| x as i8).collect()), &all, 99)
            }
            Given::Fine(all) => three(Given::Fine, all, 9999),
            // A reading of 0 need not be what the model takes for 0.
            _ => continue,
        };
        assert_eq!(outputs(&model, &few), outputs(&model, &zeros), "chain {number}");
        assert_eq!(outputs(&model, &more), outputs(&model, &given), "chain {number}");
        assert_eq!(model.infer(&[]), model.infer_fine(&[]));
    }
}

/// 15 bits given to a model of 8 are rounded, 8 bits given to one of 15 are its upper ones, and what is beyond 15 bits
/// is held within.
#[test]
fn features_of_other_widths() {
    let mut seen = [0; 2];
    for number in 0..CHAINS {
        let (mut random, bytes) = file(number);
        let model = dynamic::Model::load(&bytes).unwrap();
        let count = match input(&mut random, model.shape()).alone() {
            Given::Narrow(values) => values.len(),
            Given::Fine(values) => values.len(),
            _ => continue,
        };
        seen[usize::from(model.shape().input.fine)] += 1;
        let wide: Vec<i16> = (0..count).map(|_| random.next() as i16).collect();
        let held: Vec<i16> = wide.iter().map(|&x| x.clamp(-16_384, 16_383)).collect();
        assert_eq!(model.infer_fine(&wide), model.infer_fine(&held));
        let narrow: Vec<i8> = held.iter().map(|&x| ((i32::from(x) + 64) >> 7).min(127) as i8).collect();
        if model.shape().input.fine {
            let upper: Vec<i16> = narrow.iter().map(|&x| i16::from(x) << 7).collect();
            assert_eq!(model.infer(&narrow), model.infer_fine(&upper), "chain {number}");
        } else {
            assert_eq!(model.infer(&narrow), model.infer_fine(&wide), "chain {number}");
        }
    }
    assert!(cfg!(miri) || seen.iter().all(|&seen| seen > 15), "{seen:?}");
}

/// More tokens than positions are cut off, no tokens leave the class tokens, and outputs are those of the positions
/// that there are.
#[test]
fn any_number_of_tokens() {
    let mut empty = 0;
    for number in (0..CHAINS).filter(|number| number % 5 == 3) {
        let (mut random, bytes) = file(number);
        let host = dynamic::Model::load(&bytes).unwrap();
        let shape = *host.shape();
        let words = to_words(&bytes);
        let mut memory = vec![u32::MAX; Model::memory(cast_slice(&words)).unwrap() / 4];
        let mut model = Model::load(cast_slice(&words), &mut memory).unwrap();
        let tokens: Vec<u16> = (0..40).map(|_| random.next() as u16 % 40).collect();
        for count in (0..=shape.input.steps).rev().chain([40]) {
            let positions = (count + shape.class_tokens).min(shape.positions);
            let rows = if shape.rows == shape.positions { positions } else { positions.min(1) };
            let outcome = host.infer_tokens(&tokens[..count]);
            assert_eq!(outcome.logits().len(), rows * shape.outputs, "chain {number}, {count} tokens");
            assert_eq!(model.infer_tokens(&tokens[..count]).logits(), outcome.logits(), "chain {number}");
            assert!(outcome.best().class < outcome.logits().len().max(1));
            empty += usize::from(rows == 0);
        }
        let most = &tokens[..shape.input.steps];
        assert_eq!(host.infer_tokens(&tokens), host.infer_tokens(most));
        // Features say nothing to it.
        assert_eq!(host.infer(&[1; 99]), host.infer(&[]));
    }
    assert!(cfg!(miri) || empty > 5, "{empty}");
}

/// A file's shape is that of its parts.
#[test]
fn shapes_of_files() {
    for number in 0..CHAINS {
        let (_, bytes) = file(number);
        let words = to_words(&bytes);
        let shape = File::open(&words).unwrap().shape().unwrap();
        assert_eq!(shape, File::open(&words).unwrap().shape_of_any().unwrap());
        let model = dynamic::Model::load(&bytes).unwrap();
        assert_eq!((model.heads().len(), model.flash_bytes()), (shape.layers, bytes.len()));
        let has_labels = number.is_multiple_of(4);
        assert_eq!(model.labels().first().map(String::as_str), has_labels.then_some("output 0"));
        let [rows, values] = shape.features();
        let whole = shape.input.steps * shape.input.columns * shape.input.channels;
        assert!(rows * values <= whole || shape.input.kind == InputKind::Tokens);
        assert_eq!(
            model.channels().len(),
            if shape.input.kind == InputKind::Features { shape.input.channels } else { 0 }
        );
    }
}

/// What is in a file adds up to its bytes, and its work to what its shape says; where labels stand does not matter.
#[test]
fn contents_of_files() {
    for number in 0..CHAINS {
        let (_, bytes) = file(number);
        let model = dynamic::Model::load(&bytes).unwrap();
        let parts = model.parts();
        assert_eq!(16 + parts.iter().map(|part| part.bytes).sum::<usize>(), bytes.len(), "chain {number}");
        assert!(parts.iter().all(|part| !part.name.is_empty() && part.name != "unknown part"));
        assert_eq!(model.work().macs(), model.macs(), "chain {number}: {parts:?}");
        for target in &dynamic::TARGETS {
            let words = model.memory_on(target) / 4;
            assert!((model.shape().positions..1 << 20).contains(&words), "chain {number}: {words}");
        }
        // Before the model: a section that is no part.
        let mut words = to_words(&bytes);
        words.splice(4..4, [u32::from_le_bytes(*b"what"), 1, 7]);
        seal(&mut words);
        let other = dynamic::Model::load(&to_bytes(&words)).unwrap();
        let [mut moved, mut parts] = [other.parts(), parts].map(|parts| parts.into_iter());
        assert_eq!(moved.next().unwrap().bytes, 12);
        assert!(moved.all(|part| Some(part) == parts.next()), "chain {number}");
    }
}
