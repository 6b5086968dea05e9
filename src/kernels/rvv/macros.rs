//! What the assembly of this backend stands in.

/// Assembly that may use integer vectors, whatever the crate is compiled for.
macro_rules! vectors {
    ($($line:expr),* $(,)?) => {
        naked_asm!(".option push", ".option arch, +m, +zve32x", $($line,)* "ret", ".option pop")
    };
}
