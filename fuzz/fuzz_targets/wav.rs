#![no_main]

#[path = "../../tests/support/fuzz/bytes.rs"]
mod bytes;
#[path = "../../examples/spoken_digits/wav.rs"]
mod reader;
#[path = "../../tests/support/fuzz/wav.rs"]
mod target;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    target::run(data);
});
