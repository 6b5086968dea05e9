//! Masks, windows, dilation, sinks, bit masks and biases of the score, alone and together.

use crate::attention_support::{all_heads, dot, hold, input, scales};
use crate::support::{Errors, Random, bare};
use heedful::{
    Alibi, AttentionPattern, BitMask, HeadMask, HeadScale, Mask, Narrow, RelativeBias, Scratch, Slope, Weight, Wide,
    Window, Windows,
};

const H: usize = 3;
const P: usize = 5;
const E: usize = 3 * H * P;

/// The pattern by its definition: what a score gains, and by how much the library's gain may differ; `None` where the
/// key is not looked at.
type Sees<'a> = &'a dyn Fn(usize, usize, usize) -> Option<(f64, f64)>;

/// Random sequences under a pattern; octaves per standard deviation of the scores. Checks the rows that an observer
/// sees, too.
fn run<const S: usize, W: Weight>(
    random: &mut Random,
    octaves: f64,
    pattern: impl AttentionPattern,
    sees: Sees<'_>,
) -> Vec<(f64, f64)> {
    let heads: [HeadScale; H] = scales(random, 74.0 * 74.0 * (P as f64).sqrt(), octaves);
    run_with::<S, W>(random, heads, pattern, sees)
}

fn run_with<const S: usize, W: Weight>(
    random: &mut Random,
    heads: [HeadScale; H],
    pattern: impl AttentionPattern,
    sees: Sees<'_>,
) -> Vec<(f64, f64)> {
    let x: [[i8; E]; S] = input(random);
    let part = |row: &[i8; E], part: usize, h: usize| -> Vec<f64> {
        row[(part * H + h) * P..][..P].iter().map(|&v| f64::from(v)).collect()
    };
    let mut scratch = Box::new(Scratch::new());
    let mut shown = 0;
    let watch = &mut |row: heedful::Row<'_, W>| {
        shown += 1;
        let mut largest = 0;
        for (i, weight) in row.weights.iter().enumerate() {
            let key = row.first + i * row.dilation;
            largest = largest.max(weight.to_int());
            assert!(weight.to_int() == 0 || sees(row.head, row.query, key).is_some(), "a hidden key weighs");
        }
        let any = (0..S).any(|key| sees(row.head, row.query, key).is_some());
        assert_eq!(largest, if any { W::FULL_SCALE } else { 0 });
    };
    let y = bare::<E, H, P, W>(heads).forward_observed(&x, pattern, &mut scratch, watch);
    let score = |h: usize, i: usize, j: usize| {
        sees(h, i, j).map(|(bias, slack)| (dot(&part(&x[i], 0, h), &part(&x[j], 1, h)) + bias, slack))
    };
    let expected = all_heads::<W>(&heads, [S, S, P], score, |h, j| part(&x[j], 2, h));
    let mut pairs = Vec::new();
    hold(y, &expected, &mut pairs);
    assert_eq!(shown, H * S);
    pairs
}

/// Whether a window shows a key, by its definition.
fn within(window: &Window, query: usize, key: usize) -> bool {
    let (query, key) = (query as i128, key as i128);
    let pattern = |count: usize| (count as i128) * (window.dilation as i128);
    let near = query - pattern(window.back) <= key && key <= query + pattern(window.ahead);
    (key - query) % (window.dilation as i128) == 0 && (near || key < window.sinks as i128)
}

fn seen(yes: bool) -> Option<(f64, f64)> {
    yes.then_some((0.0, 0.0))
}

const WINDOWS: [Window; 14] = [
    Window::ALL,
    Window::back(0),
    Window::back(1),
    Window::back(6),
    Window::back(1000),
    Window::around(0),
    Window::around(3),
    Window::around(7).dilated(2),
    Window::back(2).dilated(3),
    Window::ALL.dilated(5),
    Window::back(2).with_sinks(1),
    Window::around(1).with_sinks(4),
    Window::back(1).dilated(4).with_sinks(6),
    Window { back: 1, ahead: 4, dilation: 1, sinks: 100 },
];

