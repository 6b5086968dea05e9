heedful::model!(Digits = "../models/wide.heed", positions = 7, classes = 11);

fn main() {
    Digits::new();
}
