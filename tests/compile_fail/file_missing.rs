heedful::model!(Model = "../models/no_such.heed");

fn main() {
    Model::new();
}
