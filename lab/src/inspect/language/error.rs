//! What can be wrong with a language model or its texts.

/// Why a language model cannot be inspected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LanguageError {
    /// No part of the model attends.
    #[error("no heads are left in it to look at")]
    NoHeads,
    /// The texts are not UTF-8.
    #[error("byte {at} is not UTF-8; a line of UTF-8 is a text")]
    Encoding {
        /// Bytes before it.
        at: usize,
    },
    /// All lines are blank.
    #[error("there is no text in it; a line is a text")]
    NoTexts,
    /// A text does not fit into the context.
    #[error("line {line} has {found} tokens; from 2 to {allowed} are allowed")]
    Length {
        /// Which line, counted from 1.
        line: usize,
        /// Its tokens.
        found: usize,
        /// The most that are looked at.
        allowed: usize,
    },
    /// Without a tokenizer, a line holds the numbers of tokens.
    #[error("line {line} has {found:?}; the model has no tokenizer, so a line holds numbers of tokens, 0 to {last}")]
    Number {
        /// Which line, counted from 1.
        line: usize,
        /// What stands there.
        found: String,
        /// The last token.
        last: usize,
    },
    /// The vocabulary lacks a token.
    #[error("line {line} has token {found}; the vocabulary has 0 to {last}")]
    Token {
        /// Which line, counted from 1.
        line: usize,
        /// The token.
        found: usize,
        /// The last token.
        last: usize,
    },
    /// Sentences cannot be made for a model without words.
    #[error("the model has no tokenizer for sentences; --data FILE says texts, a line of numbers of tokens each")]
    NoTokenizer,
    /// The model has too few positions for anything to be said of its heads.
    #[error("the model has {found} positions; at least {needed} are needed")]
    Positions {
        /// Positions that it has.
        found: usize,
        /// Positions that are needed.
        needed: usize,
    },
}
