//! Narrow softmax weights: taken where they cost nothing on the recordings, and left alone where they do.

mod common;

use common::{random, random_with};
use heedful::format::Softmax;
use heedful_lab::Config;
use heedful_lab::convert::convert;
use heedful_lab::narrow::{Measured, Narrow, TOLERANCE, choose};
use heedful_lab::weights::Weights;

fn chosen(weights: &Weights, features: &[Vec<i8>], narrow: Narrow) -> (Softmax, Option<Measured>) {
    let mut model = convert(weights).unwrap();
    let measured = choose(&mut model, weights, features, narrow).unwrap();
    // Nothing else is changed.
    let softmax = model.config.softmax;
    model.config.softmax = Softmax::Wide;
    assert_eq!(model, convert(weights).unwrap());
    (softmax, measured)
}

/// Heads that look at all positions alike: no weight is rounded.
#[test]
fn taken_where_it_costs_nothing() {
    let (weights, features) = random_with(&common::config(), 1, |weights| {
        for (name, array) in &mut weights.tensors {
            if name.contains("attention.query") {
                array.data.fill(0.0);
            }
        }
        // Biases that are not 0, so that the scale of the queries is not.
        for block in 0..2 {
            let name = format!("blocks.{block}.attention.query.bias");
            weights.tensors.get_mut(&name).unwrap().data.fill(0.05);
        }
    });
    let (softmax, measured) = chosen(&weights, &features, Narrow::Auto);
    let measured = measured.unwrap();
    println!("{measured}");
    assert!(measured.holds() && softmax == Softmax::Narrow, "{measured}");
    assert_eq!(measured.recordings, features.len());
}

/// Rows of 200 positions, of which some stand out.
#[test]
fn left_where_it_costs() {
    let config = Config { tokens: 200, ..common::config() };
    let (weights, features) = random_with(&config, 2, |weights| {
        for (name, array) in &mut weights.tensors {
            if name.contains("attention.query.weight") || name.contains("attention.key.weight") {
                array.data.iter_mut().for_each(|x| *x *= 1.5);
            }
        }
    });
    let features = &features[..20];
    let (softmax, measured) = chosen(&weights, features, Narrow::Auto);
    let measured = measured.unwrap();
    println!("{measured}");
    assert!(measured.narrow.db < measured.wide.db - TOLERANCE && measured.wide.db > 20.0, "{measured}");
    assert!(!measured.holds() && softmax == Softmax::Wide);
    // Asked for, it is made, and what it costs is known.
    assert_eq!(chosen(&weights, features, Narrow::Always), (Softmax::Narrow, Some(measured)));
}

#[test]
fn nothing_is_taken_unmeasured() {
    let config = Config { tokens: 16, ..common::config() };
    let (weights, features) = random(&config, 1);
    assert_eq!(chosen(&weights, &[], Narrow::Auto), (Softmax::Wide, None));
    assert_eq!(chosen(&weights, &features, Narrow::Never), (Softmax::Wide, None));
    assert_eq!(chosen(&weights, &[], Narrow::Always), (Softmax::Narrow, None));
}

#[test]
fn a_class_lost_is_a_cost() {
    let level = |db, agreed| heedful_lab::narrow::Level { db, agreed };
    let holds = |wide, narrow| Measured { wide, narrow, recordings: 100 }.holds();
    assert!(holds(level(30.0, 98), level(29.95, 98)) && holds(level(30.0, 98), level(31.0, 99)));
    assert!(!holds(level(30.0, 98), level(30.0, 97)) && !holds(level(30.0, 98), level(29.85, 98)));
}
