//! Importance and rankings.

use super::{FIXTURES, assert_all_near, assert_near, assert_same, numbers};
use heedful_lab::inspect::measures::ranking::{Removal, greedy_removal, kendall, ranks, shapley, spearman};
use std::convert::Infallible;

#[test]
fn rankings_agree_as_scipy_says() {
    let fixture = &FIXTURES["ranking"];
    let (a, b) = (numbers(&fixture["a"]), numbers(&fixture["b"]));
    assert_same(spearman(&a, &b), &fixture["spearman"], "Spearman");
    assert_same(kendall(&a, &b), &fixture["kendall"], "Kendall");
    assert_eq!(ranks(&[2.0, 1.0, 2.0, 5.0]), [2.5, 1.0, 2.5, 4.0]);
}

#[test]
fn rankings_that_say_nothing_have_no_correlation() {
    for both in [spearman, kendall] {
        assert_eq!(both(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), Some(-1.0));
        assert_eq!(both(&[1.0, 1.0, 1.0], &[3.0, 2.0, 1.0]), None);
        assert_eq!(both(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(both(&[1.0, f64::NAN], &[1.0, 2.0]), None);
        assert_eq!(both(&[], &[]), None);
        assert_eq!(both(&[1.0], &[1.0]), None);
    }
}

/// A game of five heads with a value drawn for each set of them.
fn game() -> impl Fn(&[bool]) -> Result<f64, Infallible> {
    let values = numbers(&FIXTURES["ranking"]["game"]);
    move |present| Ok(values[present.iter().rev().fold(0, |set, &present| set * 2 + usize::from(present))])
}

#[test]
fn sampled_shapley_values_are_as_near_as_they_say() {
    let exact = numbers(&FIXTURES["ranking"]["shapley"]);
    let Ok(found) = shapley(5, 400, 1, game());
    for ((found, error), exact) in found.values.iter().zip(&found.errors).zip(&exact) {
        assert!(*error > 0.0 && *error < 0.1, "error {error}");
        assert!((found - exact).abs() < 4.0 * error, "{found} +- {error}, not {exact}");
    }
    assert_near(found.values.iter().sum(), found.whole - found.empty, "sum");
    let Ok(again) = shapley(5, 400, 1, game());
    assert_eq!(again, found);
    let Ok(other) = shapley(5, 400, 2, game());
    assert_ne!(other, found);
}

#[test]
fn heads_that_do_not_depend_on_each_other_are_worth_what_they_add() {
    let worth = [0.5, 0.0, -0.25, 1.0];
    let mut asked = 0;
    let value = |present: &[bool]| {
        asked += 1;
        Ok::<f64, Infallible>(0.1 + present.iter().zip(worth).map(|(&p, w)| if p { w } else { 0.0 }).sum::<f64>())
    };
    let Ok(found) = shapley(4, 3, 7, value);
    assert_all_near(&found.values, &worth, "value");
    assert!(found.errors.iter().all(|&error| error < 1e-12));
    assert_eq!(asked, 2 + 2 * 3 * 3);
}

#[test]
fn each_order_is_taken_backwards_too() {
    // Two heads are worth something only together. One order alone would give it all to the last.
    let Ok(both) = shapley(2, 1, 3, |present| Ok::<_, Infallible>(f64::from(u8::from(present[0] && present[1]))));
    assert_eq!(both.values, [0.5, 0.5]);
}

#[test]
fn shapley_values_of_few_heads_and_of_failures() {
    let Ok(none) = shapley(0, 2, 1, |_| Ok::<_, Infallible>(0.5));
    assert_eq!((none.values.len(), none.whole, none.empty), (0, 0.5, 0.5));
    let Ok(one) = shapley(1, 1, 1, |present| Ok::<_, Infallible>(f64::from(u8::from(present[0]))));
    assert_eq!((one.values, one.errors), (vec![1.0], vec![f64::INFINITY]));
    assert_eq!(shapley(3, 2, 1, |_| Err("no")), Err("no"));
}

#[test]
fn the_least_useful_head_goes_first() {
    // Heads 0 and 1 do the same; 2 does harm.
    let value = |present: &[bool]| {
        let shared = f64::from(u8::from(present[0] || present[1]));
        Ok::<_, Infallible>(shared - 0.1 * f64::from(u8::from(present[2])))
    };
    let Ok(order) = greedy_removal(3, 3, value);
    let expected = [(2, 1.0), (0, 1.0), (1, 0.0)].map(|(head, value)| Removal { head, value });
    assert_eq!(order, expected);
    let Ok(short) = greedy_removal(3, 1, value);
    assert_eq!(short, expected[..1]);
    let Ok(none) = greedy_removal(0, 3, value);
    assert_eq!(none, []);
    assert_eq!(greedy_removal(3, 1, |_| Err("no")), Err("no"));
    let Ok(unknown) = greedy_removal(2, 1, |p| Ok::<_, Infallible>(if p[0] { 0.5 } else { f64::NAN }));
    assert_eq!(unknown[0].head, 1);
}
