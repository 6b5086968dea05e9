// A file, but not a model: this one.
heedful::model!(Model = "file_text.rs");

fn main() {
    Model::new();
}
