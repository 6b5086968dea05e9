//! A language model on a board: tokens from a prompt on, greedy, with the instructions of each.
//!
//! `STORIES` in the environment of the build names the model's `.heed` file, `STORIES_PROMPT` a file with the prompt,
//! `STORIES_TOKENS` how many tokens are read and written in all.
//!
//! ```text
//! stories state=57000 stack=1234 flash=299000 kernels=DSP
//! token 0 1 instructions=400123
//! token 1 403 instructions=600321
//! stories done
//! ```

use crate::{Board, fail, stack, succeed};
use semihosting::println;
use static_cell::ConstStaticCell;

heedful::language_model!(pub Stories = env!("STORIES"), context = 128);

static STORIES: ConstStaticCell<Stories> = ConstStaticCell::new(Stories::new());
static PROMPT: &[u8] = include_bytes!(env!("STORIES_PROMPT"));
/// Tokens of the prompt that there is room for.
const ROOM: usize = 256;

/// Writes a text, prints its tokens, and ends the emulation.
pub fn tell(board: Board) -> ! {
    let stories = STORIES.take();
    let mut prompt = [0; ROOM];
    let encoded = Stories::TOKENIZER.and_then(|tokenizer| tokenizer.encode(PROMPT, &mut prompt).ok());
    let (Some(count), Ok(length)) = (encoded, env!("STORIES_TOKENS").parse::<usize>()) else {
        println!("stories: no tokenizer, or a prompt that is too long");
        fail()
    };
    let stack = stack::measure(board.stack_end, || {
        stories.step(1);
    });
    stories.reset();
    let (state, flash) = (size_of::<Stories>(), Stories::FLASH);
    println!("stories state={state} stack={stack} flash={flash} kernels={}", heedful::backend());
    let mut token = prompt.first().copied().unwrap_or(1);
    for position in 0..length {
        let start = (board.instructions)();
        let next = heedful::greedy(stories.step(token)) as u16;
        let instructions = (board.instructions)() - start;
        println!("token {position} {token} instructions={instructions}");
        token = match prompt.get(position + 1) {
            Some(&token) if position + 1 < count => token,
            _ => next,
        };
        // A text ends where the next one would begin.
        if position + 1 >= count && (token == 1 || token == 2) {
            break;
        }
    }
    println!("stories done");
    succeed()
}
