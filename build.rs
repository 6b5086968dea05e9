//! Maps the target to the crate's own cfgs: on stable Rust, `dsp` and `mve` never show in `cfg`.
//!
//! `heedful_backend` is the backend that this build uses. To force one, pass
//! `--cfg heedful_backend="portable"` in `RUSTFLAGS`; a Cargo feature would not do, since features add up.

use std::env;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(heedful_backend, values(\"portable\", \"wide\", \"dsp\"))");
    println!("cargo::rustc-check-cfg=cfg(heedful_armv8m)");
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("TARGET").is_ok_and(|target| target.starts_with("thumbv8m")) {
        println!("cargo::rustc-cfg=heedful_armv8m");
    }
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let flags: Vec<&str> = flags.split('\x1f').collect();
    if !flags.iter().any(|flag| flag.contains("heedful_backend")) {
        println!("cargo::rustc-cfg=heedful_backend=\"{}\"", backend(&flags));
    }
}

fn backend(flags: &[&str]) -> &'static str {
    let target = env::var("TARGET").unwrap_or_default();
    let cpu = flags.iter().find_map(|flag| flag.strip_prefix("target-cpu=").or(flag.strip_prefix("-Ctarget-cpu=")));
    if target.starts_with("thumbv7em") {
        return "dsp";
    }
    // The DSP extension is optional here: only named cores are known to have it.
    if target.starts_with("thumbv8m.main")
        && matches!(cpu, Some("cortex-m33" | "cortex-m35p" | "cortex-m55" | "cortex-m85"))
    {
        return "dsp";
    }
    match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("none") | Err(_) => "portable",
        Ok(_) => "wide",
    }
}
