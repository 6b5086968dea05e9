//! GELU, at all int8 values.

use crate::fixture::Case;
use crate::head::calibrate;
use crate::support::Errors;

#[test]
fn gelu() {
    for index in 0..4 {
        let case = Case::open("gelu", index);
        let in_scale: f64 = case.words[0].parse().unwrap();
        let y = case.tensor("y");
        let out_scale = calibrate(&y);
        let table = heedful::table(heedful::gelu, in_scale, out_scale);
        // PyTorch's values stand in order from -128, the table's by the bits of the input.
        let pairs = (-128i8..=127).zip(y).map(|(x, y)| (f64::from(table[usize::from(x as u8)]), y / out_scale));
        Errors::of(pairs).within(0.1, 0.35, 0.5001);
    }
}
