//! The fuzz target of `fuzz/` that imports language models, on the inputs of `tests/corpus`: seeds, and whatever once
//! led to a fault.

#[path = "../../tests/support/fuzz/bytes.rs"]
mod bytes;
#[path = "../../tests/support/fuzz/heed.rs"]
mod heed;
#[path = "../../tests/support/fuzz/import.rs"]
mod import;
#[path = "../../tests/support/fuzz/replay.rs"]
mod replay;

#[test]
fn import_corpus() {
    replay::replay("tests/corpus/import", import::run);
}
