heedful::model!(Model = "../models/wrong_width.heed");

fn main() {
    Model::new();
}
