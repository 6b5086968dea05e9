//! Nothing but tests: `cargo xtask sanitize`.
