//! What the host gives for the clips of the page, and that the page's own code gives the same.
//!
//! `HEEDFUL_BLESS=1 cargo test` writes `golden.json` anew, after a change of bits that was meant.

use heedful::dynamic::{Listener, Model};
use heedful_web::{Happened, Session, look};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const CLIPS: [&str; 3] = ["3_theo_5.wav", "7_jackson_5.wav", "8_george_5.wav"];
const RATE: u32 = 8000;

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn model(name: &str) -> Model {
    Model::load(&fs::read(root(&format!("models/{name}.heed"))).unwrap()).unwrap()
}

fn clip(name: &str) -> Vec<i16> {
    heedful_recordings::read(&root(&format!("examples/clips/{name}")), RATE).unwrap().samples
}

/// Events by the library's own listener, as the example `listen` has them.
fn events(model: &Model, samples: &[i16]) -> Vec<Happened> {
    let window = model.frontend().unwrap().params.samples(model.shape().input.steps);
    let mut ear = Listener::new(model).unwrap();
    let silence = vec![0; 2 * window];
    let mut events = ear.push(&silence[..window / 2]);
    events.extend(ear.push(samples));
    events.extend(ear.push(&silence));
    let at = |position: u64| position.saturating_sub(window as u64 / 2).min(samples.len() as u64);
    let happened = |event: heedful::events::Event| Happened {
        class: event.class,
        start: at(event.start),
        end: at(event.end),
        score: event.score.to_bits(),
    };
    events.into_iter().map(happened).collect()
}

fn golden() -> Value {
    let model = model("digits_nothing");
    let of = |file: &str| {
        let samples = clip(file);
        let heard = model.hear(&samples).unwrap();
        let logits = model.infer_input(heard.input(), &[]).logits().to_vec();
        json!({ "file": file, "logits": logits, "events": events(&model, &samples) })
    };
    json!({ "model": "digits_nothing.heed", "labels": model.labels(), "clips": CLIPS.map(of) })
}

#[test]
fn golden_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden.json");
    let now = golden();
    if std::env::var_os("HEEDFUL_BLESS").is_some() {
        fs::write(&path, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
    }
    let then: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(now, then, "HEEDFUL_BLESS=1 cargo test writes it anew");
    for clip in now["clips"].as_array().unwrap() {
        // What is said in a clip, its name begins with.
        let label = clip["events"][0]["class"].as_u64().unwrap();
        assert_eq!(now["labels"][label as usize], clip["file"].as_str().unwrap()[..1]);
    }
}

/// All clips of a speaker, half a second of faint noise before each.
fn speech() -> Vec<i16> {
    let noise = |digit: i32| (0..4000).map(move |n: i32| ((n * n + digit).wrapping_mul(7919) % 25) as i16 - 12);
    (0..10).flat_map(|digit| noise(digit).chain(clip(&format!("{digit}_lucas_5.wav")))).collect()
}

#[test]
fn events_of_the_listener() {
    for name in ["digits_nothing", "digits", "digits_stream"] {
        let (model, samples) = (model(name), speech());
        for size in [1, 77, 400, 30_000] {
            let mut session = Session::new(&model).unwrap();
            let mut found = Vec::new();
            for part in samples.chunks(size) {
                found.extend(session.push(part).events);
            }
            found.extend(session.end().events);
            assert_eq!(found, events(&model, &samples), "{name}, {size} samples at once");
            assert!(found.len() > 5, "{name}");
        }
    }
}

/// What is drawn is what was heard: a look at a moment gives the scores that the session gave there.
#[test]
fn looks_are_inferences() {
    for name in ["digits_nothing", "digits_stream"] {
        let bytes = fs::read(root(&format!("models/{name}.heed"))).unwrap();
        let (model, facts) = heedful_web::open(&bytes).unwrap();
        assert_eq!(facts.streams, name == "digits_stream");
        let samples = speech();
        let mut session = Session::new(&model).unwrap();
        let heard = session.push(&samples);
        let before = facts.window as i64 / 2;
        let mut compared = 0;
        for scored in heard.scored.iter().filter(|scored| !scored.scores.is_empty()).step_by(7) {
            let begin = scored.at - (facts.window as i64 - before);
            let start = (begin - (facts.lookback - facts.window) as i64).max(-before);
            let at = |n: i64| usize::try_from(n).ok().and_then(|n| samples.get(n)).copied().unwrap_or(0);
            let under: Vec<i16> = (start..begin + facts.window as i64).map(at).collect();
            let seen = look(&model, &under).unwrap();
            if start == -before || facts.lookback == facts.window {
                assert_eq!(seen.scores, scored.scores, "{name} at {}", scored.at);
            }
            // What came before a look may leave a step of a running level.
            for (seen, heard) in seen.scores.iter().zip(&scored.scores) {
                assert!(seen.abs_diff(*heard) < 1600, "{name} at {}: {seen}, {heard}", scored.at);
            }
            let (input, maps) = seen.bytes.split_at(seen.steps * seen.values);
            assert_eq!((input.len(), seen.most.len()), (model.shape().input.steps * 32, 9));
            assert_eq!(maps.len(), 9 * facts.positions * facts.positions);
            for (map, &most) in maps.chunks_exact(facts.positions * facts.positions).zip(&seen.most) {
                assert_eq!(map.iter().max(), Some(&255));
                // Each row of weights adds up to 1.
                let sum: f64 = map[..facts.positions].iter().map(|&w| f64::from(w)).sum();
                let sum = sum / 255.0 * f64::from(most) / 65_536.0;
                assert!((sum - 1.0).abs() < 0.06, "{name}: {sum}");
            }
            compared += 1;
        }
        assert!(compared > 5, "{name}: {compared}");
    }
}

#[test]
fn what_cannot_be_heard() {
    let refused = |bytes: &[u8]| heedful_web::open(bytes).map(|_| ()).unwrap_err();
    assert_eq!(refused(&[]), "the file is empty");
    assert_eq!(
        refused(&fs::read(root("models/gesture.heed")).unwrap()),
        "the model takes features or readings of sensors, and this page gives sound only"
    );
    let mut damaged = fs::read(root("models/digits_nothing.heed")).unwrap();
    damaged[30_000] ^= 1;
    assert!(refused(&damaged).contains("checksum"), "{}", refused(&damaged));
    assert!(!refused(&damaged[..100]).is_empty());
    assert!(heedful_web::decode(b"no recording", RATE).is_err());
}
