heedful::language_model!(Model = "../models/narrow_decoder.heed", context = 0);

fn main() {
    Model::new();
}
