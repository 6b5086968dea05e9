//! Alterations of examples that leave their meaning alone.

pub mod image;
pub mod series;
pub mod sound;

use super::augment::Between;
use crate::augment::{Draw, normal};
use rand::RngExt;

/// A number between two, or the first where they are equal.
pub fn between(draw: &mut Draw, [least, most]: Between) -> f32 {
    if least < most { draw.random_range(least..most) } else { least }
}

/// A number within so much of 0.
fn within(draw: &mut Draw, most: f32) -> f32 {
    between(draw, [-most, most])
}
