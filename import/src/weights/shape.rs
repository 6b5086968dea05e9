//! Shapes that a reader asks for.

/// A dimension that is asked for: this length, or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Of this length.
    Of(usize),
    /// Of any length but 0.
    Any,
}

impl From<usize> for Wanted {
    fn from(length: usize) -> Self {
        Self::Of(length)
    }
}

impl From<Option<usize>> for Wanted {
    fn from(length: Option<usize>) -> Self {
        length.map_or(Self::Any, Self::Of)
    }
}

/// Whether a shape is what is asked for.
pub(super) fn fits(shape: &[usize], wanted: &[Wanted]) -> bool {
    let fits = |(&found, &wanted): (&usize, &Wanted)| match wanted {
        Wanted::Of(length) => found == length,
        Wanted::Any => found > 0,
    };
    shape.len() == wanted.len() && shape.iter().zip(wanted).all(fits)
}

/// As people write it: `[64, ?]`.
pub(super) fn wanted_text(wanted: &[Wanted]) -> String {
    let dimension = |wanted: &Wanted| match wanted {
        Wanted::Of(length) => length.to_string(),
        Wanted::Any => "?".to_string(),
    };
    format!("[{}]", wanted.iter().map(dimension).collect::<Vec<_>>().join(", "))
}
