//! An inference in slices gives the bits of one in one go.

use crate::support::Random;
use crate::{Digits, Gestures};
use heedful::Input;
use heedful::model::Slices;

heedful::model!(Tokens = "../models/chain_tokens.heed");
heedful::model!(Sound = "../models/chain_sound.heed");
heedful::model!(Memory = "../models/chain_memory.heed");
heedful::model!(Maps = "../models/chain_convolutions.heed");

/// The outcome, and how many slices it took.
fn run<M: heedful::model::Embedded, const C: usize>(
    mut slices: Slices<'_, M, C>,
) -> (heedful::Outcome<[i16; C]>, usize) {
    let left = slices.left();
    for step in 1..=left {
        assert_eq!(slices.left(), left - step + 1);
        if let Some(outcome) = slices.step() {
            assert_eq!((step, slices.step()), (left, Some(outcome)), "the last slice, which gives it again");
            return (outcome, left);
        }
    }
    panic!("no outcome after {left} slices");
}

#[test]
fn of_a_stream() {
    let mut digits = Box::new(Digits::new());
    let mut sound = Box::new(Sound::new());
    let mut random = Random(8);
    for round in 0..3 {
        for _ in 0..3000 {
            let sample = (3000.0 * random.normal()) as i16;
            digits.push(sample);
            sound.push(sample);
        }
        let (found, slices) = run(digits.slices());
        assert_eq!(found, digits.infer(), "round {round}");
        assert_eq!(slices, Digits::SHAPE.parts);
        let (found, slices) = run(sound.slices());
        assert_eq!((found, slices), (sound.infer(), Sound::SHAPE.parts));
    }
}

#[test]
fn of_any_input() {
    let mut random = Random(6);
    let (mut gestures, mut tokens, mut memory, mut maps) = (Gestures::new(), Tokens::new(), Memory::new(), Maps::new());
    let mut different = 0;
    for count in [1, 2, 3, 1] {
        let readings: Vec<i16> = (0..42).map(|_| random.next() as i16).collect();
        let input = Input::Readings(&readings);
        let (found, _) = run(gestures.slices_of(input, &[]));
        assert_eq!(found, gestures.infer_input(input, &[]));
        different += usize::from(found != gestures.infer_input(Input::Readings(&[]), &[]));
        let words: Vec<u16> = (0..count).map(|_| random.int(0, 3) as u16).collect();
        let input = Input::Tokens(&words, &[]);
        let (found, _) = run(tokens.slices_of(input, &[]));
        assert_eq!(found, tokens.infer_input(input, &[]));
        let (features, second) = (random.i8s(4000, 127), random.i8s(40 * count, 127));
        let input = Input::Features(&features);
        let (found, _) = run(memory.slices_of(input, &second));
        assert_eq!(found, memory.infer_input(input, &second));
        let (found, _) = run(maps.slices_of(input, &[]));
        assert_eq!(found, maps.infer_input(input, &[]));
    }
    assert!(different > 2, "the input matters");
}

/// An inference that is given up leaves no trace.
#[test]
fn given_up() {
    let mut digits = Box::new(Digits::new());
    for i in 0..9000 {
        digits.push(if i % 40 < 20 { 900 } else { -900 });
    }
    let expected = digits.infer();
    let mut slices = digits.slices();
    (0..5).for_each(|_| assert_eq!(slices.step(), None));
    assert_eq!(digits.infer(), expected);
    assert_eq!(run(digits.slices()).0, expected);
}
