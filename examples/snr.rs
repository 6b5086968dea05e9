//! Signal-to-noise of int8 attention against floating point, as Markdown tables: the figures of
//! `docs/numerics.md`. `cargo run --release --example snr`

#[path = "../tests/support/head.rs"]
mod head;
#[path = "support/output.rs"]
mod output;
#[path = "../tests/support/mod.rs"]
mod support;

use head::{Head, Level, Levels, farthest, measure, worst_case};
use heedful::{Narrow, Weight, Wide};
use std::io::{self, Write};
use std::process::ExitCode;
use support::Random;

const SEEDS: u64 = 8;

/// Of the longer rows not every query is measured: enough of them for a steady mean.
const QUERIES: usize = 256;

fn main() -> ExitCode {
    output::code(print(&mut io::stdout().lock()).map(|()| true))
}

fn print(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "Kernels: {}. Mean over {SEEDS} seeds, dB, before / after rounding of the output to int8.\n",
        heedful::backend()
    )?;
    writeln!(out, "Q, K, V of mean 0 and variance 1:\n")?;
    writeln!(out, "| head dimension | positions | exact softmax | wide | narrow | probabilities in 1/256 |")?;
    writeln!(out, "|---:|---:|---:|---:|---:|---:|")?;
    for dim in [64, 16] {
        for positions in [32, 128, 512, 2048] {
            let all = average(|random| vec![Head::normal(random, positions, dim)]);
            writeln!(
                out,
                "| {dim} | {positions} | {} | {} | {} | {} |",
                both(all.exact),
                both(all.wide),
                both(all.narrow),
                both(all.usual)
            )?;
        }
    }

    writeln!(
        out,
        "\nQ, K, V normal, scores of a standard deviation of σ nats, heads of 64; and the farthest that an output"
    )?;
    writeln!(out, "lies from an exact softmax on the same int8 Q, K and V before rounding, in steps of the values:\n")?;
    writeln!(out, "| σ | positions | exact softmax | wide | narrow | farthest, wide | farthest, narrow |")?;
    writeln!(out, "|---:|---:|---:|---:|---:|---:|---:|")?;
    for deviation in [1.0, 2.0, 3.0, 4.0] {
        for positions in [32, 128, 512, 2048] {
            let heads = |random: &mut Random| vec![Head::scored(random, positions, 64, deviation)];
            let (all, off) = (average(heads), most_off(heads));
            let [exact, wide, narrow] = [all.exact, all.wide, all.narrow].map(both);
            writeln!(
                out,
                "| {deviation} | {positions} | {exact} | {wide} | {narrow} | {:.2} | {:.2} |",
                off[0], off[1]
            )?;
        }
    }

    writeln!(out, "\nQ, K, V uniform in ±4, int8 output:\n")?;
    writeln!(
        out,
        "| heads | positions | head dimension | exact softmax | wide | narrow | probabilities in 1/256 \
         | QFlash, published |"
    )?;
    writeln!(out, "|---:|---:|---:|---:|---:|---:|---:|---:|")?;
    for (heads, positions, dim, published) in [(6, 197, 64, 32.50), (24, 49, 32, 31.02)] {
        let all = average(|random| (0..heads).map(|_| Head::uniform(random, positions, dim, 4.0)).collect());
        writeln!(
            out,
            "| {heads} | {positions} | {dim} | {:.1} | {:.1} | {:.1} | {:.1} | {published:.2} |",
            all.exact.int8, all.wide.int8, all.narrow.int8, all.usual.int8
        )?;
    }

    writeln!(
        out,
        "\nWorst case of a head's output against an exact softmax on the same int8 Q, K and V, before rounding,"
    )?;
    writeln!(out, "in steps of the values (derived; their range is 255 steps):\n")?;
    writeln!(out, "| positions | wide | narrow |")?;
    writeln!(out, "|---:|---:|---:|")?;
    for positions in [2, 8, 32, 128, 512, 2048, 65536] {
        let [wide, narrow] = [Wide::FULL_SCALE, Narrow::FULL_SCALE].map(|full| worst_case(full, positions));
        writeln!(out, "| {positions} | {wide:.2} | {narrow:.2} |")?;
    }
    Ok(())
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

/// The farthest over all seeds.
fn most_off(heads: impl Fn(&mut Random) -> Vec<Head>) -> [f64; 2] {
    let heads = (1..=SEEDS).flat_map(|seed| heads(&mut Random(seed)));
    heads.fold([0.0; 2], |most: [f64; 2], head| {
        let found = farthest(&head, head.positions.min(QUERIES));
        [0, 1].map(|i| most[i].max(found[i]))
    })
}

fn both(level: Level) -> String {
    format!("{:.1} / {:.1}", level.real, level.int8)
}
