//! The emulator's log of executed instructions: a second way to count, and what an estimate of cycles is made from.
//!
//! QEMU translates one instruction at a time (`-singlestep`), disassembles each when it translates it (`-d in_asm`)
//! and logs each time it executes one (`-d exec,nochain`):
//!
//! ```text
//! 0x00000a20:  f8d1 8000  ldr.w    r8, [r1]
//! Trace 0: 0x7f0ae0032700 [00800408/00000a20/00000010/ff020201] products_store
//! ```

use crate::symbols::Symbols;
use crate::targets::Target;
use crate::{emulator, symbols};
use anyhow::{Context, Result, bail, ensure};
use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

/// The firmware calls it before each block that it counts as a whole.
const MARK: &str = "firmware::count::whole_block_comes";
/// The firmware reads the counter in it.
const COUNTER: &str = "count::counter::instructions";
/// The interrupt of the counter, which is no part of a block.
const INTERRUPT: &str = "SysTick";

/// An instruction of the firmware.
#[derive(Debug)]
pub struct Instruction {
    /// Such as `ldr.w`.
    pub mnemonic: String,
    /// Such as `r8, [r1], #4`.
    pub operands: String,
    /// Length in bytes.
    pub bytes: u32,
    /// Index of its function.
    pub function: usize,
    /// Whether its function starts here.
    pub entry: bool,
}

/// Gets each instruction executed from one reading of the counter to the next, around each block.
pub trait Visitor {
    /// The instruction at `pc`, and the address executed after it.
    fn executed(&mut self, instruction: &Instruction, pc: u32, next: u32, symbols: &Symbols);
    /// The block is over.
    fn block_ends(&mut self);
}

/// Runs the counting firmware and shows its blocks to `visitor`; gives what it printed.
pub fn run(target: &Target, elf: &Path, visitor: &mut impl Visitor) -> Result<String> {
    let symbols = symbols::read(elf)?;
    let entry = |name: &str| symbols.address(name).with_context(|| format!("the firmware has no {name}"));
    let mut trace = Trace {
        mark: entry(MARK)?,
        counter: entry(COUNTER)?,
        interrupt: symbols.index(INTERRUPT),
        symbols,
        code: HashMap::new(),
        pending: None,
        place: Place::Outside,
        blocks: 0,
        visitor,
    };
    let printed =
        emulator::run_logged(target, elf, &["-singlestep", "-d", "in_asm,exec,nochain"], |log| trace.read(log))?;
    ensure!(trace.blocks > 0, "the emulator's log shows no block");
    Ok(printed)
}

/// Where execution is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Outside,
    /// After the mark: the next reading of the counter starts a block.
    Marked,
    Block,
}

struct Trace<'v, V> {
    mark: u32,
    counter: u32,
    interrupt: Option<usize>,
    symbols: Symbols,
    code: HashMap<u32, Instruction>,
    /// Begun; executed unless the next line says otherwise.
    pending: Option<u32>,
    place: Place,
    blocks: usize,
    visitor: &'v mut V,
}

impl<V: Visitor> Trace<'_, V> {
    fn read(&mut self, mut log: impl BufRead) -> Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if log.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            if line.starts_with(b"Trace ") {
                let pc = address(&line).context("the emulator's log: no address")?;
                if let Some(last) = self.pending.replace(pc) {
                    self.executed(last, pc)?;
                }
            } else if line.starts_with(b"Stopped ") || line.starts_with(b"cpu_io_recompile: ") {
                // The one before it did not run, after all: it comes again. The first is for time to be looked at, the
                // second for a device, which must be accessed at an exact time.
                self.pending = None;
            } else if line.starts_with(b"0x") {
                self.disassembled(&line);
            }
        }
    }

    fn executed(&mut self, pc: u32, next: u32) -> Result<()> {
        if pc == self.mark {
            self.place = Place::Marked;
        } else if pc == self.counter {
            self.place = match self.place {
                Place::Marked => Place::Block,
                Place::Block => {
                    self.blocks += 1;
                    self.visitor.block_ends();
                    Place::Outside
                }
                Place::Outside => Place::Outside,
            };
        }
        if self.place == Place::Block {
            let Some(instruction) = self.code.get(&pc) else { bail!("the emulator's log shows no code at {pc:#x}") };
            if Some(instruction.function) != self.interrupt {
                self.visitor.executed(instruction, pc, next, &self.symbols);
            }
        }
        Ok(())
    }

    /// `0x00000a20:  f8d1 8000  ldr.w    r8, [r1]`
    fn disassembled(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let Some((pc, text)) = line.trim_end().split_once(':') else { return };
        let Ok(pc) = u32::from_str_radix(pc.trim_start_matches("0x"), 16) else { return };
        let mut bytes = 0;
        let mut text = text.trim_start();
        while let Some((word, rest)) = text.split_once(' ')
            && word.len() == 4
            && bytes < 4
            && u16::from_str_radix(word, 16).is_ok()
        {
            bytes += 2;
            text = rest.trim_start();
        }
        let (mnemonic, operands) = text.split_once(' ').unwrap_or((text, ""));
        let (function, entry) = self.symbols.function(pc);
        let instruction =
            Instruction { mnemonic: mnemonic.into(), operands: operands.trim_start().into(), bytes, function, entry };
        self.code.insert(pc, instruction);
    }
}

/// The second of the numbers in brackets.
fn address(line: &[u8]) -> Option<u32> {
    let start = line.iter().position(|&byte| byte == b'/')? + 1;
    let digits = line.get(start..start + 8)?;
    u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Seen(Vec<(String, u32, u32)>, usize);

    impl Visitor for Seen {
        fn executed(&mut self, instruction: &Instruction, pc: u32, next: u32, _: &Symbols) {
            self.0.push((format!("{} {}", instruction.mnemonic, instruction.operands), pc, next));
        }
        fn block_ends(&mut self) {
            self.1 += 1;
        }
    }

    #[test]
    fn sees_what_is_executed_between_two_readings() {
        let mut seen = Seen::default();
        let mut trace = Trace {
            mark: 0x10,
            counter: 0x20,
            interrupt: None,
            symbols: Symbols::default(),
            code: HashMap::new(),
            pending: None,
            place: Place::Outside,
            blocks: 0,
            visitor: &mut seen,
        };
        let code = "0x00000020:  4770       bx       lr\n0x00000030:  f8d1 8000  ldr.w    r8, [r1]\n";
        let steps = [0x20, 0x30, 0x10, 0x30, 0x20, 0x30, 0x30, 0x20, 0x30];
        let mut log = String::from(code);
        for pc in steps {
            log += &format!("Trace 0: 0x7f [00800408/{pc:08x}/00000010/ff] name\n");
            if pc == 0x30 {
                log += "Stopped execution of TB chain before 0x7f [00000030] name\n";
                log += &format!("Trace 0: 0x7f [00800408/{pc:08x}/00000010/ff] name\n");
                log += "cpu_io_recompile: rewound execution of TB to 00000030\n";
                log += &format!("Trace 0: 0x7f [00800408/{pc:08x}/00000010/ff] name\n");
            }
        }
        trace.read(log.as_bytes()).unwrap();
        let load = || "ldr.w r8, [r1]".to_owned();
        assert_eq!(seen.0, [("bx lr".to_owned(), 0x20, 0x30), (load(), 0x30, 0x30), (load(), 0x30, 0x20)]);
        assert_eq!(seen.1, 1);
    }
}
