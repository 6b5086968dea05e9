//! The fuzz targets of `fuzz/` that need this tool, on the inputs of `tests/corpus`: seeds, and whatever once led to a
//! fault.

#[path = "../../tests/support/fuzz/bytes.rs"]
mod bytes;
#[allow(dead_code)] // The library's own tests run encoders.
#[path = "../../tests/support/fuzz/encoder.rs"]
mod encoder;
#[path = "../../tests/support/fuzz/heed.rs"]
mod heed;
#[path = "../../tests/support/fuzz/replay.rs"]
mod replay;
#[path = "../../tests/support/fuzz/tools.rs"]
mod tools;
#[path = "../../tests/support/fuzz/weights.rs"]
mod weights;

use replay::replay;

#[test]
fn tools_corpus() {
    replay("tests/corpus/tools", tools::run);
}

#[test]
fn weights_corpus() {
    replay("tests/corpus/weights", weights::run);
}
