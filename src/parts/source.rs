//! What gives a model its input.

use crate::arithmetic::requantise::Channel;

/// What gives a model its input.
pub(crate) trait Source {
    /// Values of the input from the `at`th on, int8, and where `low` is not empty 7 further bits of each.
    fn values(&mut self, at: usize, high: &mut [i8], low: &mut [i8]);

    /// The token of a position; beyond all vocabularies where there is none.
    fn token(&self, _position: usize) -> usize {
        usize::MAX
    }

    /// The type of the token of a position.
    fn token_type(&self, _position: usize) -> usize {
        0
    }

    /// Rows of a second input, that attention looks at.
    fn memory(&self) -> &[i8] {
        &[]
    }
}

/// Features of 8 bits; missing ones count as 0.
pub(crate) struct Features<'a>(pub &'a [i8]);

impl Source for Features<'_> {
    #[inline]
    fn values(&mut self, at: usize, high: &mut [i8], low: &mut [i8]) {
        let from = self.0.get(at..).unwrap_or(&[]);
        let (there, missing) = high.split_at_mut(from.len().min(high.len()));
        for (to, &x) in there.iter_mut().zip(from) {
            *to = x;
        }
        missing.fill(0);
        low.fill(0);
    }
}

/// Features of 15 bits, -2^14 up to 2^14; missing ones count as 0.
pub(crate) struct FineFeatures<'a>(pub &'a [i16]);

impl Source for FineFeatures<'_> {
    #[inline]
    fn values(&mut self, at: usize, high: &mut [i8], low: &mut [i8]) {
        let from = self.0.get(at..).unwrap_or(&[]);
        split(|i| from.get(i).copied().unwrap_or(0), high, low);
    }
}

/// Values of 15 bits as their upper 8 and lower 7 bits; without room for these, rounded to the upper ones.
#[inline]
fn split(value: impl Fn(usize) -> i16, high: &mut [i8], low: &mut [i8]) {
    let value = |i: usize| value(i).clamp(-(1 << 14), (1 << 14) - 1);
    let rounding = if low.is_empty() { 64 } else { 0 };
    for (i, to) in high.iter_mut().enumerate() {
        *to = ((value(i) + rounding) >> 7).min(127) as i8;
    }
    for (i, to) in low.iter_mut().enumerate() {
        *to = (value(i) & 127) as i8;
    }
}

/// Raw readings of sensors, as their driver gives them; missing ones count as what the model takes for 0.
pub(crate) struct Readings<'a> {
    /// `[steps][columns][channels]`
    pub values: &'a [i16],
    /// For each channel, from a reading times 4,096 to the input's unit.
    pub channels: &'a [Channel],
}

impl Source for Readings<'_> {
    #[inline]
    fn values(&mut self, at: usize, high: &mut [i8], low: &mut [i8]) {
        let from = self.values.get(at..).unwrap_or(&[]);
        read(|i| from.get(i).copied(), self.channels, at, high, low);
    }
}

/// Raw readings as what the model takes. Of the reading `i`, the channel is that of the place `at + i`.
#[inline]
pub(crate) fn read(
    reading: impl Fn(usize) -> Option<i16>,
    channels: &[Channel],
    at: usize,
    high: &mut [i8],
    low: &mut [i8],
) {
    let count = channels.len().max(1);
    let unit = |i: usize| match (reading(i), channels.get((at + i) % count)) {
        (Some(reading), Some(channel)) => channel.scale.to_i16((i32::from(reading) << 12).saturating_add(channel.bias)),
        _ => 0,
    };
    if !low.is_empty() {
        return split(unit, high, low);
    }
    for (i, to) in high.iter_mut().enumerate() {
        *to = unit(i).clamp(-128, 127) as i8;
    }
}

/// Tokens, and the type of each; where types are missing, the first.
pub(crate) struct Tokens<'a> {
    pub tokens: &'a [u16],
    pub types: &'a [u8],
}

impl Source for Tokens<'_> {
    fn values(&mut self, _at: usize, high: &mut [i8], low: &mut [i8]) {
        high.fill(0);
        low.fill(0);
    }

    #[inline]
    fn token(&self, position: usize) -> usize {
        self.tokens.get(position).map_or(usize::MAX, |&token| token.into())
    }

    #[inline]
    fn token_type(&self, position: usize) -> usize {
        self.types.get(position).map_or(0, |&of| of.into())
    }
}

/// What a model is given.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Features `[steps][columns][channels]` of 8 bits. Where the model takes 15, these are the upper ones.
    Features(&'a [i8]),
    /// Features of 15 bits, -2^14 up to 2^14. Where the model takes 8, they are rounded.
    FineFeatures(&'a [i16]),
    /// Raw readings of sensors, `[steps][channels]`, as their driver gives them.
    Readings(&'a [i16]),
    /// Tokens, and the type of each; where types are missing, the first.
    Tokens(&'a [u16], &'a [u8]),
}

impl Input<'_> {
    /// How many tokens there are, if it is tokens.
    pub(crate) const fn tokens(&self) -> Option<usize> {
        if let Self::Tokens(tokens, _) = self { Some(tokens.len()) } else { None }
    }
}

/// An input, and a second one beside it.
pub(crate) struct Given<'a> {
    pub input: Input<'a>,
    /// What the file says of raw readings.
    pub readings: &'a [Channel],
    /// `[steps][channels]`
    pub memory: &'a [i8],
}

impl Source for Given<'_> {
    fn values(&mut self, at: usize, high: &mut [i8], low: &mut [i8]) {
        match self.input {
            Input::Features(values) => Features(values).values(at, high, low),
            Input::FineFeatures(values) => FineFeatures(values).values(at, high, low),
            Input::Readings(values) => Readings { values, channels: self.readings }.values(at, high, low),
            Input::Tokens(..) => Features(&[]).values(at, high, low),
        }
    }

    fn token(&self, position: usize) -> usize {
        match self.input {
            Input::Tokens(tokens, types) => Tokens { tokens, types }.token(position),
            _ => usize::MAX,
        }
    }

    fn token_type(&self, position: usize) -> usize {
        match self.input {
            Input::Tokens(tokens, types) => Tokens { tokens, types }.token_type(position),
            _ => 0,
        }
    }

    fn memory(&self) -> &[i8] {
        self.memory
    }
}
