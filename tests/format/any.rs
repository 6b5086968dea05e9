//! Arbitrary bytes, sections, words and weights: nothing panics, with overflow checks on.

use crate::support::{Random, config, random_model, seal, to_bytes};
use crate::{VERSION, complete};
use heedful::dynamic::Model;
use heedful::format::Softmax;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Model::load(&bytes).is_err());
    }

    /// Anything behind a header that is right, also sections of the right names.
    #[test]
    fn any_sections(sections in prop::collection::vec((0usize..9, prop::collection::vec(any::<u32>(), 0..40)), 0..12)) {
        let mut words = vec![0, VERSION, 0, 0];
        for (tag, content) in sections {
            let tags = [b"CONF", b"AUDI", b"EMBD", b"POSI", b"BLCK", b"NORM", b"CLAS", b"LABL"];
            words.extend(tags.get(tag).map(|tag| u32::from_le_bytes(**tag)));
            words.push(content.len() as u32);
            words.extend(content);
        }
        seal(&mut words);
        let _ = Model::load(&to_bytes(&words));
    }

    /// A file with a few words overwritten either is refused, or runs: within the bounds that the
    /// reader checks, no sum overflows and no index leads astray, with any input.
    #[test]
    fn any_words(seed in any::<u64>(), count in 1usize..60, small in any::<bool>()) {
        let mut random = Random(seed);
        let mut words = complete();
        for _ in 0..count {
            let at = random.int(4, words.len() as i64 - 1) as usize;
            words[at] = if small { random.int(-2, 20) as u32 } else { random.next() as u32 };
        }
        seal(&mut words);
        if let Ok(model) = Model::load(&to_bytes(&words)) {
            let c = *model.shape();
            let features: Vec<i8> = (0..c.positions * c.inputs).map(|_| random.next() as i8).collect();
            let outcome = model.infer(&features);
            prop_assert_eq!(outcome.logits().len(), c.outputs);
            let _ = outcome.runner_up();
        }
    }

    /// [`any_words`] where no reader looks: in weights, positions, gains and tables.
    #[test]
    fn any_weights(seed in any::<u64>()) {
        let mut random = Random(seed);
        let mut model = random_model(seed, config(if seed % 2 == 0 { Softmax::Wide } else { Softmax::Narrow }), None);
        let extreme = |random: &mut Random, bound: i64| {
            match random.int(0, 3) { 0 => -bound - 1, 1 => bound, _ => random.int(-bound - 1, bound) }
        };
        model.positions.iter_mut().for_each(|x| *x = extreme(&mut random, 32767) as i16);
        for block in &mut model.blocks {
            for norm in [&mut block.attention_norm, &mut block.hidden_norm] {
                norm.epsilon = random.int(1, 1 << 20) as u32;
                for channel in &mut norm.channels {
                    channel.gain = fixed::types::I8F8::from_bits(extreme(&mut random, 32767) as i16);
                    channel.offset = fixed::types::I8F8::from_bits(extreme(&mut random, 32767) as i16);
                }
            }
            let key = block.key.as_mut().unwrap();
            for layer in [&mut block.query, key, &mut block.value, &mut block.output, &mut block.contract] {
                layer.weights.iter_mut().for_each(|w| *w = extreme(&mut random, 127) as i8);
                for channel in &mut layer.channels {
                    channel.bias = extreme(&mut random, 1 << 30).max(-1 << 30) as i32;
                    channel.scale = heedful::Scale::from_real((-2.1 - 29.0 * random.uniform()).exp2()).unwrap();
                }
            }
            block.activation.iter_mut().for_each(|y| *y = extreme(&mut random, 127) as i8);
            for head in &mut block.heads {
                let steepness = heedful::Steepness::from_real((-4.1 - 13.8 * random.uniform()).exp2()).unwrap();
                let value = heedful::Scale::from_real((-3.1 - 12.5 * random.uniform()).exp2()).unwrap();
                *head = heedful::HeadScale::new(steepness, value).unwrap();
            }
        }
        let model = Model::load(&model.to_bytes().unwrap()).unwrap();
        let features: Vec<i8> = (0..42).map(|_| extreme(&mut random, 127) as i8).collect();
        let _ = model.infer(&features);
    }
}