fn windows<const S: usize, W: Weight>(seed: u64) -> Vec<(f64, f64)> {
    let mut random = Random(seed);
    let mut pairs = Vec::new();
    for window in WINDOWS {
        for mask in [Mask::None, Mask::Causal, Mask::Length(S / 2 + 1), Mask::CausalLength(4)] {
            let sees = |_: usize, i: usize, j: usize| seen(within(&window, i, j) && j < mask.visible(i, S));
            pairs.extend(run::<S, W>(&mut random, 2.0, (mask, window), &sees));
        }
        let sees = |_: usize, i: usize, j: usize| seen(within(&window, i, j));
        pairs.extend(run::<S, W>(&mut random, 0.3, window, &sees));
    }
    pairs
}

#[test]
fn windows_dilation_sinks() {
    let mut all = windows::<1, Wide>(1);
    all.extend(windows::<2, Wide>(2));
    all.extend(windows::<11, Wide>(3));
    all.extend(windows::<25, Wide>(4));
    all.extend(windows::<40, Wide>(5));
    Errors::of(all).within(0.02, 0.295, 0.85);
    Errors::of(windows::<25, Narrow>(6)).within(0.02, 0.35, 1.6);
}

/// A window of each head's own, and heads beyond the list, which look everywhere.
#[test]
fn mixed_windows() {
    let mut random = Random(7);
    let mut all = Vec::new();
    for first in WINDOWS {
        for second in WINDOWS {
            let windows = [first, second];
            let of = |h: usize| windows.get(h).copied().unwrap_or(Window::ALL);
            let sees = |h: usize, i: usize, j: usize| seen(within(&of(h), i, j));
            all.extend(run::<19, Wide>(&mut random, 1.0, Windows(&windows), &sees));
            let sees = |h: usize, i: usize, j: usize| seen(within(&of(h), i, j) && j <= i && j < 13);
            all.extend(run::<19, Wide>(&mut random, 1.0, (Mask::CausalLength(13), Windows(&windows)), &sees));
        }
    }
    Errors::of(all).within(0.02, 0.295, 0.85);
}

/// A random mask, one that hides whole rows, and one that has fewer rows and words than there are queries and keys.
#[test]
fn bit_masks() {
    const S: usize = 37;
    let mut random = Random(8);
    let mut all = Vec::new();
    for density in [0, 1, 3, 20, 64] {
        let bits: [[bool; S]; S] = std::array::from_fn(|_| std::array::from_fn(|_| random.next() % 64 < density));
        let rows: [[u32; 2]; S] = bits.map(|row| {
            let mut words = [0; 2];
            row.iter().enumerate().for_each(|(key, &bit)| words[key / 32] |= u32::from(bit) << (key % 32));
            words
        });
        let sees = |_: usize, i: usize, j: usize| seen(bits[i][j]);
        all.extend(run::<S, Wide>(&mut random, 1.0, BitMask::new(&rows), &sees));
        for window in WINDOWS {
            let sees = |_: usize, i: usize, j: usize| seen(bits[i][j] && within(&window, i, j));
            all.extend(run::<S, Wide>(&mut random, 1.0, (BitMask::new(&rows), window), &sees));
        }
        let sees = |_: usize, i: usize, j: usize| seen(bits[i][j] && j <= i && within(&WINDOWS[6], i, j));
        all.extend(run::<S, Wide>(&mut random, 1.0, (Mask::Causal, BitMask::new(&rows), WINDOWS[6]), &sees));
        let short: [[u32; 1]; 20] = std::array::from_fn(|i| [rows[i][0]]);
        let sees = |_: usize, i: usize, j: usize| seen(i < 20 && j < 32 && bits[i][j]);
        all.extend(run::<S, Wide>(&mut random, 1.0, BitMask::new(&short), &sees));
        all.extend(run::<S, Narrow>(&mut random, 0.1, BitMask::new(&short), &sees));
    }
    Errors::of(all).within(0.02, 0.31, 1.6);
}

