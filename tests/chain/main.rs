//! Models as chains of parts.

mod attention;
#[path = "../support/attention.rs"]
mod attention_support;
#[path = "../support/chain.rs"]
mod chain;
mod errors;
mod golden;
mod newer;
mod newer_errors;
mod order;
mod parts;
mod reference;
mod same;

mod shipped;
#[path = "../support/mod.rs"]
mod support;
mod traced;
mod whole;
