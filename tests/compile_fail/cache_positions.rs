use heedful::KvCache;

fn main() {
    // 65,536 positions is what the sum of the weights holds.
    let _ = Box::new(KvCache::<65_537, 1, 1>::new());
}
