// A file that is as it should be, but that of an encoder.
heedful::language_model!(Model = "../models/wide.heed", context = 8);

fn main() {
    Model::new();
}
