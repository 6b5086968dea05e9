heedful::model!(Model = "../models/wrong_part.heed");

fn main() {
    Model::new();
}
