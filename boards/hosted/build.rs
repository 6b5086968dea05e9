//! The shapes to count, from the variable `SHAPES` (`S,E,H,P;…`), as source.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=SHAPES");
    let shapes = env::var("SHAPES").unwrap_or_else(|_| "7,12,2,6".into());
    let blocks: Vec<String> = shapes.split(';').map(|shape| format!("block!({shape});\n")).collect();
    let folder = env::var("OUT_DIR").expect("Cargo sets OUT_DIR");
    fs::write(Path::new(&folder).join("shapes.rs"), format!("{{\n{}}}\n", blocks.concat())).expect("shapes.rs");
}
