//! Images: place and noise.

use super::{between, normal};
use crate::augment::Draw;
use crate::project::Augment;
use rand::RngExt;

/// A training example `[height][width][channels]` of values from 0 to 255; what is shifted in repeats the edge.
pub fn alter(values: &[u8], [height, width, channels]: [usize; 3], augment: &Augment, draw: &mut Draw) -> Vec<f32> {
    let most = augment.shift.unwrap_or(0.0) as i64;
    let mut shift = || if most > 0 { draw.random_range(-most..=most) } else { 0 };
    let [down, right] = [shift(), shift()];
    let from = |at: usize, by: i64, size: usize| (at as i64 - by).clamp(0, size as i64 - 1) as usize;
    let mut altered = Vec::with_capacity(values.len());
    for row in 0..height {
        for column in 0..width {
            let at = (from(row, down, height) * width + from(column, right, width)) * channels;
            altered.extend(values[at..at + channels].iter().map(|&x| f32::from(x)));
        }
    }
    if let Some(range) = augment.noise {
        let level = between(draw, range);
        altered.iter_mut().for_each(|x| *x = (*x + level * normal(draw)).clamp(0.0, 255.0));
    }
    altered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::draw;

    #[test]
    fn shifts() {
        let values: Vec<u8> = (1..=12).collect();
        let plain = alter(&values, [3, 2, 2], &Augment::default(), &mut draw(1, 1, 1));
        assert_eq!(plain, (1..=12).map(|x| x as f32).collect::<Vec<_>>());
        let augment = Augment { shift: Some(1.0), ..Augment::default() };
        let all: Vec<Vec<f32>> = (0..60).map(|n| alter(&values, [3, 2, 2], &augment, &mut draw(1, 1, n))).collect();
        let distinct: std::collections::BTreeSet<String> = all.iter().map(|x| format!("{x:?}")).collect();
        assert_eq!(distinct.len(), 9);
        // One down and one to the right.
        assert!(distinct.contains("[1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 5.0, 6.0, 5.0, 6.0]"));
    }
}
