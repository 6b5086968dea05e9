//! Any bytes as a file, and its parts by any shape.

use crate::bytes::Bytes;
use crate::heed::repaired;
use heedful::dynamic::{Decoder, Model};
use heedful::format::write::EncoderModel;
use heedful::format::{Config, DecoderConfig, File};

/// The first byte says whether the checksum is put right. True if the header was found right.
pub fn run(data: &[u8]) -> bool {
    let Some((&first, data)) = data.split_first() else { return false };
    let bytes = if first % 2 == 0 { data.to_vec() } else { repaired(data) };
    let loaded = (Model::load(&bytes), EncoderModel::load(&bytes), Decoder::load(&bytes));

    // A place off a word boundary, and one on it.
    let mut memory = vec![0u32; bytes.len() / 4 + 2];
    let memory = words_mut(&mut memory);
    for offset in [usize::from(first) % 4, 0] {
        memory[offset..][..bytes.len()].copy_from_slice(&bytes);
        let Ok(file) = File::from_bytes(&memory[offset..][..bytes.len()]) else {
            if offset == 0 {
                assert!(loaded.0.is_err() && loaded.1.is_err() && loaded.2.is_err());
            }
            continue;
        };
        assert_eq!(offset, 0);
        let mut from = Bytes::new(data);
        for index in 0..4 {
            let _ = file.label(if index == 0 { from.any() } else { index });
        }
        if let Ok(config) = file.config() {
            let _ = (config.macs(), file.macs(&config), file.frontend(&config));
            by_any_shape(&file, any(&mut from, config));
        }
        if let Ok(config) = file.decoder_config() {
            let _ = (config.macs(), file.tokenizer(config.tokens));
            let tokens = from.any();
            let _ = file.tokenizer(tokens);
            let _ = DecoderConfig { heads: from.any(), layers: from.any(), ..config }.macs();
        }
        return true;
    }
    false
}

/// The shape, with some of its numbers of any size.
fn any(from: &mut Bytes<'_>, mut config: Config) -> Config {
    let Config { positions, inputs, width, heads, head_dim, hidden, layers, classes, .. } = &mut config;
    for number in [positions, inputs, width, heads, head_dim, hidden, layers, classes] {
        if from.once_in(4) {
            *number = from.any();
        }
    }
    config
}

/// A file's parts by a shape that need not be its own.
fn by_any_shape(file: &File<'_>, config: Config) {
    let _ = (config.macs(), file.frontend(&config));
    // A file of many blocks that are not there is refused at the first.
    let _ = file.macs(&config);
}

/// Words as bytes.
fn words_mut(words: &mut [u32]) -> &mut [u8] {
    bytemuck::cast_slice_mut(words)
}
