//! The fuzz target of `fuzz/` that reads recordings, on the inputs of `tests/corpus`: seeds, and whatever once led to a
//! fault.

#[path = "../../tests/support/fuzz/bytes.rs"]
mod bytes;
#[path = "../../tests/support/fuzz/recording.rs"]
mod recording;
#[path = "../../tests/support/fuzz/replay.rs"]
mod replay;

#[test]
fn recording_corpus() {
    replay::replay("tests/corpus/recording", recording::run);
}
