//! The random cases of the kernels: the board against the host.

#[path = "../../tests/support/kernels.rs"]
mod cases;

use crate::targets::Target;
use crate::{emulator, firmware};
use anyhow::{Context, Result, ensure};
use cases::{Memory, differs};
use heedful::internals::{Active, Portable};

/// Runs the cases on the board, which compares its backend with the portable one, and on the host: all
/// outputs of the two must agree.
pub fn check(target: &Target) -> Result<String> {
    let target = target.with_more_memory();
    let elf = firmware::build(&target, firmware::KERNELS, &[])?;
    let printed = emulator::run(&target, &elf)?;
    let line = printed.lines().find_map(|line| line.strip_prefix("kernels ")).context("the board printed no digest")?;
    let field = |name: &str| {
        line.split_once(&format!("{name}=")).map(|(_, rest)| rest.split(' ').next().unwrap_or(rest)).context("no field")
    };
    let cases: u64 = field("cases")?.parse()?;
    let digest = u64::from_str_radix(field("digest")?, 16)?;
    ensure!(cases > 0, "the board ran no case");
    let host = host_digest(cases)?;
    ensure!(digest == host, "digest {digest:016x} over {cases} cases, the host has {host:016x}");
    Ok(format!("{cases} cases, the same bits as portable and as the host"))
}

pub fn host_digest(cases: u64) -> Result<u64> {
    let mut memory = Box::new(Memory::new());
    for seed in 0..cases {
        let different = differs::<Active, Portable>(seed, &mut memory);
        ensure!(different.is_none(), "the host's own backends differ in {different:?}, case {seed}");
    }
    Ok(memory.digest)
}
