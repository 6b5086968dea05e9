use heedful::events::{ClassSettings, Detector, Settings};
use heedful::fixed::types::U1F15;

const CLASS: ClassSettings = ClassSettings { leave: U1F15::lit("0.8"), ..ClassSettings::of_window(8000) };
const SETTINGS: Settings<1> = Settings { millihertz: 8_000_000, smoothing: 1, separation: 0, classes: [CLASS] };
const DETECTOR: Detector<1> = Detector::new(SETTINGS, &["word"]);

fn main() {
    DETECTOR.missed();
}
