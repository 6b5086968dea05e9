use heedful::events::Listener;

heedful::model!(Values = "../models/chain_series.heed");

fn main() {
    Listener::<Values>::new().heard();
}
