use heedful::events::Listener;

heedful::model!(Digits = "../../models/digits.heed");

fn main() {
    Listener::<Digits>::new().push_reading(&[0; 5]).count();
}
