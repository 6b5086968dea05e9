//! The models in this firmware.

use core::hint::black_box;
use heedful::Outcome;
use heedful::watch::Frames;

/// What the firmware asks of a model; each type that `heedful::model!` names can do it.
pub trait Listener: 'static {
    /// Name of the file under `models`, without its ending.
    const NAME: &'static str;
    /// Samples that one inference looks back on.
    const SAMPLES: usize;
    /// Names of the classes.
    const LABELS: &'static [&'static str];
    /// One logit per class.
    type Logits: AsRef<[i16]>;

    /// Forgets what was heard.
    fn reset(&mut self);
    /// Hears one sample; true when it completed a frame.
    fn push(&mut self, sample: i16) -> bool;
    /// Runs the attention model on the frames heard.
    fn infer(&mut self) -> Outcome<Self::Logits>;
    /// The same, with an observer that is handed each row of attention weights; gives their number.
    fn watch(&mut self) -> usize;
    /// Frames of its rows.
    fn frames<S: FnMut(&[u8])>(sink: S) -> Frames<S>;
    /// The same inference, its rows to frames.
    fn infer_into<S: FnMut(&[u8])>(&mut self, frames: &mut Frames<S>) -> Outcome<Self::Logits>;
}

/// Names a model of the folder `models` and gives it its place in RAM.
macro_rules! listener {
    ($feature:literal, $module:ident, $type:ident, $name:literal, $file:expr) => {
        #[cfg(feature = $feature)]
        pub mod $module {
            use super::*;
            use heedful::Row;
            use static_cell::ConstStaticCell;

            heedful::model!(pub $type = $file);

            /// The model and all its state.
            pub static MODEL: ConstStaticCell<$type> = ConstStaticCell::new($type::new());

            impl Listener for $type {
                const NAME: &'static str = $name;
                const SAMPLES: usize = $type::SAMPLES;
                const LABELS: &'static [&'static str] = &$type::LABELS;
                type Logits = [i16; $type::SHAPE.outputs];

                // The model's own methods, one dereference further, not those of this trait.
                fn reset(&mut self) {
                    (**self).reset();
                }

                fn push(&mut self, sample: i16) -> bool {
                    (**self).push(sample)
                }

                fn infer(&mut self) -> Outcome<Self::Logits> {
                    (**self).infer()
                }

                fn watch(&mut self) -> usize {
                    let mut rows = 0;
                    (**self).infer_heard(&mut |row: Row<'_, _>| {
                        black_box(row.weights);
                        rows += 1;
                    });
                    rows
                }

                fn frames<S: FnMut(&[u8])>(sink: S) -> Frames<S> {
                    Frames::of::<$type>(sink)
                }

                fn infer_into<S: FnMut(&[u8])>(&mut self, frames: &mut Frames<S>) -> Outcome<Self::Logits> {
                    (**self).infer_heard(frames)
                }
            }
        }
    };
}

listener!("digits", digits, Digits, "digits", env!("DIGITS"));
listener!("digits-small", digits_small, DigitsSmall, "digits_small", "../../../models/digits_small.heed");

/// Work for each model of this firmware.
pub trait Visitor {
    /// Called once per model.
    fn visit<M: Listener>(&mut self, model: &mut M);
}

/// Hands each model to `visitor`; nothing happens the second time.
pub fn each_model(visitor: &mut impl Visitor) {
    first_model(visitor);
    #[cfg(feature = "digits-small")]
    small_model(visitor);
}

/// Hands it the first model.
pub fn first_model(visitor: &mut impl Visitor) {
    #[cfg(feature = "digits")]
    if let Some(model) = digits::MODEL.try_take() {
        visitor.visit(model);
    }
    #[cfg(all(feature = "digits-small", not(feature = "digits")))]
    small_model(visitor);
    _ = visitor;
}

/// Hands it the small one.
#[cfg(feature = "digits-small")]
fn small_model(visitor: &mut impl Visitor) {
    if let Some(model) = digits_small::MODEL.try_take() {
        visitor.visit(model);
    }
}

/// What listens for ever.
///
/// The optimiser must not know where the samples come from and what becomes of the digit heard.
struct Forever<F>(F);

impl<F: FnMut() -> i16> Visitor for Forever<F> {
    fn visit<M: Listener>(&mut self, model: &mut M) {
        loop {
            if model.push((self.0)()) {
                let heard = model.infer().best();
                black_box((M::LABELS.get(heard.class), heard.probability));
            }
        }
    }
}

/// Listens for ever with the first model: the smallest firmware there can be, which `no_panic` links.
pub fn listen(microphone: impl FnMut() -> i16) -> ! {
    first_model(&mut Forever(microphone));
    loop {}
}

/// The same with the small model.
#[cfg(feature = "digits-small")]
pub fn listen_small(microphone: impl FnMut() -> i16) -> ! {
    small_model(&mut Forever(microphone));
    loop {}
}
