use heedful::Streaming;
use heedful::events::Listener;

heedful::model!(Series = "../models/chain_series.heed");

fn main() {
    println!("{}", Listener::<Streaming<Series>>::new().heard());
}
