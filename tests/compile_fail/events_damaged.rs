heedful::model!(Gestures = "../models/events_damaged.heed");

fn main() {
    let _ = Gestures::new();
}
