//! Models as chains of parts.

mod attention;
#[path = "../support/attention.rs"]
mod attention_support;
#[path = "../support/chain.rs"]
mod chain;
mod golden;
mod parts;
mod reference;
mod same;

mod shipped;
#[path = "../support/mod.rs"]
mod support;
