//! Models as chains of parts: what a file of version 1 becomes gives the same bits.

use heedful::format::write::{ChainModel, EncoderModel};
use heedful::{Error, Model, dynamic};

fn words(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|&word| u32::from_le_bytes(word)).collect()
}

/// Features that are no two times alike.
fn features(length: usize, seed: u32) -> Vec<i8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as i8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn shipped_models_give_the_same_bits() {
    for bytes in
        [include_bytes!("../../models/digits.heed").as_slice(), include_bytes!("../../models/digits_small.heed")]
    {
        let old = dynamic::Model::load(bytes).unwrap();
        let model = EncoderModel::load(bytes).unwrap();
        let new = words(&ChainModel::from(model).to_bytes().unwrap());
        let new: &[u8] = heedful::bytemuck::cast_slice(&new);
        let mut memory = vec![0; Model::memory(new).unwrap() / 4];
        let mut model = Model::load(new, &mut memory).unwrap();
        assert_eq!(model.shape().macs, old.macs());
        println!("{} bytes, before {}; {} bytes of memory", new.len(), bytes.len(), Model::memory(new).unwrap());
        for seed in 0..20 {
            let features = features(old.shape().positions * old.shape().inputs, seed);
            assert_eq!(model.infer(&features).logits(), old.infer(&features).logits());
        }
        for class in 0..old.labels().len() {
            assert_eq!(model.label(class), old.labels()[class]);
        }
        let too_small = &mut [0; 100];
        let expected = Model::memory(new).unwrap();
        assert_eq!(Model::load(new, too_small).err(), Some(Error::Memory { expected, found: 400 }));
    }
}
