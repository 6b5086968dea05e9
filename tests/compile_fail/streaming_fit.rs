use heedful::Streaming;
use heedful::events::Listener;

heedful::model!(Digits = "../../models/digits_stream.heed");
heedful::model!(Strokes = "../models/streaming_series.heed");

static DIGITS: Streaming<Digits> = Streaming::new();

fn main() {
    assert_eq!(DIGITS.seen(), 0);
    assert_eq!(Box::new(Listener::<Streaming<Digits>>::new()).push(&[0; 100]).count(), 0);
    assert_eq!(
        Streaming::<Strokes>::new().step_features(&[0; Strokes::SHAPE.input.channels * 2]).logits().len(),
        Strokes::CLASSES
    );
}
