// A language model where an encoder is expected.
heedful::model!(Model = "../models/narrow_decoder.heed");

fn main() {
    Model::new();
}
