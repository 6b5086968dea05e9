//! Writes stories, a token at a time, with the int8 language model that firmware runs.
//!
//! `cargo run --release --example stories -- --help`

mod args;
mod models;
#[path = "../support/output.rs"]
mod output;

use args::Args;
use heedful_import::float::Session;
use heedful_import::perplexity::{WINDOW, perplexity};
use heedful_import::sample::{Sampler, write};
use heedful_import::{Integer, LanguageModel, Tokenizer};
use models::{Models, about};
use output::{code, complain};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Tokens that the models remember: a window and the token that begins it.
const CONTEXT: usize = WINDOW + 1;

fn main() -> ExitCode {
    let args = match args::parse(std::env::args_os().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => return code(io::stdout().write_all(args::HELP.as_bytes()).map(|()| true)),
        Err(error) => {
            complain(&format!("{error}; --help tells the usage"));
            return ExitCode::from(2);
        }
    };
    let models = match Models::open(&args) {
        Ok(models) => models,
        Err(reason) => {
            complain(&reason);
            return ExitCode::FAILURE;
        }
    };
    match &args.perplexity {
        None => code(story(&args, &models).map(|()| true)),
        Some(path) => match judge(path, &models) {
            Ok(lines) => code(io::stdout().write_all(lines.as_bytes()).map(|()| true)),
            Err(reason) => {
                complain(&reason);
                ExitCode::FAILURE
            }
        },
    }
}

/// Writes a text.
fn story(args: &Args, models: &Models) -> io::Result<()> {
    let (start, steps) = (Instant::now(), args.steps);
    let (name, read) = match (&models.integer, &models.float) {
        (Some(decoder), _) if !args.float => {
            (heedful::backend(), tell(args, &models.tokenizer, &mut Integer::new(decoder, CONTEXT.min(steps)))?)
        }
        (_, Some(float)) => ("float", tell(args, &models.tokenizer, &mut Session::new(float, CONTEXT.min(steps)))?),
        _ => return Ok(()),
    };
    let rate = read as f64 / start.elapsed().as_secs_f64();
    // Not part of the text.
    let _ = writeln!(io::stderr(), "{read} tokens, {rate:.0} tokens per second ({name})");
    Ok(())
}

/// Lets one model write a text; how many tokens it has read.
fn tell(args: &Args, tokenizer: &Tokenizer, model: &mut impl LanguageModel) -> io::Result<usize> {
    let mut out = io::stdout().lock();
    let prompt = tokenizer.encode(&args.prompt);
    out.write_all(&tokenizer.text(&prompt))?;
    out.flush()?;
    let mut sampler = Sampler::new(args.temperature, args.seed);
    let mut read = prompt.len();
    let mut outcome = Ok(());
    write(model, &prompt, args.steps, &mut sampler, |token, previous| {
        read += 1;
        outcome = out.write_all(tokenizer.decode(token, previous)).and_then(|()| out.flush());
        outcome.is_ok()
    });
    outcome?;
    writeln!(out)?;
    Ok(read)
}

/// How well the models foresee a text, a line for each, and a last one for all.
fn judge(path: &Path, models: &Models) -> Result<String, String> {
    let text = std::fs::read(path).map_err(about(path))?;
    let tokens = models.tokenizer.encode(&text);
    let of = |model: &mut dyn LanguageModel| perplexity(model, &tokens).ok_or("no text").map_err(about(path));
    let float = models.float.as_ref().map(|float| of(&mut Session::new(float, CONTEXT))).transpose()?;
    let integer = models.integer.as_ref().map(|decoder| of(&mut Integer::new(decoder, CONTEXT))).transpose()?;
    Ok(match (float, integer) {
        (Some(float), Some(integer)) => {
            let (tokens, ratio) = (tokens.len() - 1, integer / float);
            format!(
                "{tokens} tokens in windows of {WINDOW}\n\
                 perplexity float {float:.3} int8 {integer:.3} ratio {ratio:.3}\n"
            )
        }
        (Some(float), None) => format!("perplexity float {float:.3}\n"),
        (None, Some(integer)) => format!("perplexity int8 {integer:.3}\n"),
        (None, None) => String::new(),
    })
}
