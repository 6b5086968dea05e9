use heedful::KvCache;

fn main() {
    let _ = KvCache::<4, 1, 300>::new();
}
