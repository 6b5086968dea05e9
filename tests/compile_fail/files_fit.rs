heedful::model!(Wide = "../models/wide.heed", classes = 3, positions = 7, inputs = 6, layers = 1);
heedful::model!(pub Narrow = "../models/narrow.heed");

fn main() {
    let outcome = Wide::new().infer_features(&[[1; 6]; 7]);
    assert_eq!(Wide::LABELS[outcome.best().class].len(), "class 0".len());
    Narrow::new().infer_features(&[[1; 6]; 7]);
}
