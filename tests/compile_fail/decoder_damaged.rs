heedful::language_model!(Model = "../models/damaged.heed", context = 8);

fn main() {
    Model::new();
}
