heedful::model!(Model = "../models/newer.heed");

fn main() {
    Model::new();
}
