//! What it takes to listen with a model: instructions of an inference and of its largest slice, of a second of sound
//! and of a second of silence. `MODEL` in the environment of the build names its `.heed` file.
//!
//! ```text
//! inference instructions=1900000 slices=11 largest=300000
//! sound seconds=10 cadence=10 inferences=100 instructions=220000000
//! silence seconds=10 cadence=10 inferences=0 instructions=20000000
//! slices done
//! ```

use crate::noise::Noise;
use crate::{Board, succeed};
use core::hint::black_box;
use heedful::events::{Listener, ListenerSettings};
use semihosting::println;
use static_cell::ConstStaticCell;

heedful::model!(Model = env!("MODEL"));

static MODEL: ConstStaticCell<Model> = ConstStaticCell::new(Model::new());
static EAR: ConstStaticCell<Listener<Model>> = ConstStaticCell::new(Listener::new());

/// An inference every 100 ms.
static GATED: ListenerSettings<{ Model::CLASSES }> = ListenerSettings { cadence: 10, ..*Listener::<Model>::SETTINGS };
/// The same, whatever is to be heard.
static OPEN: ListenerSettings<{ Model::CLASSES }> = ListenerSettings { gate: None, ..GATED };

/// Samples of 10 ms.
const CHUNK: usize = Model::SAMPLE_RATE / 100;
/// Seconds that are counted, after as many.
const SECONDS: usize = 5;

/// Counts, prints and ends the emulation.
pub fn slices(board: Board) -> ! {
    let count = board.instructions;
    inference(count);
    let ear = EAR.take();
    let mut noise = Noise(1);
    for (name, settings, loudest) in [("sound", &OPEN, 4000), ("silence", &GATED, 2)] {
        assert!(ear.set(settings).is_ok());
        let (mut instructions, mut inferences) = (0, 0);
        for chunk in 0..2 * SECONDS * 100 {
            if chunk == SECONDS * 100 {
                (instructions, inferences) = (0, ear.inferences());
            }
            let samples: [i16; CHUNK] = core::array::from_fn(|_| noise.sample(loudest));
            let start = count();
            for event in ear.push(&samples) {
                black_box(event);
            }
            instructions += count() - start;
        }
        let inferences = ear.inferences() - inferences;
        println!(
            "{name} seconds={SECONDS} cadence={} inferences={inferences} instructions={instructions}",
            settings.cadence
        );
    }
    println!("slices done");
    succeed()
}

/// One inference in slices.
fn inference(count: fn() -> u64) {
    let model = MODEL.take();
    let mut noise = Noise(1);
    for _ in 0..2 * Model::SAMPLES {
        model.push(noise.sample(4000));
    }
    let (mut total, mut number, mut largest) = (0, 0, 0);
    let mut slices = model.slices();
    loop {
        let start = count();
        let outcome = black_box(slices.step());
        let spent = count() - start;
        (total, number, largest) = (total + spent, number + 1, spent.max(largest));
        if outcome.is_some() {
            break;
        }
    }
    println!("inference instructions={total} slices={number} largest={largest}");
}
