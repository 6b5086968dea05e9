//! Heads of language models.

use super::{FIXTURES, assert_near, assert_share, counts, list, map, numbers, pointed_map};
use heedful_lab::inspect::measures::Map;
use heedful_lab::inspect::measures::language::{
    LogitError, PairScore, PairSum, TokenSums, attribution, logit_direction,
};

#[test]
fn token_scores_are_those_of_numpy() {
    let fixture = &FIXTURES["language"];
    let mut sums = TokenSums::default();
    sums.add(&map(&fixture["map"]), &counts(&fixture["tokens"]));
    let scores = sums.scores();
    assert_share(scores.previous, &fixture["previous"], "previous");
    assert_share(scores.duplicate, &fixture["duplicate"], "duplicate");
    assert_share(scores.induction, &fixture["induction"], "induction");
}

#[test]
fn planted_heads_score_one_on_repeated_tokens() {
    // Ten different tokens, twice.
    let tokens: Vec<usize> = (0..20).map(|position| position % 10).collect();
    let scores = |key: fn(usize) -> usize| {
        let mut sums = TokenSums::default();
        sums.add(&pointed_map(20, 1.0, key), &tokens);
        sums.scores()
    };
    let share = |score: Option<heedful_lab::inspect::measures::Share>| score.unwrap().share;
    let induction = scores(|query| if query >= 10 { query - 9 } else { 0 });
    assert_eq!((share(induction.induction), share(induction.duplicate)), (1.0, 0.0));
    assert!(induction.induction.unwrap().is_marked() == (induction.induction.unwrap().rows >= 20));
    let duplicate = scores(|query| query.saturating_sub(if query >= 10 { 10 } else { 0 }));
    assert_eq!((share(duplicate.induction), share(duplicate.duplicate)), (0.0, 1.0));
    assert_near(share(scores(|query| query.saturating_sub(1)).previous), 1.0, "previous");
}

#[test]
fn texts_without_repeats_have_no_score() {
    let mut sums = TokenSums::default();
    sums.add(&pointed_map(3, 1.0, |_| 0), &[1, 2, 3]);
    assert_eq!((sums.scores().duplicate, sums.scores().induction), (None, None));
    // A token that is doubled does not expect itself from its own place.
    let mut doubled = TokenSums::default();
    doubled.add(&pointed_map(2, 1.0, |_| 1), &[5, 5]);
    assert_eq!(doubled.scores().induction, None);
    let mut none = TokenSums::default();
    none.add(&Map::hidden(0, 0), &[]);
    none.add(&pointed_map(3, 1.0, |_| 0), &[]);
    assert_eq!(none.scores().previous, None);
}

#[test]
fn pairs_are_hit_or_missed() {
    let mut sums = PairSum::default();
    assert_eq!(sums.score(), None);
    let map = Map::causal(3, 3, &[1.0, 0.0, 0.0, 1.0, 3.0, 0.0, 0.5, 0.25, 0.25]).unwrap();
    // Of the last, the mask hides the key; another is outside.
    sums.add(&map, &[(1, 1), (2, 1), (0, 2), (3, 0)]);
    let expected = PairScore { share: 0.5, accuracy: 0.5, chance: (0.5 + 1.0 / 3.0) / 2.0, pairs: 2 };
    assert_eq!(sums.score(), Some(expected));
    // A row that sees nothing hits nothing.
    let mut masked = PairSum::default();
    masked.add(&Map::new(1, 2, &[0.0, 0.0]).unwrap(), &[(0, 0)]);
    assert_eq!(masked.score().unwrap().accuracy, 0.0);
}

#[test]
fn what_parts_add_is_the_logit() {
    let fixture = &FIXTURES["language"];
    let parts: Vec<Vec<f64>> = list(&fixture["parts"]).iter().map(numbers).collect();
    let parts: Vec<&[f64]> = parts.iter().map(Vec::as_slice).collect();
    let (row, gain) = (numbers(&fixture["row"]), numbers(&fixture["gain"]));
    for (norm, centred) in [("rms", false), ("layer", true)] {
        let expected = &fixture[norm];
        let direction = logit_direction(&row, &gain, numbers(&expected["inverse"])[0], centred).unwrap();
        let found = attribution(&parts, &direction).unwrap();
        assert_eq!(found.len(), 4);
        assert_near(found.iter().sum(), numbers(&expected["logit"])[0], norm);
    }
    assert_eq!(logit_direction(&row, &gain[1..], 1.0, false), Err(LogitError { width: 6, found: 5 }));
    assert_eq!(attribution(&[&[1.0]], &row), Err(LogitError { width: 6, found: 1 }));
    assert_eq!(attribution(&[&[2.0, 1.0], &[0.0, 0.0]], &[3.0, -1.0]).unwrap(), [5.0, 0.0]);
}
