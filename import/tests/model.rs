//! The float model against published texts, the integer model against the float one.

mod common;

use common::{published, tiny, tokens};
use heedful::dynamic::Decoder;
use heedful_import::calibrate::{Activations, excerpts, own_texts};
use heedful_import::float::{Session, Site};
use heedful_import::perplexity::{WINDOW, perplexity, surprise};
use heedful_import::quantise::quantise;
use heedful_import::sample::{Sampler, write};
use heedful_import::{BEGIN, Error, Integer, LanguageModel, Tokenizer};
use std::collections::BTreeMap;
use std::fs;

#[test]
fn greedy_texts_of_the_float_model() {
    let Some((model, tokenizer, folder)) = published() else { return };
    let prompts = [("empty", ""), ("LilyandTomwe", "Lily and Tom went to the park"), ("Thedogwas", "The dog was")];
    for (name, prompt) in prompts {
        let mut tokens = tokenizer.encode(prompt.as_bytes());
        let prompt = tokens.clone();
        write(&mut Session::new(&model, 256), &prompt, 256, &mut Sampler::new(0.0, 1), |token, _| {
            tokens.push(token);
            true
        });
        let expected = fs::read_to_string(folder.join(format!("expected_greedy_{name}.txt"))).unwrap();
        assert_eq!(String::from_utf8(tokenizer.text(&tokens)).unwrap() + "\n", expected);
    }
}

#[test]
fn the_published_model_in_integers() {
    let Some((model, tokenizer, _)) = published() else { return };
    let bytes = quantise(&model, &tokenizer, &own_texts(&model, 48, 2)).unwrap().to_bytes().unwrap();
    assert!(bytes.len() <= 300_000, "{} bytes", bytes.len());
    let decoder = Decoder::load(&bytes).unwrap();
    let (mut float, mut integer) = (Session::new(&model, WINDOW + 1), Integer::new(&decoder, WINDOW + 1));
    // Without optimisation the integer model takes long.
    let (count, length, most) = if cfg!(debug_assertions) { (2, 4 * WINDOW, 1.02) } else { (24, usize::MAX, 1.012) };
    let own: Vec<u16> = own_texts(&model, count, 1000).concat().into_iter().filter(|&token| token != BEGIN).collect();
    let mut stories = tokenizer.encode(include_bytes!("stories.txt"));
    stories.truncate(length);
    for (what, tokens) in [("of its own", &own), ("of others", &stories)] {
        let (float, integer) = (perplexity(&mut float, tokens).unwrap(), perplexity(&mut integer, tokens).unwrap());
        println!("texts {what}: float {float:.4}, int8 {integer:.4}, ratio {:.4}", integer / float);
        assert!(integer / float <= most, "{what}: {}", integer / float);
    }
    // The ratio of one text is as chance has it, what the two expect of each next token is not.
    let (divergence, most) =
        (divergence(&mut float, &mut integer, &stories), if cfg!(debug_assertions) { 0.01 } else { 0.0085 });
    println!("divergence {divergence:.5} nats");
    assert!(divergence <= most, "{divergence}");
}

/// Mean nats by which `other` falls short of the float model, of all tokens that may come next.
fn divergence(float: &mut impl LanguageModel, other: &mut impl LanguageModel, tokens: &[u16]) -> f64 {
    let mut nats = 0.0;
    for window in tokens[1..].chunks(WINDOW) {
        float.reset();
        other.reset();
        for &token in [BEGIN].iter().chain(&window[..window.len() - 1]) {
            let (expected, found) = (float.step(token), other.step(token));
            let [all, all_found] = [expected, found].map(|logits| surprise(logits, 0) + f64::from(logits[0]));
            for (&expected, &found) in expected.iter().zip(found) {
                let expected = f64::from(expected) - all;
                nats += expected.exp() * (expected - f64::from(found) + all_found);
            }
        }
    }
    nats / (tokens.len() - 1) as f64
}

