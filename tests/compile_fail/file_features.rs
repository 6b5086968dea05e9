heedful::model!(Model = "../models/wide.heed");

fn main() {
    // Six positions of seven inputs, where the file has seven of six.
    Model::new().infer_features(&[[0; 7]; 6]);
}
