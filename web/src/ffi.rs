//! What JavaScript calls: functions of numbers over linear memory.
//!
//! The page asks for [`room`], writes bytes there and calls a function that takes them. What comes back is a text of
//! JSON at [`answer`], `{"error": "…"}` where something is wrong, and bytes at [`data`]. No pointer comes in, so there
//! is none to trust.
// Names that JavaScript sees are the only thing here that the compiler cannot check: two functions of a name would be
// one.
#![allow(unsafe_code)]

use crate::{Microphone, Session, decode, look, open, ramp};
use heedful::dynamic::Model;
use serde::Serialize;
use std::cell::RefCell;

/// All there is in an instance.
#[derive(Default)]
struct State {
    input: Vec<u8>,
    answer: String,
    data: Vec<u8>,
    /// It lives as long as the instance.
    model: Option<&'static Model>,
    rate: u32,
    session: Option<Session<'static>>,
    microphone: Option<Microphone>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Does something with the state; keeps what is to be said.
fn answered<T: Serialize>(what: impl FnOnce(&mut State) -> Result<T, String>) {
    #[derive(Serialize)]
    struct Wrong {
        error: String,
    }
    STATE.with_borrow_mut(|state| {
        let said = what(state);
        let written = match said {
            Ok(said) => serde_json::to_string(&said),
            Err(error) => serde_json::to_string(&Wrong { error }),
        };
        state.answer = written.unwrap_or_default();
    });
}

impl State {
    fn samples(&self) -> Vec<i16> {
        self.input.as_chunks().0.iter().map(|&pair| i16::from_le_bytes(pair)).collect()
    }

    fn give(&mut self, samples: &[i16]) {
        self.data = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    }

    fn model(&self) -> Result<&'static Model, String> {
        self.model.ok_or_else(|| "there is no model".into())
    }

    fn session(&mut self) -> Result<&mut Session<'static>, String> {
        self.session.as_mut().ok_or_else(|| "nothing is being heard".into())
    }
}

/// Where so many bytes are to be written for the next call.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
pub extern "C" fn room(bytes: usize) -> *mut u8 {
    STATE.with_borrow_mut(|state| {
        state.input = vec![0; bytes];
        state.input.as_mut_ptr()
    })
}

/// Where the text lies that the last call gave.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> *const u8 {
    STATE.with_borrow(|state| state.answer.as_ptr())
}

/// Its bytes.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
pub extern "C" fn answer_length() -> usize {
    STATE.with_borrow(|state| state.answer.len())
}

/// Where the bytes lie that the last call gave.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
pub extern "C" fn data() -> *const u8 {
    STATE.with_borrow(|state| state.data.as_ptr())
}

/// How many they are.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
pub extern "C" fn data_length() -> usize {
    STATE.with_borrow(|state| state.data.len())
}

/// Takes the bytes of a `.heed` file, once; answers [`Facts`](crate::Facts).
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
pub extern "C" fn load() {
    answered(|state| {
        let (model, facts) = open(&std::mem::take(&mut state.input))?;
        if state.model.is_some() {
            return Err("the instance has a model".into());
        }
        state.model = Some(&*Box::leak(Box::new(model)));
        state.rate = facts.rate;
        Ok(facts)
    });
}

/// Takes the bytes of a WAV file; answers [`Decoded`](crate::Decoded), and gives samples of 16 bits.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
pub extern "C" fn recording() {
    answered(|state| {
        state.model()?;
        let decoded = decode(&std::mem::take(&mut state.input), state.rate)?;
        state.give(&decoded.samples);
        Ok(decoded)
    });
}

/// Begins a sound.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
pub extern "C" fn begin() {
    answered(|state| {
        state.session = Some(Session::new(state.model()?).map_err(|error| error.to_string())?);
        Ok(())
    });
}

/// Takes samples of 16 bits; answers [`Heard`](crate::Heard).
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
pub extern "C" fn push() {
    answered(|state| {
        let samples = state.samples();
        Ok(state.session()?.push(&samples))
    });
}

/// Says that samples were lost.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
pub extern "C" fn skip(lost: u32) {
    answered(|state| {
        state.session()?.skip(u64::from(lost));
        Ok(())
    });
}

/// The sound is over; answers [`Heard`](crate::Heard).
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
pub extern "C" fn end() {
    answered(|state| Ok(state.session.take().ok_or("nothing is being heard")?.end()));
}

/// Takes samples of 16 bits, those under a window; answers [`Look`](crate::Look), and gives its bytes.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
pub extern "C" fn inspect() {
    answered(|state| {
        let mut seen = look(state.model()?, &state.samples()).ok_or("the model has no audio front end")?;
        state.data = std::mem::take(&mut seen.bytes);
        Ok(seen)
    });
}

/// Begins sound of so many samples per second, of a microphone or of a decoder.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
pub extern "C" fn convert_from(rate: u32) {
    answered(|state| {
        state.model()?;
        state.microphone = Some(Microphone::new(rate, state.rate)?);
        Ok(())
    });
}

/// Takes samples as floating-point numbers of 32 bits; gives samples of 16 bits at the model's rate.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
pub extern "C" fn convert() {
    answered(|state| {
        let samples: Vec<f32> = state.input.as_chunks().0.iter().map(|&word| f32::from_le_bytes(word)).collect();
        let converted = state.microphone.as_mut().ok_or("no rate was given")?.push(&samples)?;
        state.give(&converted);
        Ok(())
    });
}

/// Gives red, green and blue of the 256 colours of a heat map.
// SAFETY: no other function of this program has the name.
#[unsafe(no_mangle)]
pub extern "C" fn colours() {
    answered(|state| {
        state.data = (0..=255).flat_map(ramp::colour).collect();
        Ok(())
    });
}
