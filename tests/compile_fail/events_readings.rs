use heedful::events::Listener;

heedful::model!(Gestures = "../models/events_series.heed");

fn main() {
    Listener::<Gestures>::new().push_reading(&[0; 5]).count();
}
