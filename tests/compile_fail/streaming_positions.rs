use heedful::Streaming;

heedful::model!(Digits = "../../models/digits_nothing.heed");

fn main() {
    println!("{}", Streaming::<Digits>::new().seen());
}
