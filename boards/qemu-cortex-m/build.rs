//! Takes the memory map and the SysTick clock of the emulated machine: the one that `MACHINE`
//! names, else the usual one of the target.

use std::path::PathBuf;
use std::{env, fs};

/// Machine, its target, and nanoseconds of a SysTick tick as a fraction.
const MACHINES: &[(&str, &str, (u64, u64))] = &[
    ("mps2-an386", "thumbv7em-none-eabihf", (40, 1)),
    ("microbit", "thumbv6m-none-eabi", (125, 2)),
    ("mps2-an385", "thumbv7m-none-eabi", (40, 1)),
    ("mps2-an500", "", (40, 1)),
    ("mps2-an505", "thumbv8m.main-none-eabihf", (50, 1)),
    ("mps3-an547", "", (125, 4)),
];

fn main() {
    println!("cargo::rerun-if-env-changed=MACHINE");
    println!("cargo::rerun-if-changed=machines");
    let target = env::var("TARGET").expect("set by cargo");
    let machine = env::var("MACHINE").ok();
    let (name, _, (tick, per)) = MACHINES
        .iter()
        .find(|(name, usual, _)| machine.as_deref().map_or(*usual == target, |m| m == *name))
        .unwrap_or_else(|| panic!("no machine {machine:?} for {target}: see MACHINES in build.rs"));

    let out = PathBuf::from(env::var("OUT_DIR").expect("set by cargo"));
    fs::copy(format!("machines/{name}.x"), out.join("memory.x")).expect("OUT_DIR is writable");
    println!("cargo::rustc-link-search={}", out.display());
    // Here and not in .cargo/config.toml, where RUSTFLAGS in the environment would replace it.
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-arg-bins=--nmagic");
    if env::var_os("CARGO_FEATURE_DEFMT").is_some() {
        println!("cargo::rustc-link-arg-bin=listen_defmt=-Tdefmt.x");
    }
    println!("cargo::rustc-env=TICK_NANOSECONDS={tick}");
    println!("cargo::rustc-env=TICK_DIVISOR={per}");
}
