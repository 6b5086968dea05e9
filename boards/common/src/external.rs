//! A model whose weights lie where they were put: in a memory of their own, such as external flash, and not among the
//! constants.
//!
//! ```text
//! external address=21000000 bytes=61300
//! clip 0_george_5.wav logits=1,-2,3
//! external done
//! ```

use crate::report::Logits;
use crate::{clips, succeed};
use semihosting::println;
use static_cell::ConstStaticCell;

heedful::model!(
    Placed = #[unsafe(link_section = ".external")]
    "../../../models/digits.heed"
);

static PLACED: ConstStaticCell<Placed> = ConstStaticCell::new(Placed::new());
/// Clips heard: enough to see that it is the model.
const CLIPS: usize = 5;

/// Says where the weights are read, hears some clips and ends the emulation.
pub fn external() -> ! {
    println!("external address={:x} bytes={}", Placed::WORDS.as_ptr().addr(), Placed::FLASH);
    let model = PLACED.take();
    for clip in clips().take(CLIPS) {
        model.reset();
        for sample in heedful::audio::excerpt(clip.samples, Placed::SAMPLES) {
            model.push(sample);
        }
        println!("clip {} logits={}", clip.name, Logits(model.infer().logits()));
    }
    println!("external done");
    succeed()
}
