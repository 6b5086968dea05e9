//! The backend that the build script chose. What it refused is an error here; firmware can pin what it needs.

#[cfg(heedful_refused)]
compile_error!(env!("HEEDFUL_REFUSED"));

/// Makes any other backend a compile error: firmware for a core with fast kernels states that it has them.
///
/// The names are those of [`backend`](fn@crate::backend), or of the flag `--cfg heedful_backend="…"` that forces
/// one: `"portable"`, `"thumb"`, `"dsp"`, `"helium"`, `"rv32"`, `"rvv"`, `"neon"`, `"wide"` and `"x86"`; the last
/// chooses among its levels at run time.
///
/// ```
/// #[cfg(target_os = "none")] // Tests on the desk run on other kernels.
/// heedful::require_backend!("helium");
/// ```
#[macro_export]
macro_rules! require_backend {
    ($name:literal) => {
        const _: () = assert!($crate::backend::is($name), "{}", $crate::backend::OTHER);
    };
}

/// What is said where another backend was required.
pub const OTHER: &str = concat!(
    "this build of heedful uses its kernels \"",
    env!("HEEDFUL_BACKEND"),
    "\", not those that are required",
    env!("HEEDFUL_ADVICE")
);

/// Whether this is the backend, in capitals or not.
#[must_use]
pub const fn is(name: &str) -> bool {
    name.eq_ignore_ascii_case(env!("HEEDFUL_BACKEND"))
}
