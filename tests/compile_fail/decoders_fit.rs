heedful::language_model!(Model = "../models/narrow_decoder.heed", context = 8);

fn main() {
    let mut model = Model::new();
    assert_eq!(model.step(3).len(), Model::CONFIG.tokens);
}
