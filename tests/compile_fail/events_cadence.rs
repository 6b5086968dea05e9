use heedful::events::{Listener, ListenerSettings};

heedful::model!(Digits = "../../models/digits.heed");

static NEVER: ListenerSettings<10> = ListenerSettings { cadence: 0, ..*Listener::<Digits>::SETTINGS };
static EAR: Listener<Digits> = Listener::new().with_settings(&NEVER);

fn main() {
    EAR.heard();
}
