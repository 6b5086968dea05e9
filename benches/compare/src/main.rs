//! heedful's backends, candle and ndarray on one core: matrix products and attention, in one run.
//!
//! All contestants of a table take turns, several rounds, and the best round of each counts: what else runs on the
//! machine hits all alike. Rates are in units of 10^9 multiply-accumulates per second (GMAC/s).

mod candle;
mod fixed;
mod float;
mod peak;
mod race;

use heedful::internals::{Kernels, Portable, Wide};
use race::{Race, Runner};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if cfg!(debug_assertions) {
        println!("This is a debug build: no figure means anything.");
    }
    println!("heedful chooses {}; candle may use {} thread(s).\n", heedful::backend(), candle::threads());
    product();
    block::<64>()?;
    block::<512>()?;
    Ok(())
}

/// The product of 128 rows with 64 inputs and 64 outputs, requantised to int8.
fn product() {
    println!("Product 128x64 -> 64 with requantisation. Peak: registers only, a loop of independent multiply-adds.\n");
    let mut race = Race::new();
    let peaks: Vec<_> =
        peak::all().into_iter().map(|peak| (peak.level, race.add(peak.name, peak.macs, peak.run))).collect();
    let mut levels = Vec::new();
    each_backend(&mut |name, backend| levels.push((name, race.add(name, fixed::PRODUCT_MACS, backend.product()))));
    let rates = race.run();

    println!("| | GMAC/s | of the peak of its instruction | of the core's peak |");
    println!("|---|---:|---:|---:|");
    let core = peaks.iter().map(|&(_, i)| rates[i]).fold(0.0, f64::max);
    for &(level, i) in &peaks {
        println!("| peak of {} ({level}) | {:.1} | 100 % | {:.0} % |", race.name(i), rates[i], 100.0 * rates[i] / core);
    }
    for &(name, i) in &levels {
        let own = peaks.iter().find(|(level, _)| *level == name);
        let own = own.map_or("".into(), |&(_, peak)| format!("{:.0} %", 100.0 * rates[i] / rates[peak]));
        println!("| {name} | {:.1} | {own} | {:.0} % |", rates[i], 100.0 * rates[i] / core);
    }
    println!();
}

/// Attention of `S` positions: width 64, 4 heads of 16.
fn block<const S: usize>() -> Result<(), Box<dyn std::error::Error>> {
    let macs = fixed::block_macs(S);
    println!("Attention of {S} positions, width 64, 4 heads of 16, softmax included ({macs} MACs).\n");
    let mut race = Race::new();
    let candle = race.add("candle (f32)", macs, candle::block(S)?);
    let float = race.add("ndarray (f32)", macs, float::block(S));
    let mut levels = Vec::new();
    each_backend(&mut |name, backend| levels.push(race.add(name, macs, backend.block::<S>())));
    let rates = race.run();
    println!("| | GMAC/s | times candle | times ndarray |");
    println!("|---|---:|---:|---:|");
    for i in [candle, float].into_iter().chain(levels) {
        let [to_candle, to_float] = [candle, float].map(|other| rates[i] / rates[other]);
        println!("| {} | {:.2} | {to_candle:.2} | {to_float:.2} |", race.name(i), rates[i]);
    }
    println!();
    Ok(())
}

/// A backend, as a value.
struct Backend {
    product: fn() -> Runner,
    block_64: fn() -> Runner,
    block_512: fn() -> Runner,
}

impl Backend {
    fn of<K: Kernels>() -> Self {
        Self { product: fixed::product::<K>, block_64: fixed::block::<K, 64>, block_512: fixed::block::<K, 512> }
    }

    fn product(&self) -> Runner {
        (self.product)()
    }

    fn block<const S: usize>(&self) -> Runner {
        if S == 64 { (self.block_64)() } else { (self.block_512)() }
    }
}

/// All backends that this CPU can run.
fn each_backend(f: &mut dyn FnMut(&'static str, Backend)) {
    fn try_one<K: Kernels>(f: &mut dyn FnMut(&'static str, Backend)) {
        if K::name() == K::NAME {
            f(K::NAME, Backend::of::<K>());
        }
    }
    try_one::<Portable>(f);
    try_one::<Wide>(f);
    #[cfg(target_arch = "x86_64")]
    {
        use heedful::internals::{Avx2, Avx512Vnni, AvxVnni};
        try_one::<Avx2>(f);
        try_one::<AvxVnni>(f);
        try_one::<Avx512Vnni>(f);
    }
}
