//! Which groups stand on which side.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

/// Examples of a group by class: each class once.
pub(super) type Counts = Vec<(usize, usize)>;

/// What a choice of groups is for: choices for different ends do not depend on each other.
#[derive(Clone, Copy)]
pub(super) enum End {
    LeaveOut = 1,
    Validate = 2,
    ValidateNothing = 3,
}

/// Chooses whole groups that have about `share` of each class, by chance: equal seeds choose equally. No class loses
/// all of its groups; if `each`, every class that has two or more gives one at least.
pub(super) fn choose(groups: &[Counts], share: f64, each: bool, seed: u64, end: End) -> Vec<bool> {
    let classes = groups.iter().flatten().map(|(class, _)| class + 1).max().unwrap_or(0);
    let mut totals = vec![0; classes];
    groups.iter().flatten().for_each(|&(class, count)| totals[class] += count);

    let mut draw = ChaCha8Rng::seed_from_u64(seed);
    draw.set_stream(end as u64);
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.shuffle(&mut draw);
    // Large groups first: small ones then make up for what they are too much or too little.
    let size = |group: usize| groups[group].iter().map(|(_, count)| count).sum::<usize>();
    order.sort_by_key(|&group| std::cmp::Reverse(size(group)));

    let mut chosen = vec![false; groups.len()];
    let mut taken = vec![0; classes];
    // How much further from the share a group more takes the classes that it has.
    let worse = |group: usize, taken: &[usize]| -> f64 {
        let off = |class: usize, count: usize| (count as f64 / totals[class] as f64 - share).powi(2);
        groups[group].iter().map(|&(class, count)| off(class, taken[class] + count) - off(class, taken[class])).sum()
    };
    let leaves = |group: usize, taken: &[usize]| groups[group].iter().all(|&(c, count)| taken[c] + count < totals[c]);
    for &group in &order {
        if leaves(group, &taken) && worse(group, &taken) < 0.0 {
            chosen[group] = true;
            groups[group].iter().for_each(|&(class, count)| taken[class] += count);
        }
    }
    if each {
        for class in 0..classes {
            if taken[class] > 0 {
                continue;
            }
            let has = |group: &usize| groups[*group].iter().any(|&(c, count)| c == class && count > 0);
            let can = order.iter().copied().filter(|group| has(group) && !chosen[*group] && leaves(*group, &taken));
            if let Some(best) = can.min_by(|a, b| worse(*a, &taken).total_cmp(&worse(*b, &taken))) {
                chosen[best] = true;
                groups[best].iter().for_each(|&(class, count)| taken[class] += count);
            }
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::{Counts, End, choose};

    fn chosen(groups: &[Counts], share: f64, seed: u64) -> Vec<usize> {
        let chosen = choose(groups, share, true, seed, End::Validate);
        chosen.iter().enumerate().filter(|(_, chosen)| **chosen).map(|(group, _)| group).collect()
    }

    #[test]
    fn a_share_of_each_class() {
        // 100 files of a class, 50 of another, 10 of a third: each file its own group.
        let groups: Vec<Counts> =
            [(0, 100), (1, 50), (2, 10)].iter().flat_map(|&(class, count)| vec![vec![(class, 1)]; count]).collect();
        let of = |groups: &[usize], from, to| groups.iter().filter(|group| (from..to).contains(*group)).count();
        let first = chosen(&groups, 0.2, 1);
        for found in [&first, &chosen(&groups, 0.2, 2)] {
            assert_eq!([of(found, 0, 100), of(found, 100, 150), of(found, 150, 160)], [20, 10, 2]);
        }
        assert_eq!(first, chosen(&groups, 0.2, 1));
        assert_ne!(first, chosen(&groups, 0.2, 2));
        let other: Vec<bool> = choose(&groups, 0.2, true, 1, End::LeaveOut);
        assert!(first.iter().any(|&group| !other[group]));
    }

    #[test]
    fn whole_groups() {
        // Six speakers of ten words each: one is a sixth, two would be a third.
        let speakers: Vec<Counts> = vec![(0..10).map(|class| (class, 5)).collect(); 6];
        assert_eq!(chosen(&speakers, 0.2, 7).len(), 1);
        let found: std::collections::BTreeSet<_> = (0..40).flat_map(|seed| chosen(&speakers, 0.2, seed)).collect();
        assert_eq!(found.len(), 6);
        // Large groups are not chosen where small ones will do.
        let mut groups = vec![vec![(0, 1100)], vec![(0, 1100)]];
        groups.extend(vec![vec![(0, 50)]; 10]);
        assert_eq!(chosen(&groups, 0.2, 7), (2..12).collect::<Vec<_>>());
    }

    #[test]
    fn every_class_on_both_sides_if_it_can_be() {
        let two = vec![vec![(0, 1)], vec![(0, 1)], vec![(1, 9)], vec![(1, 1)]];
        for seed in 0..20 {
            let found = chosen(&two, 0.2, seed);
            assert_eq!(found.iter().filter(|group| **group < 2).count(), 1, "{found:?}");
            assert!(found.contains(&3) && !found.contains(&2), "{found:?}");
        }
        // A class of one group trains; so does all that would take it away.
        assert!(chosen(&[vec![(0, 5)], vec![(1, 5)]], 0.2, 1).is_empty());
        let mixed = [vec![(0, 5), (1, 1)], vec![(0, 5)], vec![(0, 5)]];
        for seed in 0..20 {
            assert!(!chosen(&mixed, 0.3, seed).contains(&0));
        }
        assert_eq!(choose(&two[..2], 0.2, false, 1, End::LeaveOut), [false, false]);
    }
}
