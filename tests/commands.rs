//! `models/commands.heed` from samples to label: two words that flite speaks, by the voices slt and rms.

use heedful::dynamic::{Heard, Model};

heedful::model!(Commands = "../models/commands.heed", classes = 12, sample_rate = 16_000);

/// Bytes before the numbers of the array.
const HEADER: usize = 128;
const SECOND: usize = 16_000;

#[test]
fn words_are_heard() {
    let samples: Vec<i16> = include_bytes!("fixtures/commands/words.npy")[HEADER..]
        .as_chunks()
        .0
        .iter()
        .map(|&sample| i16::from_le_bytes(sample))
        .collect();
    let host = Model::load(include_bytes!("../models/commands.heed")).unwrap();
    let mut commands = Commands::new();
    let words: Vec<&[i16]> = samples.chunks_exact(SECOND).collect();
    assert_eq!(words.len(), 2);
    for (word, label) in words.into_iter().zip(["left", "stop"]) {
        commands.reset();
        assert_eq!(word.iter().filter(|&&sample| commands.push(sample)).count(), Commands::INPUT[0]);
        assert!(commands.is_full());
        let outcome = commands.infer();
        assert_eq!(Commands::LABELS[outcome.best().class], label);
        assert!(outcome.best().probability > 0.7, "{outcome:?}");

        // Files read on the host hear the same, and so do features that someone else made.
        let Some(Heard::FineFeatures(features)) = host.hear(word) else { panic!("it hears no cepstra") };
        assert_eq!(host.infer_fine(&features).logits(), outcome.logits());
        let rows = features.as_chunks().0.first_chunk().unwrap();
        assert_eq!(commands.infer_fine(rows).logits(), outcome.logits());
    }
}
