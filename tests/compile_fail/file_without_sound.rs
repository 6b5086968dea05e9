heedful::model!(Model = "../models/wide.heed");

fn main() {
    let mut model = Model::new();
    model.push(0);
    model.infer();
}
