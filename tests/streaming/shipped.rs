//! The shipped model of spoken digits, and a listener with it.

use crate::Digits;
use crate::sound::stream;
use crate::support::{Random, seal, to_bytes, to_words};
use heedful::Streaming;
use heedful::dynamic::Model;
use heedful::events::{ClassSettings, Event, GateSettings, Listener, ListenerSettings, Step};
use heedful::fixed::types::U1F15;

/// A token each time, and events of any length.
const SETTINGS: ListenerSettings<11> = {
    let mut settings = *Listener::<Digits>::SETTINGS;
    (settings.cadence, settings.gate, settings.detector.smoothing) = (3, None, 0);
    let class =
        ClassSettings { shortest: 0, longest: 4000, enter: U1F15::lit("0.5"), ..ClassSettings::of_window(8576) };
    (settings.detector.classes, settings.detector.separation) = ([class; 11], 0);
    settings.detector.classes[10].is_silent = true;
    settings
};
static OPEN: ListenerSettings<11> = SETTINGS;
static GATED: ListenerSettings<11> = ListenerSettings {
    gate: Some(GateSettings { hangover: 6000, ..GateSettings::of_window(8576, 128, 8000) }),
    ..SETTINGS
};

const SPOKEN: [(usize, &str); 4] = [(7, "jackson"), (3, "theo"), (9, "nicolas"), (1, "yweweler")];

fn model() -> Model {
    Model::load(include_bytes!("../../models/digits_stream.heed")).unwrap()
}

/// The same file for so many tokens: the frames of its front end, its positions, the steps of its stem.
fn lengthened(tokens: u32) -> Model {
    let mut words = to_words(include_bytes!("../../models/digits_stream.heed"));
    let (mut at, mut found) = (4, 0);
    while at < words.len() {
        let (tag, length) = (words[at].to_le_bytes(), words[at + 1] as usize);
        let place = match &tag {
            b"AUDI" => Some((0, 3 * tokens)),
            b"POSI" => Some((0, tokens)),
            b"STEM" => Some((2, 3 * tokens)),
            _ => None,
        };
        if let Some((place, count)) = place {
            (words[at + 2 + place], found) = (count, found + 1);
        }
        at += 2 + length;
    }
    assert_eq!(found, 3);
    seal(&mut words);
    Model::load(&to_bytes(&words)).unwrap()
}

/// A token at a time gives what a pass over the whole history gives; and, since the last of its tokens depends on no
/// more than there are in a window, what a pass over the last window gives.
#[test]
fn the_whole_history() {
    let Some((samples, _)) = stream(&SPOKEN, 3000) else { return };
    let model = model();
    let (mut tokens, mut typed) = (model.streaming().unwrap(), Box::new(Streaming::<Digits>::new()));
    let heard = model.hear_all(&samples).unwrap();
    let all: Vec<_> = heard.tokens(tokens.token()).collect();
    let outcomes: Vec<Vec<i16>> = all.iter().map(|&token| tokens.step(token).logits().to_vec()).collect();
    assert!(all.len() > 300 / 5, "{} tokens", all.len());
    let mut at = 0;
    for &sample in &samples {
        if typed.push(sample) {
            assert_eq!(typed.step().logits()[..], outcomes[at][..], "token {at}");
            at += 1;
            assert_eq!(typed.is_full(), at >= 22);
        }
    }
    assert_eq!(at, all.len());
    let features = heard.upper_bits();
    for at in (0..all.len()).step_by(if cfg!(debug_assertions) { 9 } else { 1 }) {
        let to = (at + 1) * tokens.token();
        let history = lengthened(at as u32 + 1).infer(&features[..to]);
        assert_eq!(history.logits(), outcomes[at], "token {at}");
        if at >= 21 {
            let window = model.infer(&features[to - 22 * tokens.token()..to]);
            assert_eq!(window.logits(), outcomes[at], "token {at}");
        }
    }
}