/// Root mean square of the difference over that of the logits, on texts of the model's own.
fn error(float: &mut impl LanguageModel, other: &mut impl LanguageModel, texts: &[Vec<u16>]) -> f64 {
    let (mut signal, mut noise) = (0.0, 0.0);
    for text in texts {
        float.reset();
        other.reset();
        for &token in text {
            for (&a, &b) in float.step(token).iter().zip(other.step(token)) {
                signal += f64::from(a).powi(2);
                noise += f64::from(a - b).powi(2);
            }
        }
    }
    (noise / signal).sqrt()
}

#[test]
fn tiny_models_in_integers() {
    for seed in 0..3 {
        let model = tiny(seed);
        let tokenizer = Tokenizer::new(tokens()).unwrap();
        let bytes = quantise(&model, &tokenizer, &own_texts(&model, 8, 1)).unwrap().to_bytes().unwrap();
        assert_eq!(bytes, quantise(&model, &tokenizer, &own_texts(&model, 8, 1)).unwrap().to_bytes().unwrap());
        let decoder = Decoder::load(&bytes).unwrap();
        let config = decoder.shape();
        let shape = (config.width, config.heads, config.head_dim, config.hidden, config.layers);
        assert_eq!(shape, (16, 4, 4, 24, 2));
        let other = own_texts(&model, 4, 77);
        let error = error(&mut Session::new(&model, 300), &mut Integer::new(&decoder, 300), &other);
        assert!(error < 0.08, "seed {seed}: {error}");
    }
}

#[test]
fn a_window_slides_alike() {
    let model = tiny(3);
    let tokenizer = Tokenizer::new(tokens()).unwrap();
    let bytes = quantise(&model, &tokenizer, &own_texts(&model, 8, 1)).unwrap().to_bytes().unwrap();
    let decoder = Decoder::load(&bytes).unwrap();
    let texts = own_texts(&model, 2, 5);
    // Only the last eight tokens are remembered.
    let near = error(&mut Session::new(&model, 8), &mut Integer::new(&decoder, 8), &texts);
    let far = error(&mut Session::new(&model, 8), &mut Session::new(&model, 300), &texts);
    assert!(near < 0.08 && near < far / 3.0, "{near} {far}");
}

#[test]
fn every_activation_is_shown() {
    let model = tiny(1);
    let mut seen = BTreeMap::<(usize, Site), usize>::new();
    let mut session = Session::observed(&model, 4, |layer: usize, site: Site, values: &mut [f32]| {
        *seen.entry((layer, site)).or_default() += values.len();
    });
    session.step(BEGIN);
    drop(session);
    for layer in 0..2 {
        for (site, size) in [
            (Site::AttentionNorm, 16),
            (Site::Query, 16),
            (Site::Key, 8),
            (Site::Value, 8),
            (Site::Heads, 16),
            (Site::HiddenNorm, 16),
            (Site::Gate, 24),
            (Site::Up, 24),
            (Site::Hidden, 24),
            (Site::Residual, if layer == 0 { 48 } else { 32 }),
        ] {
            assert_eq!(seen.remove(&(layer, site)), Some(size), "{layer} {site:?}");
        }
    }
    assert_eq!(seen.remove(&(2, Site::FinalNorm)), Some(16));
    assert_eq!(seen.remove(&(2, Site::Logits)), Some(300));
    assert!(seen.is_empty());
}

