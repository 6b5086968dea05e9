//! Activations in f32.

/// A function of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// GELU by the error function.
    Gelu,
    /// GELU in its form with tanh.
    GeluTanh,
    /// Negative values become 0.
    Relu,
    /// `x / (1 + e^-x)`
    Silu,
    /// Hyperbolic tangent.
    Tanh,
    /// None.
    Identity,
}

impl Activation {
    /// Its value in f64.
    #[must_use]
    pub fn of(self, x: f64) -> f64 {
        match self {
            Self::Gelu => 0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2)),
            Self::GeluTanh => heedful::gelu(x),
            Self::Relu => x.max(0.0),
            Self::Silu => x / (1.0 + (-x).exp()),
            Self::Tanh => x.tanh(),
            Self::Identity => x,
        }
    }

    /// All of them.
    pub const ALL: [Self; 6] = [Self::Gelu, Self::GeluTanh, Self::Relu, Self::Silu, Self::Tanh, Self::Identity];

    /// The one of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|activation| activation.name() == name)
    }

    /// Its name in configurations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gelu => "gelu",
            Self::GeluTanh => "gelu_tanh",
            Self::Relu => "relu",
            Self::Silu => "silu",
            Self::Tanh => "tanh",
            Self::Identity => "identity",
        }
    }

    /// Replaces each value.
    pub(super) fn apply(self, values: &mut [f32]) {
        if self != Self::Identity {
            values.iter_mut().for_each(|x| *x = self.of(f64::from(*x)) as f32);
        }
    }
}
