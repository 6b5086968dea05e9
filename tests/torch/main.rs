//! heedful against PyTorch, on the fixtures that `tests/fixtures/make_fixtures.py` made: whole attention in int8, norms
//! and GELU.

mod activation;
mod attention;
#[path = "../support/attention.rs"]
mod attention_support;
#[path = "../support/fixture.rs"]
mod fixture;
#[path = "../support/head.rs"]
mod head;
mod norm;
#[path = "../support/mod.rs"]
mod support;
