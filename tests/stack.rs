//! The stack that an inference takes on the host: at most 8 KB, with whatever kernels the CPU has.
//!
//! A thread of fixed size runs it, after a part of the stack has been taken away; a child process each, for a thread
//! that runs out of stack takes its process with it. Debug builds keep everything on the stack, so that only optimised
//! ones are measured.

use std::hint::black_box;
use std::process::{Command, Stdio};

heedful::model!(Digits = "../models/digits.heed");

/// Stack of the thread.
const STACK: usize = 1 << 17;
/// What is taken away of it, in steps of so many bytes.
const STEP: usize = 512;
/// The most stack of an inference.
const LIMIT: usize = 8 << 10;
/// How a child is told what to do.
const TASK: &str = "HEEDFUL_STACK_TASK";

static MODEL: static_cell::ConstStaticCell<Digits> = static_cell::ConstStaticCell::new(Digits::new());

/// Calls `work` with so many steps less of stack.
#[inline(never)]
fn below(steps: usize, work: &mut dyn FnMut()) {
    let taken = black_box([0u8; STEP]);
    if steps == 0 {
        work()
    } else {
        below(steps - 1, work)
    }
    black_box(&taken);
}

/// The part of the child: ends well if the stack suffices.
fn child(task: &str) {
    let [work, stack, steps] = task.split(' ').collect::<Vec<_>>().try_into().expect("work, stack and steps");
    let [stack, steps] = [stack, steps].map(|number| number.parse().expect("a number"));
    let infers = work == "infer";
    let run = move || {
        let model = MODEL.take();
        below(steps, &mut || {
            if infers {
                black_box(model.infer());
            }
        });
    };
    let thread = std::thread::Builder::new().stack_size(stack).spawn(run).expect("a thread");
    thread.join().expect("no panic");
}

/// The most steps that may be taken away.
fn most_steps(work: &str, stack: usize) -> usize {
    let survives = |steps: usize| {
        Command::new(std::env::current_exe().expect("this program"))
            .args(["an_inference_takes_little_stack", "--exact"])
            .env(TASK, format!("{work} {stack} {steps}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    assert!(survives(0), "{work} does not even run in {stack} bytes");
    let (mut low, mut high) = (0, stack / STEP);
    while low + 1 < high {
        let middle = low.midpoint(high);
        if survives(middle) { low = middle } else { high = middle }
    }
    low
}

#[test]
#[cfg_attr(debug_assertions, ignore = "an unoptimised build says nothing of the stack")]
fn an_inference_takes_little_stack() {
    if let Ok(task) = std::env::var(TASK) {
        return child(&task);
    }
    // A step takes more than its array: what it takes, twice as much stack tells.
    let most = most_steps("nothing", STACK);
    let frame = STACK / (most_steps("nothing", 2 * STACK) - most);
    let bytes = (most - most_steps("infer", STACK)) * frame;
    println!("{}: {bytes} bytes of stack", heedful::backend());
    assert!(bytes <= LIMIT, "{}: {bytes} bytes of stack, at most {LIMIT} are allowed", heedful::backend());
}
