heedful::model!(Model = "../models/damaged.heed");

fn main() {
    Model::new();
}
