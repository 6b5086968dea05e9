//! Patterns asked about any head, query and key.

use crate::SIZES;
use heedful::{Alibi, AttentionPattern, BitMask, HeadMask, MASKED, Mask, RelativeBias, Slope, Window, Windows};

/// Calls every method with all extremes, and holds rows of biases against single ones.
fn ask(pattern: &impl AttentionPattern) {
    for head in [0, 1, 64, usize::MAX] {
        let _ = (pattern.dilation(head), pattern.biases(head), pattern.rope());
        for query in SIZES {
            for keys in SIZES {
                let range = pattern.keys(head, query, keys);
                assert!(range.is_empty() || range.end <= keys, "{range:?} of {keys}");
                let _ = pattern.bias(head, query, keys);
            }
            for first in SIZES {
                for step in SIZES {
                    let mut row = [0; 70];
                    pattern.bias_row(head, query, first, step, &mut []);
                    pattern.bias_row(head, query, first, step, &mut row);
                    // As far as keys are numbers at all.
                    let Some(last) = step.checked_mul(69).and_then(|ahead| first.checked_add(ahead)) else { continue };
                    if step == 0 || !pattern.biases(head) {
                        continue;
                    }
                    // Rows need not hide what is not looked at anyway.
                    let looked_at = pattern.keys(head, query, usize::MAX);
                    for (key, &found) in
                        (first..=last).step_by(step).zip(&row).filter(|(key, _)| looked_at.contains(key))
                    {
                        let expected = pattern.bias(head, query, key).unwrap_or(MASKED);
                        let hides = |bias| bias < MASKED / 2;
                        let same = found == expected || hides(found) && hides(expected);
                        assert!(same, "{found}, not {expected}: head {head}, query {query}, key {key}, step {step}");
                    }
                }
            }
        }
    }
}

#[test]
fn masks() {
    for length in SIZES {
        for mask in [Mask::None, Mask::Causal, Mask::Length(length), Mask::CausalLength(length)] {
            ask(&mask);
            for (position, positions) in SIZES.into_iter().zip(SIZES.into_iter().rev()) {
                assert!(mask.visible(position, positions) <= positions);
            }
        }
    }
    for heads in [0, 1, 1 << 63, u64::MAX] {
        ask(&HeadMask(heads));
    }
}

#[test]
fn windows() {
    for size in SIZES {
        for other in SIZES {
            let window = Window { back: size, ahead: other, dilation: 1, sinks: 0 };
            let dilated = Window::around(other).dilated(size);
            for window in [window, dilated, Window::back(size).with_sinks(other)] {
                for (query, keys) in SIZES.into_iter().zip(SIZES.into_iter().rev()) {
                    let range = window.keys(0, query, keys);
                    assert!(range.is_empty() || range.end <= keys);
                }
            }
        }
        ask(&Window::back(size).with_sinks(3));
    }
    ask(&Windows(&[Window::ALL, Window { back: usize::MAX, ahead: 3, dilation: usize::MAX, sinks: usize::MAX }]));
    ask(&Windows(&[]));
}

#[test]
fn biases() {
    ask(&RelativeBias::<0>(&[[], []]));
    ask(&RelativeBias::<1>(&[[i32::MAX]]));
    ask(&RelativeBias(&[[i32::MIN, -5, 0, 7, i32::MAX]; 2]));
    ask(&RelativeBias::<3>(&[]));
}

/// The distance counts however large the positions are.
#[test]
fn relative_biases_far_away() {
    let pattern = RelativeBias(&[[1, 2, 3, 4, 5]]);
    for query in [2, 1 << 30, usize::MAX / 2, usize::MAX - 4] {
        let found = [-2isize, -1, 0, 1, 2].map(|ahead| pattern.bias(0, query, query.saturating_add_signed(ahead)));
        assert_eq!(found, [1, 2, 3, 4, 5].map(Some), "{query}");
        assert_eq!((pattern.bias(0, query, 0), pattern.bias(0, 0, query.max(2))), (Some(1), Some(5)));
    }
}

#[test]
fn linear_biases() {
    ask(&Alibi(&[Slope(0), Slope(1), Slope(u32::MAX)]));
    ask(&Alibi(&[Slope(256), Slope(1 << 24)]));
    ask(&Alibi(&[]));
}

#[test]
fn bit_mask() {
    ask(&BitMask::new(&[[0b1011, u32::MAX, 0], [0, 0, 1 << 31]]));
    ask(&BitMask::new::<0>(&[[], []]));
    ask(&BitMask::new::<5>(&[]));
}

#[test]
fn all_together() {
    ask(&(Mask::Causal, Windows(&[Window::back(usize::MAX).dilated(3)]), Alibi(&[Slope(7)]), HeadMask(2)));
    ask(&(Window::back(3).with_sinks(2), BitMask::new(&[[5], [7]])));
    ask(&(Mask::Causal, &Mask::None, HeadMask(0)));
}

/// One that says only which keys, whose rows are those by default.
#[test]
fn of_a_strangers() {
    struct Every(usize);
    impl AttentionPattern for Every {
        fn biases(&self, _head: usize) -> bool {
            true
        }
        fn bias(&self, _head: usize, query: usize, key: usize) -> Option<i32> {
            (key % 2 == query % 2).then_some(i32::MIN + self.0 as i32)
        }
    }
    ask(&Every(1));
    ask(&(Every(0), Every(1)));
}
