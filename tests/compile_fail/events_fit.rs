use heedful::events::{ClassSettings, Detector, Listener, ListenerSettings, Settings};
use heedful::fixed::types::U1F15;

heedful::model!(Digits = "../../models/digits.heed");
heedful::model!(Gestures = "../models/events_series.heed");

const CLASS: ClassSettings = ClassSettings { enter: U1F15::ONE, ..ClassSettings::of_window(8000) };
const SETTINGS: Settings<2> = Settings { millihertz: 8_000_000, smoothing: 7, separation: 0, classes: [CLASS; 2] };
const DETECTOR: Detector<2> = Detector::new(SETTINGS, &["a", "b"]);
static OFTEN: ListenerSettings<10> = ListenerSettings { cadence: 1, ..*Listener::<Digits>::SETTINGS };

fn main() {
    assert_eq!(DETECTOR.clone().step([U1F15::ONE; 2], 0).count(), 0);
    assert_eq!(Box::new(Listener::<Digits>::new().with_settings(&OFTEN)).push(&[0; 100]).count(), 0);
    assert_eq!(Listener::<Gestures>::new().push_reading(&[0; 6]).count(), 0);
}
