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
    Core {
        name: "cortex-m0",
        about: "Cortex-M0, M0+, M23",
        target: &TARGETS[0],
        cost: Cost { product: 2.46, attended: 2.29, result: 108.0, weight: 45.9, normed: 64.0 },
    },
    Core {
        name: "cortex-m3",
        about: "Cortex-M3, M33 without DSP",
        target: &TARGETS[1],
        cost: Cost { product: 1.41, attended: 1.25, result: 40.3, weight: 16.5, normed: 17.8 },
    },
    Core {
        name: "cortex-m4",
        about: "Cortex-M4, M7, M33 with DSP",
        target: &TARGETS[2],
        cost: Cost { product: 0.77, attended: 1.07, result: 24.6, weight: 11.5, normed: 14.1 },
    },
    Core {
        name: "cortex-m55",
        about: "Cortex-M55, M85 with Helium",
        target: &TARGETS[3],
        cost: Cost { product: 0.094, attended: 0.23, result: 8.67, weight: 2.81, normed: 5.67 },
    },
    Core {
        name: "rv32",
        about: "RV32IM",
        target: &TARGETS[4],
        cost: Cost { product: 2.33, attended: 2.11, result: 53.2, weight: 19.3, normed: 37.3 },
    },
    Core {
        name: "rv32v",
        about: "RV32IM with vectors of 128 bits",
        target: &TARGETS[5],
        cost: Cost { product: 0.623, attended: 0.0, result: 0.0, weight: 1.83, normed: 6.21 },
    },
];

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
}

impl Core {
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
