//! Peak rates of the multiply instructions: loops on registers only, with as many independent sums as
//! keep the multipliers busy, in assembly so that nothing is optimised away.

use crate::race::Runner;

/// A loop that shows the peak of an instruction.
pub struct Peak {
    pub name: &'static str,
    /// Name of the backend that uses it.
    pub level: &'static str,
    /// Multiply-accumulates per turn.
    pub macs: usize,
    pub run: Runner,
}

/// The peaks that can be measured on this CPU.
#[cfg(not(target_arch = "x86_64"))]
pub fn all() -> Vec<Peak> {
    Vec::new()
}

/// The peaks that can be measured on this CPU.
#[cfg(target_arch = "x86_64")]
pub fn all() -> Vec<Peak> {
    let mut peaks = Vec::new();
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has the feature.
        let run = Box::new(|turns| unsafe { x86::pmaddwd(turns) });
        peaks.push(Peak { name: "PMADDWD + PADDD, 256 bits", level: "AVX2", macs: 12 * 16, run });
    }
    if is_x86_feature_detected!("avxvnni") {
        // SAFETY: the CPU has the feature.
        let run = Box::new(|turns| unsafe { x86::vpdpbusd_256(turns) });
        peaks.push(Peak { name: "VPDPBUSD, 256 bits", level: "AVX-VNNI", macs: 12 * 32, run });
    }
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
        // SAFETY: the CPU has the features.
        let run = Box::new(|turns| unsafe { x86::vpdpbusd_512(turns) });
        peaks.push(Peak { name: "VPDPBUSD, 512 bits", level: "AVX-512 VNNI", macs: 12 * 64, run });
    }
    peaks
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::asm;

    /// The same line for each of 12 sums.
    macro_rules! twelve {
        ($line:tt) => {
            concat!(
                twelve!(@ $line, "2", "14"), twelve!(@ $line, "3", "15"), twelve!(@ $line, "4", "14"),
                twelve!(@ $line, "5", "15"), twelve!(@ $line, "6", "14"), twelve!(@ $line, "7", "15"),
                twelve!(@ $line, "8", "14"), twelve!(@ $line, "9", "15"), twelve!(@ $line, "10", "14"),
                twelve!(@ $line, "11", "15"), twelve!(@ $line, "12", "14"), twelve!(@ $line, "13", "15"),
            )
        };
        (@ "pmaddwd", $sum:literal, $product:literal) => {
            concat!("vpmaddwd ymm", $product, ", ymm0, ymm1\nvpaddd ymm", $sum, ", ymm", $sum, ", ymm", $product, "\n")
        };
        (@ "256", $sum:literal, $product:literal) => { concat!("{{vex}} vpdpbusd ymm", $sum, ", ymm0, ymm1\n") };
        (@ "512", $sum:literal, $product:literal) => { concat!("vpdpbusd zmm", $sum, ", zmm0, zmm1\n") };
    }

    macro_rules! peak {
        ($name:ident, $features:literal, $kind:tt, $($register:tt)*) => {
            /// Turns of 12 multiply-adds.
            #[target_feature(enable = $features)]
            pub fn $name(turns: usize) {
                if turns > 0 {
                    // SAFETY: only registers change, all of them named.
                    unsafe {
                        asm!(
                            "2:", twelve!($kind), "dec {turns}", "jnz 2b",
                            turns = inout(reg) turns => _, $(out($register) _,)* options(nomem, nostack)
                        );
                    }
                }
            }
        };
    }

    peak!(pmaddwd, "avx2", "pmaddwd",
        "ymm0" "ymm1" "ymm2" "ymm3" "ymm4" "ymm5" "ymm6" "ymm7"
        "ymm8" "ymm9" "ymm10" "ymm11" "ymm12" "ymm13" "ymm14" "ymm15");
    peak!(vpdpbusd_256, "avx2,avxvnni", "256",
        "ymm0" "ymm1" "ymm2" "ymm3" "ymm4" "ymm5" "ymm6" "ymm7"
        "ymm8" "ymm9" "ymm10" "ymm11" "ymm12" "ymm13");
    peak!(vpdpbusd_512, "avx512f,avx512vnni", "512",
        "zmm0" "zmm1" "zmm2" "zmm3" "zmm4" "zmm5" "zmm6" "zmm7"
        "zmm8" "zmm9" "zmm10" "zmm11" "zmm12" "zmm13");
}
