heedful::model!(Wide = "../models/wide.heed", classes = 3, positions = 7, inputs = 6, layers = 1);
heedful::model!(pub Narrow = "../models/narrow.heed");
heedful::model!(
    /// A path that is put together, and two attributes of the weights.
    #[allow(dead_code)]
    pub Placed = #[used] #[cfg_attr(target_os = "linux", unsafe(link_section = ".rodata.weights"))]
        concat!("../models/", "wide", ".heed"), classes = 3,
);

fn main() {
    let outcome = Wide::new().infer_features(&[[1; 6]; 7]);
    assert_eq!(Wide::LABELS[outcome.best().class].len(), "class 0".len());
    Narrow::new().infer_features(&[[1; 6]; 7]);
    assert_eq!(Placed::new().infer_features(&[[1; 6]; 7]).logits(), outcome.logits());
    assert_eq!(4 * Placed::WORDS.len(), Placed::FLASH);
    assert_ne!(Placed::WORDS.as_ptr(), Wide::WORDS.as_ptr());
}
