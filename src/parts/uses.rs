//! Which kinds of parts a model has.

/// A set of kinds of parts: what a model does not use leaves no code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uses(pub u32);

/// What a program's models may have, as a type.
pub trait Kinds {
    /// The kinds.
    const USES: Uses;
}

/// All there are: those of models that come at run time.
#[derive(Clone, Copy, Debug)]
pub struct AllKinds;

impl Kinds for AllKinds {
    const USES: Uses = Uses(u32::MAX);
}

impl Uses {
    /// A stem of features.
    pub const STEM: Self = Self(1);
    /// Features of 15 bits.
    pub const FINE: Self = Self(1 << 1);
    /// Patches that overlap, or do not span the input's width, or reach beyond its edges.
    pub const PATCHES: Self = Self(1 << 2);
    /// Tokens.
    pub const TOKENS: Self = Self(1 << 3);
    /// The residual stream as rows.
    pub const ROWS: Self = Self(1 << 4);
    /// Rows as the residual stream: post-norm blocks.
    pub const RESIDUAL: Self = Self(1 << 5);
    /// Attention over all positions, without a pattern of its own.
    pub const PLAIN: Self = Self(1 << 6);
    /// Causal attention.
    pub const CAUSAL: Self = Self(1 << 7);
    /// Windows.
    pub const WINDOWS: Self = Self(1 << 8);
    /// Linear biases.
    pub const ALIBI: Self = Self(1 << 9);
    /// Learned biases by distance.
    pub const RELATIVE: Self = Self(1 << 10);
    /// Rotations.
    pub const ROPE: Self = Self(1 << 11);
    /// Projections of low rank.
    pub const LOW_RANK: Self = Self(1 << 12);
    /// Attention all of whose heads were removed.
    pub const NO_HEADS: Self = Self(1 << 13);
    /// Feed-forward layers.
    pub const FEED_FORWARD: Self = Self(1 << 14);
    /// Gated feed-forward layers.
    pub const GATED: Self = Self(1 << 15);
    /// Pooling.
    pub const POOL: Self = Self(1 << 16);
    /// Layers between rows.
    pub const DENSE: Self = Self(1 << 17);
    /// Norms whose results are the residual stream, too: post-norm blocks.
    pub const CARRY: Self = Self(1 << 18);
    /// Feed-forward layers with an activation of int16.
    pub const FINE_FEED_FORWARD: Self = Self(1 << 19);
    /// Convolutions.
    pub const CONVOLUTIONS: Self = Self(1 << 20);
    /// Types of tokens.
    pub const TOKEN_TYPES: Self = Self(1 << 21);
    /// Pooling by weights.
    pub const WEIGHTED_POOL: Self = Self(1 << 22);
    /// Attention to a second input.
    pub const CROSS: Self = Self(1 << 23);
    /// Steps through positions that have values of their own.
    pub const LEARNED_STEPS: Self = Self(1 << 30);
    /// Rotations that are not the same in all layers.
    pub const ROPES: Self = Self(1 << 31);
    /// All that an attention part's own pattern may say.
    pub const PATTERNS: Self = Self(Self::CAUSAL.0 | Self::WINDOWS.0 | Self::ALIBI.0 | Self::RELATIVE.0 | Self::ROPE.0);

    /// Whether any of these is among them.
    #[inline]
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set, or none.
    pub(crate) const fn only_if(self, holds: bool) -> Self {
        if holds { self } else { Self(0) }
    }
}
