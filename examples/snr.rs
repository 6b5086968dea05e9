//! Signal-to-noise of int8 attention against floating point, as Markdown tables: the figures of
//! `docs/numerics.md`. `cargo run --release --example snr`

#[path = "../tests/support/head.rs"]
mod head;
#[path = "../tests/support/mod.rs"]
mod support;

use head::{Head, Level, Levels, measure, worst_case};
use heedful::{Narrow, Weight, Wide};
use support::Random;

const SEEDS: u64 = 8;

/// Of the longer rows not every query is measured: enough of them for a steady mean.
const QUERIES: usize = 256;

fn main() {
    println!(
        "Kernels: {}. Mean over {SEEDS} seeds, dB, before / after rounding of the output to int8.\n",
        heedful::backend()
    );
    println!("Q, K, V of mean 0 and variance 1:\n");
    println!("| head dimension | positions | exact softmax | wide | narrow | probabilities in 1/256 |");
    println!("|---:|---:|---:|---:|---:|---:|");
    for dim in [64, 16] {
        for positions in [32, 128, 512, 2048] {
            let all = average(|random| vec![Head::normal(random, positions, dim)]);
            println!(
                "| {dim} | {positions} | {} | {} | {} | {} |",
                both(all.exact),
                both(all.wide),
                both(all.narrow),
                both(all.usual)
            );
        }
    }

    println!("\nQ, K, V uniform in ±4, int8 output:\n");
    println!(
        "| heads | positions | head dimension | exact softmax | wide | narrow | probabilities in 1/256 | QFlash, published |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    for (heads, positions, dim, published) in [(6, 197, 64, 32.50), (24, 49, 32, 31.02)] {
        let all = average(|random| (0..heads).map(|_| Head::uniform(random, positions, dim, 4.0)).collect());
        println!(
            "| {heads} | {positions} | {dim} | {:.1} | {:.1} | {:.1} | {:.1} | {published:.2} |",
            all.exact.int8, all.wide.int8, all.narrow.int8, all.usual.int8
        );
    }

    println!("\nWorst case of a head's output against an exact softmax on the same int8 Q, K and V, before rounding,");
    println!("in steps of the values (derived; their range is 255 steps):\n");
    println!("| positions | wide | narrow |");
    println!("|---:|---:|---:|");
    for positions in [2, 8, 32, 128, 512, 2048, 65536] {
        let [wide, narrow] = [Wide::FULL_SCALE, Narrow::FULL_SCALE].map(|full| worst_case(full, positions));
        println!("| {positions} | {wide:.2} | {narrow:.2} |");
    }
}

fn average(heads: impl Fn(&mut Random) -> Vec<Head>) -> Levels {
    let all: Vec<Levels> = (1..=SEEDS)
        .map(|seed| {
            let heads = heads(&mut Random(seed));
            measure(&heads, heads[0].positions.min(QUERIES))
        })
        .collect();
    Levels::mean(&all)
}

fn both(level: Level) -> String {
    format!("{:.1} / {:.1}", level.real, level.int8)
}
