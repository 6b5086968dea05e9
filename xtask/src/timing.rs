//! Cycles of the Cortex-M4 as Arm publishes them: Technical Reference Manual r0p1, section 3.3 "Processor
//! instructions", table 3-1 and the load and store timings, for memory without wait states.
//!
//! | instructions | cycles |
//! |---|---|
//! | arithmetic, logic, shifts, moves, multiplications of all kinds, SIMD, saturation, IT | 1 |
//! | division | 12, the most |
//! | load of one register | 2; 1 right after another load whose result is not its address |
//! | store of one register | 1; 2 with a register offset, then 1 right after a load |
//! | loads and stores of N registers | 1 + N |
//! | loads and stores of N words of the FPU | 1 + N |
//! | multiplications of the FPU that add; its divisions and roots | 3; 14 |
//! | branches, calls and returns, where taken | P more for the refill of the pipeline |
//! | branches through a table | 2 + P |
//!
//! A load that updates its base register neither follows nor precedes another one for the price of 1: so says the
//! manual of the Cortex-M3 (r2p1, "Load/store timings"), while the M4's leaves it open. A load or store whose address
//! the instruction before has calculated waits one cycle. P is 1 to 3; it depends on the target's alignment and on
//! speculation.
//!
//! Words are taken to be aligned, and code not to compete with data for the bus.

use crate::trace::Instruction;

/// What an instruction does, as far as its cycles go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Two products of 16 bits, accumulated.
    Smlad,
    /// Other multiplications, one product each.
    Multiply,
    /// Extension of bytes to 16 bits.
    Extend,
    Load,
    Store,
    Branch,
    Divide,
    /// Everything else takes one cycle.
    Other,
}

impl Kind {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smlad => "SMLAD",
            Self::Multiply => "other multiplications",
            Self::Extend => "SXTB16",
            Self::Load => "loads",
            Self::Store => "stores",
            Self::Branch => "branches",
            Self::Divide => "divisions",
            Self::Other => "other",
        }
    }
}

/// An instruction, classified.
#[derive(Clone, Debug)]
pub struct Timing {
    pub kind: Kind,
    /// Alone, not taken where it is a branch.
    cycles: u64,
    /// A load or store of one register, which may follow a load closely.
    single: bool,
    /// A load of one register that another may follow closely.
    leads: bool,
    /// Registers that make the address.
    address: Vec<String>,
    /// Registers that it writes, of loads of one register and of arithmetic.
    written: Option<String>,
    /// Arithmetic, whose result comes late for an address.
    calculates: bool,
}

impl Timing {
    /// Classifies an instruction of the log.
    pub fn of(instruction: &Instruction) -> Self {
        let mnemonic = instruction.mnemonic.trim_end_matches(".w").trim_end_matches(".n");
        let operands = &instruction.operands;
        let first = operands.split([',', ' ']).next().unwrap_or_default().to_owned();
        let mut timing = Self {
            kind: Kind::Other,
            cycles: 1,
            single: false,
            leads: false,
            address: Vec::new(),
            written: None,
            calculates: false,
        };
        let is = |starts: &[&str]| starts.iter().any(|start| mnemonic.starts_with(start));
        if is(&["ldm", "pop", "vldm", "vpop"]) || is(&["stm", "push", "vstm", "vpush"]) {
            timing.kind = if is(&["ldm", "pop", "vldm", "vpop"]) { Kind::Load } else { Kind::Store };
            let words = if operands.contains("{d") { 2 } else { 1 };
            timing.cycles = 1 + words * registers(operands);
            timing.address = if is(&["ldm", "stm"]) { vec![first.trim_end_matches('!').into()] } else { Vec::new() };
        } else if is(&["ldrd", "strd"]) {
            timing.kind = if is(&["ldrd"]) { Kind::Load } else { Kind::Store };
            timing.cycles = 3;
            timing.address = addresses(operands);
        } else if is(&["vldr", "vstr"]) {
            timing.kind = if is(&["vldr"]) { Kind::Load } else { Kind::Store };
            timing.cycles = if first.starts_with('d') { 3 } else { 2 };
            timing.address = addresses(operands);
        } else if is(&["vdiv", "vsqrt"]) {
            timing.kind = Kind::Divide;
            timing.cycles = 14;
        } else if is(&["vmla", "vmls", "vfma", "vfms", "vnml", "vfnm"]) {
            timing.kind = Kind::Multiply;
            timing.cycles = 3;
        } else if is(&["ldr"]) {
            timing.kind = Kind::Load;
            timing.cycles = 2;
            timing.single = !updates(operands);
            timing.leads = timing.single;
            timing.address = addresses(operands);
            timing.written = Some(first);
        } else if is(&["str"]) {
            timing.kind = Kind::Store;
            timing.address = addresses(operands);
            let indexed = timing.address.len() > 1;
            timing.cycles = if indexed { 2 } else { 1 };
            timing.single = indexed;
        } else if is(&["sdiv", "udiv"]) {
            timing.kind = Kind::Divide;
            timing.cycles = 12;
            timing.written = Some(first);
        } else if is_branch(mnemonic) {
            timing.kind = Kind::Branch;
            timing.cycles = if is(&["tbb", "tbh"]) { 2 } else { 1 };
        } else {
            timing.kind = if is(&["smlad", "smuad"]) {
                Kind::Smlad
            } else if is(&["mul", "mla", "mls", "sm", "umull", "umlal", "umaal"]) {
                Kind::Multiply
            } else if is(&["sxtb16"]) {
                Kind::Extend
            } else {
                Kind::Other
            };
            timing.calculates = !is(&["cmp", "cmn", "tst", "teq", "it", "nop"]);
            timing.written = Some(first);
        }
        timing
    }