/// Slopes of the real-valued model. The library's bias is rounded to a unit of the score, and its slope to 1/256 of
/// one.
#[test]
fn alibi() {
    const S: usize = 41;
    let mut random = Random(9);
    let mut all = Vec::new();
    for octaves in [0.02, 0.5, 4.0] {
        let heads: [HeadScale; H] = scales(&mut random, 74.0 * 74.0 * (P as f64).sqrt(), octaves);
        let real: [f64; H] = std::array::from_fn(|h| Slope::standard(h, H));
        for (h, slope) in real.iter().enumerate() {
            assert!((slope - (-8.0 * (h + 1) as f64 / H as f64).exp2()).abs() < 1e-12);
        }
        let slopes: [Slope; H] = std::array::from_fn(|h| Slope::from_real(real[h], heads[h].steepness()).unwrap());
        let bias = |h: usize, i: usize, j: usize| {
            let distance = i.abs_diff(j) as f64;
            let unit = heads[h].steepness().to_real() / std::f64::consts::LOG2_E;
            Some((-real[h] / unit * distance, 0.5 + distance * 0.5 / 256.0))
        };
        all.extend(run_with::<S, Wide>(&mut random, heads, Alibi(&slopes), &bias));
        let causal = |h: usize, i: usize, j: usize| bias(h, i, j).filter(|_| j <= i);
        all.extend(run_with::<S, Wide>(&mut random, heads, (Mask::Causal, Alibi(&slopes)), &causal));
        let window = Window::back(9).dilated(2);
        let near = |h: usize, i: usize, j: usize| bias(h, i, j).filter(|_| within(&window, i, j));
        all.extend(run_with::<S, Wide>(&mut random, heads, (Alibi(&slopes), window), &near));
    }
    Errors::of(all).within(0.02, 0.295, 0.85);
}

/// Biases of any size: a bias of ±2^22 decides alone, more than that counts as 2^22, and heads without a row have
/// none.
#[test]
fn relative_bias() {
    fn check<const SPAN: usize>(random: &mut Random, bound: i64) -> Vec<(f64, f64)> {
        let table: [[i32; SPAN]; 2] =
            std::array::from_fn(|_| std::array::from_fn(|_| random.int(-bound, bound) as i32));
        let bias = |h: usize, i: usize, j: usize| {
            let place = (j as i64 - i as i64 + SPAN as i64 / 2).clamp(0, SPAN as i64 - 1) as usize;
            let bias = table.get(h).map_or(0, |row| row[place]);
            Some((f64::from(bias.clamp(-(1 << 22), 1 << 22)), 0.0))
        };
        let mut pairs = run::<23, Wide>(random, 1.0, RelativeBias(&table), &bias);
        let causal = |h: usize, i: usize, j: usize| bias(h, i, j).filter(|_| j <= i);
        pairs.extend(run::<23, Wide>(random, 1.0, (RelativeBias(&table), Mask::Causal), &causal));
        pairs
    }
    let mut random = Random(10);
    let mut all = Vec::new();
    for bound in [100, 20_000, 1 << 22, (1 << 31) - 1] {
        all.extend(check::<1>(&mut random, bound));
        all.extend(check::<2>(&mut random, bound));
        all.extend(check::<9>(&mut random, bound));
        all.extend(check::<16>(&mut random, bound));
        all.extend(check::<63>(&mut random, bound));
    }
    Errors::of(all).within(0.02, 0.295, 0.85);
}

/// A head that is switched off contributes exactly 0; the others do not notice.
#[test]
fn heads_switched_off() {
    let mut random = Random(11);
    let mut all = Vec::new();
    for off in 0..8u64 {
        let sees = |h: usize, _: usize, _: usize| seen(off >> h & 1 == 0);
        all.extend(run::<14, Wide>(&mut random, 1.0, HeadMask(off), &sees));
        let sees = |h: usize, i: usize, j: usize| seen(off >> h & 1 == 0 && within(&WINDOWS[10 + h], i, j));
        let windows = Windows(&WINDOWS[10..]);
        all.extend(run::<14, Wide>(&mut random, 1.0, (windows, HeadMask(off)), &sees));
    }
    Errors::of(all).within(0.02, 0.295, 0.85);
}
