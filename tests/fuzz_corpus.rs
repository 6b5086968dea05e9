//! The fuzz targets of `fuzz/` on the inputs of `tests/corpus`: seeds, and whatever once led to a fault.

#[path = "support/fuzz/audio.rs"]
mod audio;
#[path = "support/fuzz/bytes.rs"]
mod bytes;
#[path = "support/fuzz/chain.rs"]
mod chain;
#[path = "support/fuzz/decoder.rs"]
mod decoder;
#[path = "support/fuzz/encoder.rs"]
mod encoder;
#[path = "support/fuzz/file.rs"]
mod file;
#[path = "support/fuzz/heed.rs"]
mod heed;
#[path = "support/fuzz/replay.rs"]
mod replay;
#[path = "support/fuzz/tokenizer.rs"]
mod tokenizer;
#[path = "support/fuzz/typed.rs"]
mod typed;

use replay::replay;

#[test]
fn audio_corpus() {
    replay("tests/corpus/audio", audio::run);
}

#[test]
fn chain_corpus() {
    replay("tests/corpus/chain", chain::run);
}

#[test]
fn decoder_corpus() {
    replay("tests/corpus/decoder", decoder::run);
}

#[test]
fn encoder_corpus() {
    replay("tests/corpus/encoder", encoder::run);
}

#[test]
fn file_corpus() {
    replay("tests/corpus/file", file::run);
}

#[test]
fn tokenizer_corpus() {
    replay("tests/corpus/tokenizer", tokenizer::run);
}

#[test]
fn typed_corpus() {
    replay("tests/corpus/typed", typed::run);
}
