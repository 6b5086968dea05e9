//! Reading TOML, where a word that is not known is answered by the nearest one.

use crate::ImportError;
use crate::nearest::nearest;
use serde::de::DeserializeOwned;

/// Reads TOML.
///
/// # Errors
/// If it is no TOML, or has other keys or values than there are: with the line, and the word that may have been meant.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, ImportError> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        refusal(error.message(), line)
    })
}

/// The error that a message of serde stands for: ``unknown field `x`, expected one of `a`, `b` ``.
fn refusal(message: &str, line: Option<usize>) -> ImportError {
    let kinds = [("unknown field ", "key"), ("unknown variant ", "word")];
    let kind = kinds.iter().find(|(start, _)| message.starts_with(start));
    let mut words = message.split('`').skip(1).step_by(2);
    match (kind, words.next()) {
        (Some((_, what)), Some(found)) => {
            let known: Vec<String> = words.map(str::to_string).collect();
            let nearest = nearest(found, known.iter().map(String::as_str)).map(str::to_string);
            ImportError::Unknown { line, what, found: found.to_string(), nearest, known }
        }
        _ => ImportError::Syntax { line, reason: message.to_string() },
    }
}