/// Events are those of a listener that runs over a whole window for each token; of a gated one, too.
#[test]
fn events_are_those_of_windows() {
    let Some((samples, truth)) = stream(&SPOKEN, 4000) else { return };
    for settings in [&OPEN, &GATED] {
        let mut ear = Box::new(Listener::<Streaming<Digits>>::new().with_settings(settings));
        let mut windowed = Box::new(Listener::<Digits>::new().with_settings(settings));
        let found: Vec<Event> = ear.push(&samples).collect();
        assert_eq!(found, windowed.push(&samples).collect::<Vec<_>>());
        assert_eq!(ear.heard(), windowed.heard());
        // Tokens of silence are taken in, too.
        assert_eq!(
            ear.inferences(),
            (samples.len() as u64 - 256) / 128 / 3 + u64::from((samples.len() - 256) / 128 % 3 == 2)
        );
        assert!(windowed.inferences() < ear.inferences() - 20);
        assert!(found.len() >= truth.len(), "{found:?}");
    }
}

/// Whatever the chunks that samples come in, and however events are taken.
#[test]
fn chunks_do_not_matter() {
    let Some((samples, _)) = stream(&SPOKEN[..2], 3000) else { return };
    let ear = || Box::new(Listener::<Streaming<Digits>>::new().with_settings(&OPEN));
    let expected: Vec<Event> = ear().push(&samples).collect();
    assert!(expected.len() >= 2, "{expected:?}");
    let mut random = Random(3);
    for kind in 0..5 {
        let (mut ear, mut rest, mut found, mut busy) = (ear(), &samples[..], vec![], 0);
        while !rest.is_empty() {
            let length = [1, random.int(0, 3), random.int(0, 200), random.int(0, 3000), random.int(0, 9000)][kind];
            let (chunk, after) = rest.split_at(rest.len().min(length as usize));
            rest = after;
            let mut events = ear.push(chunk);
            match kind {
                // Dropped before the end: what is not taken waits.
                3 => found.extend(events.next()),
                4 => loop {
                    match events.step() {
                        Step::Event(event) => found.push(event),
                        Step::Busy => busy += 1,
                        Step::Done => break,
                    }
                },
                _ => found.extend(events),
            }
        }
        found.extend(ear.push(&[]));
        assert_eq!(found, expected, "chunks of kind {kind}");
        // A slice is a token.
        assert!(kind != 4 || busy == ear.inferences());
    }
}

/// As many lost samples as a window has, and the model begins anew; fewer are heard as if nothing were missing.
#[test]
fn lost_samples() {
    let mut ear = Box::new(Listener::<Streaming<Digits>>::new().with_settings(&OPEN));
    let tokens = |samples: u64| (samples - 256) / 128 / 3 + u64::from((samples - 256) / 128 % 3 == 2);
    ear.push(&[0; 8576]).count();
    assert_eq!(ear.inferences(), 22);
    ear.skip(8575);
    ear.push(&[0; 384]).count();
    assert_eq!((ear.inferences(), ear.lost()), (23, 8575));
    ear.push(&[0; 100]).count();
    ear.skip(8576);
    ear.push(&[0; 1000]).count();
    assert_eq!(ear.inferences(), 23 + tokens(1000));
    assert_eq!(ear.heard(), 8576 + 8575 + 384 + 100 + 8576 + 1000);
}

/// Its RAM is its size, less than that of windows, and a static of it is all zeros.
#[test]
fn memory() {
    let (tokens, windows) = (size_of::<Streaming<Digits>>(), size_of::<Digits>());
    println!("{tokens} bytes, a window at a time {windows}");
    assert!(tokens < windows);
    let ear = Listener::<Streaming<Digits>>::new();
    assert_eq!(ear.heard(), 0);
    assert!(size_of::<Listener<Streaming<Digits>>>() <= tokens + 11 * 40 + 400);
    fn is_send<T: Send>() {}
    is_send::<Listener<Streaming<Digits>>>();
}
