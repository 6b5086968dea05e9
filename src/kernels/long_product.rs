//! Products of two words, and leading zeros of one, on all cores. It is here for its assembly alone: the arithmetic
//! stands on it, so it uses nothing of the kernels.

/// The product of two words. Cores without a long multiplication have their own.
#[inline]
pub(crate) fn long_product(a: u32, b: u32) -> u64 {
    #[cfg(all(target_arch = "arm", heedful_backend = "thumb", heedful_thumb1))]
    return armv6m::long_product(a, b);
    #[cfg(not(all(target_arch = "arm", heedful_backend = "thumb", heedful_thumb1)))]
    return u64::from(a) * u64::from(b);
}

/// Leading zeros of a word that is not 0. Cores without an instruction for it have their own, free of branches.
#[inline]
pub(crate) fn leading_zeros(word: u32) -> u32 {
    #[cfg(all(target_arch = "arm", heedful_backend = "thumb", heedful_thumb1))]
    return armv6m::leading_zeros(word);
    #[cfg(not(all(target_arch = "arm", heedful_backend = "thumb", heedful_thumb1)))]
    return word.leading_zeros();
}

#[cfg(all(target_arch = "arm", heedful_backend = "thumb", heedful_thumb1))]
mod armv6m {
    use core::arch::{asm, naked_asm};

    /// The product of two words: what the compiler calls for multiplies double words.
    #[inline]
    pub(super) fn long_product(a: u32, b: u32) -> u64 {
        // SAFETY: only registers are read and written.
        unsafe { product(a, b) }
    }

    /// # Safety
    /// None needed.
    #[unsafe(naked)]
    unsafe extern "C" fn product(a: u32, b: u32) -> u64 {
        naked_asm!(
            "push {{r4, lr}}",
            "uxth r2, r0",
            "lsrs r0, r0, #16",
            "lsrs r3, r1, #16",
            "uxth r1, r1",
            "mov r4, r2",
            "muls r4, r1, r4",
            "muls r1, r0, r1",
            "muls r2, r3, r2",
            "muls r0, r3, r0",
            "lsls r3, r1, #16",
            "lsrs r1, r1, #16",
            "adds r4, r4, r3",
            "adcs r1, r0",
            "lsls r3, r2, #16",
            "lsrs r2, r2, #16",
            "adds r0, r4, r3",
            "adcs r1, r2",
            "pop {{r4, pc}}",
        )
    }

    /// Leading zeros of a word that is not 0, in the same number of instructions for all.
    #[inline]
    pub(super) fn leading_zeros(word: u32) -> u32 {
        // Zeros in the upper bits, so many at a time: the borrow of 1 from what these are tells.
        macro_rules! upper {
            ($bits:literal, $rest:literal) => {
                lines!(
                    concat!("lsrs {t}, {word}, #", $rest),
                    "subs {t}, #1",
                    "sbcs {t}, {t}",
                    concat!("movs {u}, #", $bits),
                    "ands {u}, {t}",
                    "adds {zeros}, {zeros}, {u}",
                    "lsls {word}, {u}",
                )
            };
        }
        let zeros;
        // SAFETY: only registers are read and written.
        unsafe {
            asm!(
                "movs {zeros}, #0",
                upper!("16", "16"),
                upper!("8", "24"),
                upper!("4", "28"),
                upper!("2", "30"),
                upper!("1", "31"),
                word = inout(reg) word => _,
                zeros = out(reg) zeros,
                t = out(reg) _,
                u = out(reg) _,
                options(pure, nomem, nostack)
            );
        }
        zeros
    }
}
