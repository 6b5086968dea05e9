//! What the command line asks for.

use lexopt::Arg::{Long, Short};
use std::ffi::OsString;
use std::path::PathBuf;

pub const HELP: &str = "\
Writes stories with the int8 language model that firmware runs.

Usage: stories --model FILE.heed [OPTIONS]
       stories --checkpoint FILE.bin --tokenizer FILE.bin [OPTIONS]

  --model FILE        a .heed file, as `heedful import` writes it
  --checkpoint FILE   a llama2.c checkpoint; without --model it is converted in memory
  --tokenizer FILE    its tokenizer

  --prompt TEXT       how the text begins; any bytes [default: empty]
  --temperature T     0: always the likeliest token; 1: each as often as the model
                      expects it [default: 1]
  --seed N            origin of the random choices [default: 1]
  --steps N           tokens of the text, the prompt's included [default: 256]
  --float             run the float model of --checkpoint instead
  --perplexity FILE   write nothing; print how well the models foresee a text, over
                      windows of 255 tokens: the float model, too, with --checkpoint
  --help              this text

The text goes to standard output, the tokens per second to standard error. Models
remember the last 256 tokens.
";

#[derive(Debug, PartialEq)]
pub struct Args {
    pub model: Option<PathBuf>,
    pub checkpoint: Option<PathBuf>,
    pub tokenizer: Option<PathBuf>,
    pub prompt: Vec<u8>,
    pub temperature: f64,
    pub seed: u64,
    pub steps: usize,
    pub float: bool,
    pub perplexity: Option<PathBuf>,
}

/// Reads the arguments after the program's name; `None` if they ask for help.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Option<Args>, lexopt::Error> {
    use lexopt::ValueExt;
    let mut parsed = Args {
        model: None,
        checkpoint: None,
        tokenizer: None,
        prompt: Vec::new(),
        temperature: 1.0,
        seed: 1,
        steps: 256,
        float: false,
        perplexity: None,
    };
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next()? {
        match arg {
            Short('h') | Long("help") => return Ok(None),
            Long("model") => parsed.model = Some(parser.value()?.into()),
            Long("checkpoint") => parsed.checkpoint = Some(parser.value()?.into()),
            Long("tokenizer") => parsed.tokenizer = Some(parser.value()?.into()),
            // Whatever was typed, UTF-8 or not.
            Long("prompt") => parsed.prompt = parser.value()?.into_encoded_bytes(),
            Long("temperature") => parsed.temperature = parser.value()?.parse()?,
            Long("seed") => parsed.seed = parser.value()?.parse()?,
            Long("steps") => parsed.steps = parser.value()?.parse()?,
            Long("float") => parsed.float = true,
            Long("perplexity") => parsed.perplexity = Some(parser.value()?.into()),
            _ => return Err(arg.unexpected()),
        }
    }
    if !(parsed.temperature >= 0.0 && parsed.temperature.is_finite()) {
        return Err("--temperature is 0 or more".into());
    }
    if parsed.steps == 0 {
        return Err("--steps is 1 or more".into());
    }
    if parsed.model.is_none() && (parsed.checkpoint.is_none() || parsed.tokenizer.is_none()) {
        return Err("give --model, or --checkpoint and --tokenizer".into());
    }
    if parsed.float && parsed.checkpoint.is_none() {
        return Err("--float needs --checkpoint".into());
    }
    Ok(Some(parsed))
}
