//! Instructions of an inference by part of the model, each of which is a slice, and of the front end. `MODEL` in the
//! environment of the build names the model's `.heed` file; the feature `hears` says that it takes sound.
//!
//! ```text
//! front samples=8000 instructions=1900000
//! part index=0 instructions=1234
//! parts done
//! ```

use crate::noise::Noise;
use crate::{Board, succeed};
use core::hint::black_box;
use semihosting::println;
use static_cell::ConstStaticCell;

heedful::model!(Model = env!("MODEL"));

/// The largest sample or reading.
const LOUDEST: u32 = 4000;

static MODEL: ConstStaticCell<Model> = ConstStaticCell::new(Model::new());

/// Counts, prints and ends the emulation.
pub fn parts(board: Board) -> ! {
    let count = board.instructions;
    let model = MODEL.take();
    let mut noise = Noise(1);
    #[cfg(feature = "hears")]
    let mut slices = {
        hear(model, count, &mut noise);
        model.slices()
    };
    #[cfg(not(feature = "hears"))]
    let mut slices = {
        let (input, second) = given::inputs(&mut noise);
        model.slices_of(input, second)
    };
    for index in 0.. {
        let start = count();
        let outcome = black_box(slices.step());
        println!("part index={index} instructions={}", count() - start);
        if outcome.is_some() {
            break;
        }
    }
    println!("parts done");
    succeed()
}

/// Fills the model's window, and counts another one.
#[cfg(feature = "hears")]
fn hear(model: &mut Model, count: fn() -> u64, noise: &mut Noise) {
    (0..Model::SAMPLES).for_each(|_| _ = model.push(noise.sample(LOUDEST)));
    let mut instructions = 0;
    for _ in 0..Model::SAMPLES {
        let sample = black_box(noise.sample(LOUDEST));
        let start = count();
        black_box(model.push(sample));
        instructions += count() - start;
    }
    println!("front samples={} instructions={instructions}", Model::SAMPLES);
}

/// What a model without a front end is given.
#[cfg(not(feature = "hears"))]
mod given {
    use super::{LOUDEST, Model, Noise};
    use heedful::Input;
    use heedful::format::InputKind;
    use static_cell::ConstStaticCell;

    const KIND: InputKind = Model::SHAPE.input.kind;
    const VALUES: usize = if matches!(KIND, InputKind::Tokens) { 0 } else { Model::INPUT[0] * Model::INPUT[1] };
    const TOKENS: usize = if matches!(KIND, InputKind::Tokens) { Model::SHAPE.input.steps } else { 0 };
    const SECOND: usize = match Model::SHAPE.memory {
        Some(memory) => memory.steps * memory.channels,
        None => 0,
    };

    /// An input of full length, and the second one.
    pub fn inputs(noise: &mut Noise) -> (Input<'static>, &'static [i8]) {
        static READINGS: ConstStaticCell<[i16; VALUES]> = ConstStaticCell::new([0; VALUES]);
        static WORDS: [u16; TOKENS] = [0; TOKENS];
        static MEMORY: ConstStaticCell<[i8; SECOND]> = ConstStaticCell::new([0; SECOND]);

        let (values, memory) = (READINGS.take(), MEMORY.take());
        values.fill_with(|| noise.sample(LOUDEST));
        memory.fill_with(|| noise.sample(LOUDEST) as i8);
        let input = match KIND {
            InputKind::Tokens => Input::Tokens(&WORDS, &[]),
            _ if Model::SAMPLE_RATE > 0 => Input::Readings(values),
            _ => Input::FineFeatures(values),
        };
        (input, memory)
    }
}
