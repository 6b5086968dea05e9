//! Series of sensors: speed, place, turns of the sensor, gain, offset, noise, sign.

use super::{between, normal, within};
use crate::augment::Draw;
use crate::project::Augment;
use rand::RngExt;

/// A training example's rows, `steps` of them, out of more; what counts lies in the middle. `deviations` are those of
/// the channels.
pub fn alter(values: &[f32], deviations: &[f32], steps: usize, augment: &Augment, draw: &mut Draw) -> Vec<f32> {
    let channels = deviations.len();
    let rows = values.len() / channels.max(1);
    let speed = augment.speed.map_or(1.0, |range| between(draw, range));
    let shift = augment.shift.map_or(0.0, |most| within(draw, most as f32));
    let (from, to) = ((rows as f32 - 1.0) / 2.0 + shift, (steps as f32 - 1.0) / 2.0);
    let mut altered = Vec::with_capacity(steps * channels);
    for step in 0..steps {
        let place = (from + (step as f32 - to) * speed).clamp(0.0, rows.saturating_sub(1) as f32);
        let (row, part) = (place as usize, place.fract());
        for channel in 0..channels {
            let at = |row: usize| values[row.min(rows - 1) * channels + channel];
            altered.push(at(row) + part * (at(row + 1) - at(row)));
        }
    }
    if let Some(degrees) = augment.turn.filter(|_| channels == 3) {
        turn(&mut altered, within(draw, degrees).to_radians(), axis(draw));
    }
    if augment.flip.is_some_and(|share| draw.random_bool(share)) {
        altered.iter_mut().for_each(|x| *x = -*x);
    }
    if let Some(range) = augment.gain {
        let gain = between(draw, range);
        altered.iter_mut().for_each(|x| *x *= gain);
    }
    for (channel, deviation) in deviations.iter().enumerate() {
        let offset = augment.offset.map_or(0.0, |most| within(draw, most) * deviation);
        altered.iter_mut().skip(channel).step_by(channels).for_each(|x| *x += offset);
    }
    if let Some(range) = augment.noise {
        let level = between(draw, range);
        for (x, deviation) in altered.iter_mut().zip(deviations.iter().cycle()) {
            *x += level * deviation * normal(draw);
        }
    }
    altered
}

/// A direction, any as likely as another.
fn axis(draw: &mut Draw) -> [f32; 3] {
    let axis = [normal(draw), normal(draw), normal(draw)];
    let length = axis.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
    axis.map(|x| x / length)
}

/// Turns rows of three axes round a direction (Rodrigues' formula).
fn turn(values: &mut [f32], angle: f32, [a, b, c]: [f32; 3]) {
    let (sine, cosine) = angle.sin_cos();
    for row in values.chunks_exact_mut(3) {
        let [x, y, z] = [row[0], row[1], row[2]];
        let along = (a * x + b * y + c * z) * (1.0 - cosine);
        row[0] = x * cosine + (b * z - c * y) * sine + a * along;
        row[1] = y * cosine + (c * x - a * z) * sine + b * along;
        row[2] = z * cosine + (a * y - b * x) * sine + c * along;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::draw;

    #[test]
    fn unaltered_is_the_middle() {
        let values: Vec<f32> = (0..20).map(|n| n as f32).collect();
        let altered = alter(&values, &[1.0, 1.0], 4, &Augment::default(), &mut draw(1, 1, 1));
        assert_eq!(altered, values[6..14]);
        // Of fewer rows, the ends go on.
        assert_eq!(alter(&values[..4], &[1.0, 1.0], 4, &Augment::default(), &mut draw(1, 1, 1))[..2], [0.0, 1.0]);
    }

    #[test]
    fn twice_as_fast() {
        let values: Vec<f32> = (0..9).map(|n| n as f32).collect();
        let augment = Augment { speed: Some([2.0, 2.0]), ..Augment::default() };
        assert_eq!(alter(&values, &[1.0], 3, &augment, &mut draw(1, 1, 1)), [2.0, 4.0, 6.0]);
    }

    #[test]
    fn turns_keep_lengths() {
        let mut values = [3.0, 4.0, 12.0, 0.0, 0.0, 1.0];
        turn(&mut values, std::f32::consts::FRAC_PI_2, [0.0, 0.0, 1.0]);
        let near = |found: f32, expected: f32| assert!((found - expected).abs() < 1e-5, "{found}, {expected}");
        values.iter().zip([-4.0, 3.0, 12.0, 0.0, 0.0, 1.0]).for_each(|(&x, expected)| near(x, expected));
        turn(&mut values, 0.7, axis(&mut draw(1, 1, 1)));
        near(values[..3].iter().map(|x| x * x).sum::<f32>().sqrt(), 13.0);
    }
}
