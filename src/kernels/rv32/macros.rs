//! What the assembly of this backend is put together from.

/// Saves all registers that belong to the caller, in a frame of 64 bytes with three words to spare.
macro_rules! enter {
    () => {
        lines!(
            "addi sp, sp, -64",
            "sw ra, 0(sp); sw s0, 4(sp); sw s1, 8(sp); sw s2, 12(sp); sw s3, 16(sp); sw s4, 20(sp)",
            "sw s5, 24(sp); sw s6, 28(sp); sw s7, 32(sp); sw s8, 36(sp); sw s9, 40(sp); sw s10, 44(sp)",
            "sw s11, 48(sp)",
        )
    };
}

/// The end of what [`enter`] began.
macro_rules! leave {
    () => {
        lines!(
            "lw ra, 0(sp); lw s0, 4(sp); lw s1, 8(sp); lw s2, 12(sp); lw s3, 16(sp); lw s4, 20(sp)",
            "lw s5, 24(sp); lw s6, 28(sp); lw s7, 32(sp); lw s8, 36(sp); lw s9, 40(sp); lw s10, 44(sp)",
            "lw s11, 48(sp)",
            "addi sp, sp, 64",
            "ret",
        )
    };
}

/// Adds the product of a factor with each of the others to the sum that goes with it; `$t` is lost.
macro_rules! products {
    ($t:literal, $factor:literal, $($other:literal => $sum:literal),*) => {
        concat!($("mul ", $t, ", ", $factor, ", ", $other, "\nadd ", $sum, ", ", $sum, ", ", $t, "\n"),*)
    };
}