#[test]
fn activations_in_numbers() {
    let model = tiny(1);
    let texts = [vec![BEGIN, 270, 280], vec![BEGIN, 290]];
    let mut values = Vec::new();
    let observer = |layer: usize, site: Site, seen: &mut [f32]| {
        if (layer, site) == (1, Site::Key) {
            values.push(seen.to_vec());
        }
    };
    let mut session = Session::observed(&model, 3, observer);
    for text in &texts {
        session.reset();
        text.iter().for_each(|&token| _ = session.step(token));
    }
    drop(session);
    let seen = Activations::observe(&model, &texts).unwrap();
    let most = |values: &[f32]| values.iter().fold(0f32, |most, value| most.max(value.abs()));
    assert_eq!(values.len(), 5);
    assert_eq!(seen.largest(1, Site::Key), most(&values.concat()));
    assert_eq!(seen.quantile(1, Site::Key, 1.0), most(&values.concat()));
    let halves = [0, 4].map(|first| values.iter().map(|row| most(&row[first..first + 4])).fold(0.0, f32::max));
    assert_eq!(seen.largest_of(1, Site::Key, 2), halves);
    let turned = values.iter().map(|row| row[2].hypot(row[3])).fold(0.0, f32::max);
    assert_eq!(seen.largest_turned(1, Site::Key)[1], turned);
    let fold = |row: &Vec<f32>| row[0].hypot(row[1]) + row[2].hypot(row[3]);
    assert_eq!(seen.largest_folded(1, Site::Key, 4)[0], values.iter().map(fold).fold(0.0, f32::max));
    let square = values.iter().map(|row| (2.0 * row[7]).powi(2)).sum::<f32>() / 5.0;
    assert!((seen.mean_square(1, Site::Key, |x| 2.0 * x)[7] - square).abs() < 1e-4 * square);
}

#[test]
fn nothing_to_calibrate_on_and_another_vocabulary() {
    let model = tiny(1);
    let tokenizer = Tokenizer::new(tokens()).unwrap();
    assert_eq!(quantise(&model, &tokenizer, &[]).unwrap_err(), Error::NoText);
    assert_eq!(quantise(&model, &tokenizer, &[vec![]]).unwrap_err(), Error::NoText);
    let fewer = Tokenizer::new(tokens()[..299].to_vec()).unwrap();
    let error = quantise(&model, &fewer, &[vec![BEGIN]]).unwrap_err();
    assert_eq!(error, Error::Vocabulary { tokenizer: 299, checkpoint: 300 });
}

#[test]
fn values_that_do_not_fit() {
    let tokenizer = Tokenizer::new(tokens()).unwrap();
    let mut model = tiny(1);
    // Scores of a head so far apart that no steepness expresses it.
    model.layers[1].query.iter_mut().for_each(|weight| *weight *= 1e6);
    let error = quantise(&model, &tokenizer, &[vec![BEGIN, 270]]).unwrap_err();
    assert!(matches!(&error, Error::Range { site, .. } if site == "the attention of layer 1"), "{error}");
}

#[test]
fn layers_of_zeros_are_no_fault() {
    let tokenizer = Tokenizer::new(tokens()).unwrap();
    let mut model = tiny(1);
    let layer = &mut model.layers[0];
    for matrix in [&mut layer.value, &mut layer.up, &mut layer.gate] {
        matrix.fill(0.0);
    }
    let bytes = quantise(&model, &tokenizer, &[vec![BEGIN, 270, 280, 290]]).unwrap().to_bytes().unwrap();
    let decoder = Decoder::load(&bytes).unwrap();
    let error = error(&mut Session::new(&model, 8), &mut Integer::new(&decoder, 8), &[vec![BEGIN, 270, 280, 290]]);
    assert!(error < 0.05, "{error}");
}

#[test]
fn excerpts_of_short_and_long_texts() {
    assert_eq!(excerpts(&[BEGIN]), Vec::<Vec<u16>>::new());
    assert_eq!(excerpts(&[BEGIN, 7, 8]), [vec![BEGIN, 7, 8]]);
    let long: Vec<u16> = (0..=60_000).map(|i| if i == 0 { BEGIN } else { (i / 255) as u16 }).collect();
    let some = excerpts(&long);
    assert_eq!(some.len(), 32);
    assert!(some.iter().all(|text| text[0] == BEGIN && text.len() <= 256));
    assert!(some[31][1] > 220, "from all over the text");
}
