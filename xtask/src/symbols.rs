//! The functions of an ELF file.

use anyhow::{Context, Result};
use object::{Object, ObjectSymbol, SymbolKind};
use std::path::Path;

/// A function.
#[derive(Debug)]
struct Function {
    address: u32,
    bytes: u32,
    name: String,
}

/// Functions by address, and none for what lies outside of them.
#[derive(Debug, Default)]
pub struct Symbols(Vec<Function>);

/// Reads the functions of an ELF file.
pub fn read(path: &Path) -> Result<Symbols> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let file = object::File::parse(&*bytes).with_context(|| path.display().to_string())?;
    // Thumb functions have odd addresses.
    let odd = if file.architecture() == object::Architecture::Arm { 1 } else { 0 };
    let mut functions: Vec<Function> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
        .filter_map(|symbol| {
            let name = format!("{:#}", rustc_demangle::demangle(symbol.name().ok()?));
            Some(Function { address: symbol.address() as u32 & !odd, bytes: symbol.size() as u32, name })
        })
        .collect();
    functions.sort_by_key(|function| function.address);
    Ok(Symbols(functions))
}

impl Symbols {
    /// Index of the function at an address, and whether it starts there.
    pub fn function(&self, address: u32) -> (usize, bool) {
        let after = self.0.partition_point(|function| function.address <= address);
        match after.checked_sub(1).and_then(|index| Some((index, self.0.get(index)?))) {
            Some((index, function)) if address - function.address < function.bytes => {
                (index, address == function.address)
            }
            _ => (usize::MAX, false),
        }
    }

    /// Name of the function with an index.
    pub fn name(&self, index: usize) -> &str {
        self.0.get(index).map_or("(elsewhere)", |function| &function.name)
    }

    /// Where the function of this name starts.
    pub fn address(&self, name: &str) -> Option<u32> {
        self.0.iter().find(|function| function.name == name).map(|function| function.address)
    }

    /// Index of the function of this name.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|function| function.name == name)
    }

    /// Bytes of the kernels that the counting firmware uses: all functions of `heedful::kernels`, and where a stage of
    /// the block is no function of its own, the one of the firmware that it was inlined into.
    pub fn kernels(&self) -> u64 {
        let is_kernel = |name: &str| name.trim_start_matches('<').starts_with("heedful::kernels::");
        let bytes = |of: &dyn Fn(&str) -> bool| -> u64 {
            self.0.iter().filter(|function| of(&function.name)).map(|function| u64::from(function.bytes)).sum()
        };
        let own = bytes(&|name| is_kernel(name));
        let inlined: u64 = ["linear", "tile_scores", "tile_softmax", "tile_weighted_sum"]
            .iter()
            .filter(|stage| {
                // Of a backend, or of all that bring the loops of one driver.
                let methods = [" as heedful::kernels::Kernels>", "<impl heedful::kernels::Kernels for L>"]
                    .map(|method| format!("{method}::{stage}"));
                let is_stage = |name: &str| methods.iter().any(|method| name.contains(method));
                !self.0.iter().any(|function| is_kernel(&function.name) && is_stage(&function.name))
            })
            .map(|stage| {
                let method = format!("<firmware::count::Counted as heedful::kernels::Kernels>::{stage}");
                bytes(&|name| name.starts_with(&method))
            })
            .sum();
        own + inlined
    }
}
