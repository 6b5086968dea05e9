heedful::language_model!(Model = "../models/narrow_decoder.heed", context = 8);
heedful::language_model!(Placed = #[used] concat!("../models/", "narrow_decoder.heed"), context = 8);

fn main() {
    let mut model = Model::new();
    assert_eq!(model.step(3).len(), Model::SHAPE.outputs);
    let mut placed = Placed::new();
    placed.push(3);
    assert_eq!(model.step(4), placed.step(4));
    assert_eq!(4 * Placed::WORDS.len(), Placed::FLASH);
}
