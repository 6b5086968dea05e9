//! What float and integer models have in common.

/// The token that begins a text.
pub const BEGIN: u16 = 1;
/// The token that ends a text.
pub const END: u16 = 2;

/// A model that reads a token at a time and says what may follow.
pub trait LanguageModel {
    /// Forgets all tokens.
    fn reset(&mut self);
    /// Reads a token; a logit per token of the vocabulary, in natural units.
    ///
    /// # Panics
    /// If the vocabulary has no such token.
    fn step(&mut self, token: u16) -> &[f32];
}

/// An integer model with a text in progress.
#[derive(Clone, Debug)]
pub struct Integer<'m> {
    session: heedful::dynamic::Session<'m>,
    /// Scale of the logits.
    scale: f32,
    logits: Vec<f32>,
}

impl<'m> Integer<'m> {
    /// An empty text that remembers its last `context` tokens.
    #[must_use]
    pub fn new(decoder: &'m heedful::dynamic::Decoder, context: usize) -> Self {
        let shape = decoder.shape();
        // The file holds octaves.
        let scale = (shape.logit.to_real() * std::f64::consts::LN_2) as f32;
        Self { session: decoder.session(context), scale, logits: vec![0.0; shape.outputs] }
    }
}

impl LanguageModel for Integer<'_> {
    fn reset(&mut self) {
        self.session.reset();
    }

    fn step(&mut self, token: u16) -> &[f32] {
        assert!(usize::from(token) < self.logits.len(), "token {token} of {}", self.logits.len());
        let logits = self.session.step(usize::from(token));
        self.logits.iter_mut().zip(logits).for_each(|(to, &logit)| *to = f32::from(logit) * self.scale);
        &self.logits
    }
}
