heedful::model!(Model = "../models/narrow_decoder.heed");

fn main() {
    Model::new();
}
