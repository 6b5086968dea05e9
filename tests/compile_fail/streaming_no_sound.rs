use heedful::Streaming;

heedful::model!(Strokes = "../models/streaming_series.heed");

fn main() {
    Streaming::<Strokes>::new().push(0);
}
