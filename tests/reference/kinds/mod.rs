//! Every kind of attention against f64, on the same int8 queries, keys and values.

mod cross;
mod folded;
mod layouts;
mod long;
mod pattern;
mod rms_norm;
mod rope;
