//! Which keys a query may look at.

/// Which keys a query may look at. Masked positions weigh exactly 0, and cost nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Mask {
    /// All of them.
    #[default]
    None,
    /// Those up to the query's own position.
    Causal,
    /// The first so many: what follows is padding.
    Length(usize),
    /// Both: up to the query's own position, and within the first so many.
    CausalLength(usize),
}

impl Mask {
    /// How many keys (always the first ones) the query at `position` looks at, of `positions`.
    #[inline]
    #[must_use]
    pub const fn visible(self, position: usize, positions: usize) -> usize {
        let past = position.saturating_add(1);
        let visible = match self {
            Self::None => positions,
            Self::Causal => past,
            Self::Length(length) => length,
            Self::CausalLength(length) => {
                if past < length {
                    past
                } else {
                    length
                }
            }
        };
        if visible < positions { visible } else { positions }
    }
}
