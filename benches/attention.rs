//! `cargo bench`: runs `benches/compare`, a package of its own, so that `cargo test` need not build what
//! heedful is compared with. Arguments after `--` are passed on.

use std::process::Command;

fn main() {
    let arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let status = Command::new(env!("CARGO"))
        .args(["run", "--release", "--package", "heedful-compare", "--"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        // One core for all.
        .env("RAYON_NUM_THREADS", "1")
        .status();
    let code = status.map_or(1, |status| status.code().unwrap_or(1));
    std::process::exit(code);
}