    /// Cycles after `before`; `taken` adds the refill of the pipeline.
    pub fn cycles(&self, before: Option<&Self>, taken: bool, refill: u64) -> u64 {
        let uses = |written: &Option<String>| written.as_ref().is_some_and(|written| self.address.contains(written));
        let follows = before.is_some_and(|before| before.leads && self.single && !uses(&before.written));
        let waits = before.is_some_and(|before| before.calculates && uses(&before.written));
        self.cycles - u64::from(follows) + u64::from(waits) + if taken { refill } else { 0 }
    }
}

fn is_branch(mnemonic: &str) -> bool {
    const CONDITIONS: [&str; 17] =
        ["", "eq", "ne", "hs", "cs", "lo", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"];
    let of = |branch: &str| mnemonic.strip_prefix(branch).is_some_and(|condition| CONDITIONS.contains(&condition));
    ["b", "bl", "bx", "blx", "cbz", "cbnz", "tbb", "tbh"].iter().any(|branch| of(branch))
}

/// Registers between braces, ranges such as `r4-r7` included.
fn registers(operands: &str) -> u64 {
    let list = operands.split_once('{').map_or("", |(_, list)| list.split('}').next().unwrap_or(list));
    let number = |name: &str| match name.trim() {
        "sb" => 9,
        "sl" => 10,
        "fp" => 11,
        "ip" => 12,
        "sp" => 13,
        "lr" => 14,
        "pc" => 15,
        name => name.trim_start_matches(['r', 's', 'd']).parse::<u64>().unwrap_or(0),
    };
    list.split(',')
        .filter(|part| !part.trim().is_empty())
        .map(|part| match part.split_once('-') {
            Some((from, to)) => number(to).saturating_sub(number(from)) + 1,
            None => 1,
        })
        .sum()
}

/// Registers between brackets.
fn addresses(operands: &str) -> Vec<String> {
    let inside = operands.split_once('[').map_or("", |(_, inside)| inside.split(']').next().unwrap_or(inside));
    inside
        .split([',', ' '])
        .filter(|part| !part.is_empty() && !part.starts_with('#') && !["lsl", "asr", "lsr"].contains(part))
        .map(str::to_owned)
        .collect()
}

/// `[r0], #4` or `[r0, #4]!`
fn updates(operands: &str) -> bool {
    operands.ends_with('!') || operands.split_once(']').is_some_and(|(_, rest)| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(text: &str) -> Timing {
        let (mnemonic, operands) = text.split_once(' ').unwrap_or((text, ""));
        let (mnemonic, operands) = (mnemonic.into(), operands.into());
        Timing::of(&Instruction { mnemonic, operands, bytes: 4, function: 0, entry: false })
    }

    /// Cycles of a sequence in which no branch is taken.
    fn cycles(code: &[&str]) -> u64 {
        let timings: Vec<Timing> = code.iter().map(|text| timing(text)).collect();
        let before = std::iter::once(None).chain(timings.iter().map(Some));
        timings.iter().zip(before).map(|(timing, before)| timing.cycles(before, false, 2)).sum()
    }

    #[test]
    fn gives_the_manuals_examples() {
        assert_eq!(cycles(&["ldr r0, [r1]", "ldr r1, [r2]"]), 3);
        assert_eq!(cycles(&["ldr r0, [r1, r2]", "str r0, [r3, #20]"]), 3);
        assert_eq!(cycles(&["ldr r0, [r1, r2]", "str r1, [r3, r2]"]), 3);
        assert_eq!(cycles(&["ldr r0, [r1, r5]", "ldr r1, [r2]", "ldr r2, [r3, #4]"]), 4);
        assert_eq!(cycles(&["ldm.w r0, {r1, r2, r3}"]), 4);
        assert_eq!(cycles(&["stm r0!, {r1-r8}"]), 9);
    }

    #[test]
    fn knows_the_rest_of_the_table() {
        assert_eq!(cycles(&["ldr r0, [r1]", "ldr r2, [r0]"]), 4);
        assert_eq!(cycles(&["add.w r0, r0, r2", "ldr.w r8, [r0]"]), 4);
        assert_eq!(cycles(&["ldr r0, [r1], #4", "ldr r3, [r2], #4"]), 4);
        assert_eq!(cycles(&["push.w {r4, r5, r6, r7, r8, sb, sl, fp, lr}"]), 10);
        assert_eq!(cycles(&["smlad r4, r8, lr, r4", "smmla r4, r4, r8, r10", "udiv r0, r1, r2"]), 14);
        assert_eq!(cycles(&["ldrd r8, sb, [sp, #8]", "strb.w r4, [r0, r2]"]), 5);
        assert_eq!((timing("bne #0x40").kind, timing("bic r0, r0, #31").kind), (Kind::Branch, Kind::Other));
        assert_eq!((timing("bls.w #0x40").kind, timing("bfc r12, #0, #11").kind), (Kind::Branch, Kind::Other));
        assert_eq!(timing("bne #0x40").cycles(None, true, 2), 3);
        assert_eq!(timing("tbb [pc, r0]").cycles(None, true, 1), 3);
        assert_eq!(cycles(&["vldr s0, [r0]", "vstr d1, [r1, #8]", "vmla.f32 s0, s1, s2", "vadd.f32 s0, s0, s1"]), 9);
        assert_eq!(cycles(&["vldmia r0!, {d0-d1}", "vmov r0, s1", "vdiv.f32 s0, s1, s2"]), 20);
    }
}
