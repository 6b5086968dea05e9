//! What models need on other machines than this one.

use super::Model;
use crate::arithmetic::softmax::{Narrow, Wide};
use crate::format::Softmax;
use crate::plan::{Plan, Tiling};

/// A kind of core, and the kernels that run on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// What the kernels are called ([`backend`](crate::backend)).
    pub kernels: &'static str,
    tiling: Tiling,
}

/// The kinds of cores whose kernels have memory of their own.
pub const TARGETS: [Target; 6] = [
    Target { name: "Cortex-M0", kernels: "Thumb", tiling: Tiling::THUMB_V6M },
    Target { name: "Cortex-M3", kernels: "Thumb", tiling: Tiling::THUMB_V7M },
    Target { name: "Cortex-M4", kernels: "DSP", tiling: Tiling::DSP },
    Target { name: "Cortex-M55", kernels: "Helium", tiling: Tiling::HELIUM },
    Target { name: "RV32", kernels: "RV32", tiling: Tiling::RV32 },
    Target { name: "RV32V", kernels: "RVV", tiling: Tiling::RVV },
];

impl Model {
    /// Bytes of working memory on a target: what [`Model::load`](crate::Model::load) asks for there.
    #[must_use]
    pub fn memory_on(&self, target: &Target) -> usize {
        let needs = &self.shape.needs;
        let plan = match self.shape.softmax {
            Softmax::Wide => Plan::tiled::<Wide>(needs, target.tiling),
            Softmax::Narrow => Plan::tiled::<Narrow>(needs, target.tiling),
        };
        plan.words().saturating_mul(4)
    }

    /// Bytes of working memory on this machine.
    #[must_use]
    pub fn memory(&self) -> usize {
        crate::loaded::memory_of::<crate::kernels::Active>(&self.shape).saturating_mul(4)
    }
}
