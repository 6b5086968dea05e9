//! Texts as a model reads them.

use super::{LanguageError, Reader};
use heedful::Tokenizer;

/// Texts of a file that are read, at most.
pub const TEXTS: usize = 200;

/// A text in tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// What it is called.
    pub name: String,
    /// Its tokens, the one that begins a text among them.
    pub tokens: Vec<u16>,
    /// What each token stands for.
    pub pieces: Vec<String>,
}

/// The first texts of a file, one a line, and how many it has; blank lines are none. A model without a tokenizer takes
/// numbers of tokens.
///
/// # Errors
/// Names the line that the model cannot take.
pub fn read(reader: &Reader<'_>, bytes: &[u8]) -> Result<(Vec<Text>, usize), LanguageError> {
    let all = std::str::from_utf8(bytes).map_err(|error| LanguageError::Encoding { at: error.valid_up_to() })?;
    // A byte order mark is no part of the text.
    let all = all.strip_prefix('\u{feff}').unwrap_or(all);
    let lines: Vec<(usize, &str)> = all.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).collect();
    let texts: Result<Vec<Text>, LanguageError> = lines
        .iter()
        .take(TEXTS)
        .map(|&(at, line)| {
            let (line, text) = (at + 1, line.trim());
            let tokens = match reader.decoder().tokenizer() {
                Some(tokenizer) => encode(&tokenizer, text),
                None => numbers(line, text, reader.decoder().shape().outputs)?,
            };
            let (found, allowed) = (tokens.len(), reader.longest());
            if !(2..=allowed).contains(&found) {
                return Err(LanguageError::Length { line, found, allowed });
            }
            let pieces = pieces(reader.decoder().tokenizer().as_ref(), &tokens);
            Ok(Text { name: format!("line {line}: {}", beginning(text)), tokens, pieces })
        })
        .collect();
    let texts = texts?;
    if texts.is_empty() { Err(LanguageError::NoTexts) } else { Ok((texts, lines.len())) }
}

/// The tokens of a text.
#[must_use]
pub fn encode(tokenizer: &Tokenizer<'_>, text: &str) -> Vec<u16> {
    let mut tokens = vec![0; text.len() + 2];
    // There is room enough for any text of this length.
    let count = tokenizer.encode(text.as_bytes(), &mut tokens).unwrap_or(0);
    tokens.truncate(count);
    tokens
}

/// What tokens stand for, with a visible mark where bytes are no text of their own.
#[must_use]
pub fn pieces(tokenizer: Option<&Tokenizer<'_>>, tokens: &[u16]) -> Vec<String> {
    let piece = |&token: &u16| {
        let Some(tokenizer) = tokenizer else { return token.to_string() };
        match token {
            Tokenizer::BEGIN => "<s>".to_owned(),
            Tokenizer::END => "</s>".to_owned(),
            _ => match std::str::from_utf8(tokenizer.decode(token, 0)) {
                Ok(text) if !text.chars().any(char::is_control) && !text.is_empty() => text.replace(' ', "·"),
                Ok("\n") => "⏎".to_owned(),
                _ => tokenizer.decode(token, 0).iter().map(|byte| format!("<{byte:02X}>")).collect(),
            },
        }
    };
    tokens.iter().map(piece).collect()
}

fn numbers(line: usize, text: &str, vocabulary: usize) -> Result<Vec<u16>, LanguageError> {
    let last = vocabulary.saturating_sub(1);
    let number = |word: &str| {
        let found: usize = word.parse().map_err(|_| LanguageError::Number { line, found: word.to_owned(), last })?;
        let token = u16::try_from(found).ok().filter(|_| found < vocabulary);
        token.ok_or(LanguageError::Token { line, found, last })
    };
    text.split_whitespace().map(number).collect()
}

/// The beginning of a text, to tell it from others.
fn beginning(text: &str) -> String {
    const CHARACTERS: usize = 40;
    let mut short: String = text.chars().take(CHARACTERS).collect();
    if text.chars().nth(CHARACTERS).is_some() {
        short.push('…');
    }
    short
}
