//! Masks, windows, biases and heads switched off.

use crate::attention_support::{assemble, input};
use crate::support::{Random, leak};
use crate::{E, G, H, P, Parts, S, channels, denses, grouped, head_scales, output, window};
use heedful::{
    Alibi, AttentionPattern, BitMask, HeadMask, MASKED, Mask, MultiHeadAttention, Narrow, RelativeBias, Row, Scratch,
    Slope, Unobserved, Weight, Wide, Window, Windows,
};
use proptest::prelude::*;

/// The bytes of one attention under two patterns.
fn same<W: Weight, const G: usize>(
    one: &MultiHeadAttention<E, H, P, W, G>,
    x: &[[i8; E]; S],
    a: impl AttentionPattern,
    b: impl AttentionPattern,
) -> Result<(), TestCaseError> {
    let (mut first, mut second) = (Scratch::new(), Scratch::new());
    prop_assert_eq!(one.forward(x, a, &mut first), one.forward(x, b, &mut second));
    Ok(())
}

/// A bit mask, by asking whether it shows each key.
fn bit_mask(shows: impl Fn(usize, usize) -> bool) -> [[u32; 1]; S] {
    std::array::from_fn(|query| [(0..S).map(|key| u32::from(shows(query, key)) << key).sum()])
}

/// Every `D`th row from the `first` on alone, under `window`.
fn apart<const D: usize, const L: usize>(
    random: &mut Random,
    window: Window,
    sinks: usize,
) -> Result<(), TestCaseError> {
    assert_eq!(D * L, S);
    let one = grouped::<Wide>(random);
    let x: [[i8; E]; S] = input(random);
    let mut scratch = Scratch::new();
    let y = one.forward(&x, window.dilated(D).with_sinks(sinks * D), &mut scratch);
    for first in 0..D {
        let rows: [[i8; E]; L] = std::array::from_fn(|i| x[first + i * D]);
        let mut short = Scratch::new();
        let alone = one.forward(&rows, window.with_sinks(sinks), &mut short);
        prop_assert!(alone.iter().enumerate().all(|(i, row)| y[first + i * D] == *row), "{window:?} {sinks} {first}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rows of biases are what their keys have one by one, near and far.
    #[test]
    fn rows_of_biases(seed in any::<u64>(), step in 1..40usize, length in 0..70usize, far in 0..30u32) {
        let random = &mut Random(seed);
        let parts = Parts::new(random);
        let place = |random: &mut Random| (random.next() % (40 << far)) as usize;
        let (query, first, head) = (place(random), place(random), random.int(0, 4) as usize);
        let pattern = parts.pattern(true);
        let mut row = vec![0; length];
        pattern.bias_row(head, query, first, step, &mut row);
        let range = pattern.keys(head, query, 1 << 40);
        for (key, &bias) in (first..).step_by(step).zip(&row).filter(|(key, _)| range.contains(key)) {
            match pattern.bias(head, query, key) {
                Some(expected) => prop_assert_eq!(bias, expected),
                None => prop_assert!(bias < MASKED / 2),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Windows, slopes and tables that say nothing change nothing; parts of a pattern may stand in any order.
    #[test]
    fn patterns_that_are_the_same(seed in any::<u64>(), length in 0..=S + 2) {
        let random = &mut Random(seed);
        let (one, x) = (grouped::<Wide>(random), input::<E, S>(random));
        for all in [Window::ALL, Window::around(S), Window::around(S - 1), Window::around(S).with_sinks(3)] {
            same(&one, &x, all, Mask::None)?;
        }
        same(&one, &x, Window::back(usize::MAX), Mask::Causal)?;
        same(&one, &x, Window::back(S - 1), Mask::Causal)?;
        same(&one, &x, Windows(&[]), Mask::None)?;
        same(&one, &x, Alibi(&[Slope(0); H]), Mask::None)?;
        same(&one, &x, RelativeBias(&[[0; 5]; 2]), Mask::None)?;
        // The same bias for all keys.
        same(&one, &x, RelativeBias(&[[-777]; H]), Mask::None)?;
        for mask in [Mask::None, Mask::Causal, Mask::Length(length), Mask::CausalLength(length)] {
            let bits = bit_mask(|query, key| key < mask.visible(query, S));
            same(&one, &x, BitMask::new(&bits), mask)?;
        }
        let window = window(random);
        let bits = bit_mask(|query, key| {
            window.keys(0, query, S).contains(&key) && window.bias(0, query, key).is_some()
                && query.abs_diff(key) % window.dilation == 0
        });
        same(&one, &x, BitMask::new(&bits), window)?;
        same(&one, &x, (window, Mask::Causal), (Mask::Causal, window))?;
        same(&one, &x, (Mask::None, window, HeadMask(0)), window)?;
        // Slopes of whole units, spelled as a table.
        let slopes: [Slope; H] = std::array::from_fn(|_| Slope(random.int(0, 1000) as u32 * 256));
        let bias = |slope: Slope, i: usize| -((slope.0 / 256) as i32) * i.abs_diff(S) as i32;
        let table = slopes.map(|slope| std::array::from_fn::<_, { 2 * S }, _>(|i| bias(slope, i)));
        same(&one, &x, Alibi(&slopes), RelativeBias(&table))?;
    }

    #[test]
    fn dilation_is_sequences_apart(seed in any::<u64>(), sinks in 0usize..4) {
        let random = &mut Random(seed);
        for window in [Window::ALL, Window::back(1), Window::back(2), Window::around(1)] {
            apart::<2, 6>(random, window, sinks)?;
            apart::<3, 4>(random, window, sinks)?;
            apart::<12, 1>(random, window, sinks)?;
        }
    }

    /// A head switched off is a head whose output weights are 0.
    #[test]
    fn heads_switched_off_have_zero_weights(seed in any::<u64>(), off in 0u64..16) {
        let random = &mut Random(seed);
        let dense = denses(random, E, [H, H], [G, G]);
        let heads = head_scales(random);
        let all = output(random);
        let zeroed = leak(all.map(|row| std::array::from_fn(|h| if off >> h & 1 == 1 { [0; P] } else { row[h] })));
        // The other parts of the pattern.
        let mut others = Parts::new(random);
        others.there &= 31;
        let x: [[i8; E]; S] = input(random);
        let with = assemble::<E, H, P, Wide, G, E, H, G>(dense.each_ref(), heads, all, channels());
        let zero = assemble::<E, H, P, Wide, G, E, H, G>(dense.each_ref(), heads, zeroed, channels());
        let (mut a, mut b) = (Scratch::new(), Scratch::new());
        let y = *with.forward(&x, (HeadMask(off), others.pattern(true)), &mut a);
        prop_assert_eq!(&y, zero.forward(&x, others.pattern(true), &mut b));
        if off == 15 {
            prop_assert!(y.iter().all(|row| row == &y[0]));
        }
    }
}

/// A row that is shown begins with the first key of the query's range and ends with its last, on the grid.
#[test]
fn rows_shown_are_the_range() {
    let random = &mut Random(4);
    for _ in 0..200 {
        let parts = Parts::new(random);
        let (one, x, mut scratch) = (grouped::<Narrow>(random), input::<E, S>(random), Scratch::new());
        let pattern = parts.pattern(true);
        one.forward_observed(&x, &pattern, &mut scratch, &mut |row: Row<'_, Narrow>| {
            let range = pattern.keys(row.head, row.query, S);
            let on_grid = |key: &usize| key.abs_diff(row.query).is_multiple_of(pattern.dilation(row.head));
            let expected: Vec<usize> = range.filter(on_grid).collect();
            for (&key, weight) in expected.iter().zip(row.weights) {
                assert!(weight.to_int() == 0 || pattern.bias(row.head, row.query, key).is_some());
            }
            assert!((0..row.weights.len()).map(|i| row.first + i * row.dilation).eq(expected));
        });
    }
}

/// Rows of heads all of whose keys are hidden are shown with weights of 0, and what an earlier pass left does not show.
#[test]
fn nothing_to_look_at() {
    let random = &mut Random(3);
    let one = grouped::<Wide>(random);
    let x: [[i8; E]; S] = input(random);
    let (mut scratch, mut other) = (Scratch::new(), Scratch::new());
    one.forward(&x, Mask::None, &mut scratch);
    let mut rows = 0;
    let nothing = BitMask::new(&[[0; 1]; S]);
    let y = one.forward_observed(&x, nothing, &mut scratch, &mut |row: Row<'_, Wide>| {
        assert_eq!(row.weights.len(), S);
        assert!(row.weights.iter().all(|weight| weight.to_int() == 0));
        rows += 1;
    });
    assert_eq!(rows, H * S);
    assert_eq!(y, one.forward_observed(&input(random), HeadMask(15), &mut other, &mut Unobserved));
}
