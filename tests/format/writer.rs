//! What the writer must not write, and that the committed files are what it writes.

use crate::audio;
use crate::support::{config, random_model, tiny};
use heedful::Error;
use heedful::format::write::EncoderModel;
use heedful::format::{Config, MAJOR, Softmax};
use std::path::Path;

/// Every case is a part that does not fit the others.
#[test]
fn writer_refuses() {
    let good = || random_model(3, config(Softmax::Wide), Some(audio()));
    assert!(good().to_bytes().is_ok());
    type Change = fn(&mut EncoderModel);
    let shapes: [Change; 19] = [
        |m| m.config.positions = 8,
        |m| m.config.classes = 4,
        |m| m.config.layers = 3,
        |m| m.config.head_dim = 10,
        |m| m.config.heads = 1,
        |m| m.config.hidden += 1,
        |m| m.embedding.weights.truncate(59),
        |m| m.positions.push(0),
        |m| _ = m.blocks.pop(),
        |m| _ = m.blocks[0].heads.pop(),
        |m| _ = m.blocks[1].key.as_mut().unwrap().channels.pop(),
        |m| m.blocks[1].output.weights.push(0),
        |m| _ = m.blocks[0].hidden_norm.channels.pop(),
        |m| _ = m.labels.pop(),
        |m| m.labels[1] = "x".repeat(256),
        |m| m.audio.as_mut().unwrap().window.truncate(128),
        |m| _ = m.audio.as_mut().unwrap().mel.pop(),
        |m| m.audio.as_mut().unwrap().params.hop = 0,
        |m| m.audio.as_mut().unwrap().params.bands = 4,
    ];
    for (i, change) in shapes.iter().enumerate() {
        let mut model = good();
        change(&mut model);
        assert!(matches!(model.to_bytes(), Err(Error::Shape { .. })), "change {i}");
    }
    let scales: [Change; 3] = [
        |m| m.norm.epsilon = 0,
        |m| m.blocks[0].attention_norm.epsilon = (1 << 20) + 1,
        |m| m.classifier.channels[0].bias = (1 << 30) + 1,
    ];
    for (i, change) in scales.iter().enumerate() {
        let mut model = good();
        change(&mut model);
        assert!(matches!(model.to_bytes(), Err(Error::Scale { .. })), "change {i}");
    }
}

/// A model of nothing is refused, too, although all its parts agree.
#[test]
fn writer_refuses_nothing() {
    for zero in 0..8 {
        let c = Config { layers: 1, ..config(Softmax::Wide) };
        let c = match zero {
            0 => Config { positions: 0, ..c },
            1 => Config { inputs: 0, ..c },
            2 => Config { width: 0, ..c },
            3 => Config { heads: 0, ..c },
            4 => Config { head_dim: 0, ..c },
            5 => Config { hidden: 0, ..c },
            6 => Config { layers: 0, ..c },
            _ => Config { classes: 0, ..c },
        };
        assert!(matches!(random_model(3, c, None).to_bytes(), Err(Error::Shape { .. })), "{c:?}");
    }
}

/// The committed files are what the writer writes; `HEEDFUL_BLESS=1` writes them anew.
#[test]
fn committed_files_are_current() {
    let wide = tiny(Softmax::Wide).to_bytes().unwrap();
    let mut damaged = wide.clone();
    damaged[1000] ^= 1;
    let mut newer = wide.clone();
    newer[6..8].copy_from_slice(&(MAJOR + 1).to_le_bytes());
    for (path, bytes) in [
        ("models/wide.heed", &wide),
        ("models/narrow.heed", &tiny(Softmax::Narrow).to_bytes().unwrap()),
        ("models/damaged.heed", &damaged),
        ("models/newer.heed", &newer),
    ] {
        assert!(bytes.len() <= 2048, "{path}: {} bytes", bytes.len());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path);
        if std::env::var_os("HEEDFUL_BLESS").is_some() {
            std::fs::write(&path, bytes).unwrap();
        }
        assert!(std::fs::read(&path).is_ok_and(|found| found == *bytes), "{} is not current", path.display());
    }
}
