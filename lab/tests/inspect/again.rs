//! The second look: float beside int8, probes, norm-based weights, errors by state.

use crate::made::{CUE, FIRST, Head, NOISE, WIDTH, model, recordings, report};
use heedful::dynamic::Model;
use heedful_import::graph::Model as Graph;
use heedful_import::torch::{self, Config};
use heedful_import::weights::{Tensors, Wanted};
use heedful_lab::inspect::float::Float;
use heedful_lab::inspect::look::look;
use heedful_lab::inspect::quantisation::Quantisation;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// KWT-1 in float and in integers: its published attention, and how far the integers are from it. Optional data.
#[test]
fn integers_attend_as_kwt1_does() {
    let folder = std::env::var_os("HEEDFUL_KWT1").map_or(root().join("../shared/data/kwt1"), Into::into);
    if !folder.join("kwt1.safetensors").exists() {
        let why = format_args!("no kwt1.safetensors in {}; HEEDFUL_KWT1 names another folder", folder.display());
        return crate::skip::skipped(crate::skip::Lack::Data, why);
    }
    let config = Config::parse(include_str!("../../../models/commands.toml")).unwrap();
    let graph: Graph = torch::read(Tensors::read(&folder.join("kwt1.safetensors")).unwrap(), &config).unwrap();
    let model = Model::load(&std::fs::read(root().join("models/commands.heed")).unwrap()).unwrap();
    let mut tensors = Tensors::read(&folder.join("reference.safetensors")).unwrap();
    let mut take = |name: &str| tensors.take(name, &[Wanted::Any, Wanted::Any, Wanted::Any]).unwrap().1;
    let (features, published) = (take("audio_features"), take("attention"));
    let float = Float::of_graph(graph, &model).unwrap();
    let mut found = Quantisation::default();
    for (number, features) in features.chunks_exact(98 * 40).take(3).enumerate() {
        let heard = model.quantised(features);
        let (own, float) = (look(&model, &heard), float.look(&model, &heard));
        if number == 0 {
            let maps: Vec<f32> = float.maps.iter().flat_map(|map| map.weights()).map(|&x| x as f32).collect();
            assert_eq!(maps.len(), published.len());
            let far = maps.iter().zip(&published).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // Features are rounded to 15 bits.
            assert!(far < 5e-3, "{far}");
        }
        found.add(&own, &float);
    }
    assert_eq!((found.heads.len(), found.same), (12, 3));
    for (head, hurt) in found.heads.iter().enumerate() {
        let (decibels, divergence) = (hurt.decibels().unwrap(), hurt.divergence.mean().unwrap());
        println!("block {head}: {decibels:.1} dB, divergence {divergence:.5} nats");
        assert!(decibels > 15.0 && divergence < 0.02, "{head}: {decibels} {divergence}");
    }
}

/// The two kinds of float files: both choose what the integers choose.
#[test]
fn float_models_are_read() {
    for (name, least) in [("digits", 30.0), ("digits_nothing", 25.0)] {
        let at = |end: &str| root().join(format!("models/{name}.{end}"));
        let model = Model::load(&std::fs::read(at("heed")).unwrap()).unwrap();
        let float = Float::load(&at("safetensors"), &model).unwrap();
        let mut found = Quantisation::default();
        for clip in ["7_theo_5", "3_jackson_5", "0_george_5", "9_yweweler_5"] {
            let path = root().join(format!("examples/clips/{clip}.wav"));
            let heard = model.hear(&heedful_lab::data::read(&path, 8000).unwrap()).unwrap();
            found.add(&look(&model, &heard), &float.look(&model, &heard));
        }
        assert_eq!(found.same, 4, "{name}");
        let worst = found.heads[found.worst().unwrap()].decibels().unwrap();
        assert!(worst > least, "{name}: {worst}");
    }
    let other = Model::load(&std::fs::read(root().join("models/digits_small.heed")).unwrap()).unwrap();
    let error = Float::load(&root().join("models/digits.safetensors"), &other).unwrap_err().to_string();
    assert!(error.contains("digits.safetensors") && error.contains("heads"), "{error}");
    assert!(Float::load(&root().join("README.md"), &other).is_err());
}

/// A head that gives the cue tells the label; one that gives noise tells neither the label nor who speaks.
#[test]
fn probes_read_what_is_there() {
    let noise = Head { query: Some(NOISE[1]), key: Some(NOISE[0]), value: NOISE[1], to: Some(6), previous: false };
    let detector = Head { query: None, key: Some(CUE), value: CUE, to: Some(7), previous: false };
    let mut all = recordings(120);
    for (number, recording) in all.iter_mut().enumerate() {
        recording.group = Some(format!("speaker {}", number / 4 % 5));
    }
    let report = report(&model(&[noise, detector], 7, ["silence", "cue"]), all);
    let of = |place: &str| report.again.probes.iter().find(|one| one.asked == "label" && one.place == place).unwrap();
    let (noise, detector) = (of("0.0"), of("0.1"));
    assert!(detector.pooled.accuracy > 0.99 && detector.pooled.items == 120, "{detector:?}");
    assert!(noise.pooled.interval.low < 0.5 && noise.pooled.accuracy < 0.7, "{noise:?}");
    // What positions are is told by neither.
    let single = detector.single.unwrap();
    assert!(single.selectivity().unwrap() > 0.2, "{single:?}");
    assert!(of("block 0").pooled.accuracy > 0.99);
}

/// A sink on a key whose value is nothing: by weight all is on the first position, by what moves nothing is.
#[test]
fn norms_see_through_sinks() {
    // The value of the first position is noise like all others, and that of the cue channel is 0 there.
    let sink = Head { query: None, key: Some(FIRST), value: CUE, to: Some(5), previous: false };
    let mover = Head { query: None, key: Some(FIRST), value: FIRST, to: Some(WIDTH - 1), previous: false };
    let report = report(&model(&[sink, mover], 7, ["silence", "cue"]), recordings(40));
    let [sink, mover] = [0, 1].map(|head| report.again.norms[head].first.map(|share| share.mean().unwrap_or(0.0)));
    assert!(sink[0] > 0.9 && sink[1] < 0.1, "{sink:?}");
    assert!(mover[0] > 0.9 && mover[1] > 0.9, "{mover:?}");
    assert!(report.again.norms[1].moved.mean().unwrap() > 10.0 * report.again.norms[0].moved.mean().unwrap());
}
