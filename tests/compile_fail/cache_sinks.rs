use heedful::KvCache;

fn main() {
    // Four slots, of which all four would keep their positions for good.
    let _ = KvCache::<4, 1, 2, 4>::new();
}
