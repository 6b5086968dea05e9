//! The clips through the models, logged with defmt as firmware would (`boards/README.md` tells how to read it).
#![no_std]
#![no_main]

use core::panic::PanicInfo;
// The logger's transport, and its critical section.
use cortex_m as _;
use cortex_m_rt::entry;
use defmt_semihosting as _;
use firmware::{Listener, Visitor, clips, each_model};

struct Log;

impl Visitor for Log {
    fn visit<M: Listener>(&mut self, model: &mut M) {
        for clip in clips() {
            model.reset();
            for sample in firmware::excerpt(clip.samples, M::SAMPLES) {
                model.push(sample);
            }
            let heard = model.infer().best();
            match M::LABELS.get(heard.class) {
                Some(label) => defmt::info!("{=str}: {=str}, {}", clip.name, label, heard),
                None => defmt::error!("{=str}: no class {=usize}", clip.name, heard.class),
            }
        }
    }
}

#[entry]
fn main() -> ! {
    each_model(&mut Log);
    firmware::succeed()
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    defmt::error!("panicked");
    firmware::fail()
}
