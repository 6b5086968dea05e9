#![no_main]

#[path = "../../tests/support/fuzz/bytes.rs"]
mod bytes;
#[path = "../../tests/support/fuzz/recording.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    target::run(data);
});
