//! Cores that models run on: their memory, and an estimate of their time.

use heedful::dynamic::{Model, TARGETS, Target, Work};
use std::str::FromStr;

/// A kind of core.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Core {
    /// Its name, as one writes it on a command line.
    pub name: &'static str,
    /// What it stands for.
    pub about: &'static str,
    /// Its kernels.
    target: &'static Target,
    cost: Cost,
}

/// Executed instructions, for each of what [`Work`] counts, from the encoder blocks of `docs/performance.md`: softmax
/// and norms are the medians of what is counted there, the rest the least squares of relative errors over the blocks of
/// 100,000 instructions and more.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost {
    product: f64,
    attended: f64,
    result: f64,
    weight: f64,
    normed: f64,
}

/// All that are known.
pub const CORES: [Core; 6] = [
    core("cortex-m0", "Cortex-M0, M0+, M23", 0, [2.46, 2.29, 108.0, 45.9, 64.0]),
    core("cortex-m3", "Cortex-M3, M33 without DSP", 1, [1.41, 1.25, 40.3, 16.5, 17.8]),
    core("cortex-m4", "Cortex-M4, M7, M33 with DSP", 2, [0.77, 1.07, 24.6, 11.5, 14.1]),
    core("cortex-m55", "Cortex-M55, M85 with Helium", 3, [0.094, 0.23, 8.67, 2.81, 5.67]),
    core("rv32", "RV32IM", 4, [2.33, 2.11, 53.2, 19.3, 37.3]),
    core("rv32v", "RV32IM with vectors of 128 bits", 5, [0.623, 0.0, 0.0, 1.83, 6.21]),
];

/// The costs are those of a product of a layer, a product of attention, a result of a layer, a weight of the softmax
/// and a normalised value.
const fn core(name: &'static str, about: &'static str, target: usize, costs: [f64; 5]) -> Core {
    let [product, attended, result, weight, normed] = costs;
    Core { name, about, target: &TARGETS[target], cost: Cost { product, attended, result, weight, normed } }
}

impl Core {
    /// Bytes of working memory of a model.
    #[must_use]
    pub fn memory(&self, model: &Model) -> usize {
        model.memory_on(self.target)
    }

    /// Executed instructions of an inference, estimated: to [`Core::tolerance`] for models of 100,000 and more.
    #[must_use]
    pub fn instructions(&self, work: &Work) -> f64 {
        let Cost { product, attended, result, weight, normed } = self.cost;
        [
            (product, work.products),
            (attended, work.attended),
            (result, work.results),
            (weight, work.weights),
            (normed, work.normed),
        ]
        .iter()
        .map(|(cost, count)| cost * *count as f64)
        .sum()
    }

    /// How far an estimate may be off, as a share. A vector that a row does not fill costs what a full one does, which
    /// the estimate does not know of.
    #[must_use]
    pub fn tolerance(&self) -> f64 {
        match self.name {
            "cortex-m55" | "rv32v" => 0.5,
            _ => 0.15,
        }
    }
}

/// For command lines.
impl FromStr for &'static Core {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = CORES.map(|core| core.name).join(", ");
        CORES.iter().find(|core| core.name == text).ok_or_else(|| format!("{text:?} is none of {names}"))
    }
}
