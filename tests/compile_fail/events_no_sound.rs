use heedful::events::Listener;

heedful::model!(Gestures = "../models/events_series.heed");

fn main() {
    Listener::<Gestures>::new().push(&[0; 5]).count();
}
