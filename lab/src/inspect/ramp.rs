//! The scale of colours: from dark blue over grey to light yellow.
//!
//! Lightness rises evenly, so that the scale survives greyscale and print; hue goes from blue to yellow, which people
//! with red-green blindness tell apart, as with cividis (Nuñez, Anderton and Renslow 2018). It is worked out here, from
//! three anchors in OKLab (Ottosson, "A perceptual color space for image processing", 2020).

/// Lightness and the two axes of colour, of the least, the middle and the largest value.
const ANCHORS: [[f64; 3]; 3] = [[0.24, -0.005, -0.085], [0.60, 0.0, 0.005], [0.95, -0.025, 0.145]];

/// Red, green and blue of a value from 0 to 255.
#[must_use]
pub fn colour(value: u8) -> [u8; 3] {
    let place = f64::from(value) / 255.0 * 2.0;
    let (from, to) = if place < 1.0 { (ANCHORS[0], ANCHORS[1]) } else { (ANCHORS[1], ANCHORS[2]) };
    let share = place.fract() + f64::from(u8::from(value == 255));
    let at = |axis: usize| from[axis] + (to[axis] - from[axis]) * share;
    // Lightness alone is even over both halves.
    let lightness = ANCHORS[0][0] + (ANCHORS[2][0] - ANCHORS[0][0]) * place / 2.0;
    rgb([lightness, at(1), at(2)])
}

/// As SVG and CSS have it.
#[must_use]
pub fn hex(value: u8) -> String {
    let [red, green, blue] = colour(value);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// The colour of a share from 0 to 1.
#[must_use]
pub fn of_share(share: f64) -> String {
    hex((share.clamp(0.0, 1.0) * 255.0).round() as u8)
}

/// OKLab to sRGB.
fn rgb([lightness, a, b]: [f64; 3]) -> [u8; 3] {
    let cone = |x: f64, y: f64| (lightness + x * a + y * b).powi(3);
    let (l, m, s) = (
        cone(0.396_337_777_4, 0.215_803_757_3),
        cone(-0.105_561_345_8, -0.063_854_172_8),
        cone(-0.089_484_177_5, -1.291_485_548_0),
    );
    let linear = [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ];
    linear.map(|x| {
        let x = x.clamp(0.0, 1.0);
        let curved = if x <= 0.003_130_8 { 12.92 * x } else { 1.055 * x.powf(1.0 / 2.4) - 0.055 };
        (curved * 255.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::colour;

    /// Relative luminance of sRGB (IEC 61966-2-1).
    fn luminance(rgb: [u8; 3]) -> f64 {
        let linear = rgb.map(|x| {
            let x = f64::from(x) / 255.0;
            if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    #[test]
    fn rises_evenly() {
        // CIE lightness, 0 to 100.
        let lightness = |value: u8| 116.0 * luminance(colour(value)).cbrt() - 16.0;
        for value in 0..255u8 {
            assert!(luminance(colour(value + 1)) > luminance(colour(value)) - 0.002, "{value}");
        }
        for value in (0..240u8).step_by(16) {
            let step = lightness(value + 16) - lightness(value);
            assert!((3.0..8.0).contains(&step), "{value}: {step}");
        }
        assert!(lightness(0) < 20.0 && lightness(255) > 88.0);
    }

    /// Blue and yellow at the ends: what red-green blindness leaves.
    #[test]
    fn ends() {
        let [red, green, blue] = colour(0);
        assert!(blue > red && blue > green);
        let [red, green, blue] = colour(255);
        assert!(red > 200 && green > 200 && blue < 190);
    }
}
