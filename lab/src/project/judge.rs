//! A model judged on examples.

use crate::evaluate::Confusion;
use crate::training::largest;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// How a model did.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// What was said and what was recognised.
    pub confusion: Confusion,
    /// The same of each group, by its index.
    pub groups: BTreeMap<usize, Confusion>,
}

/// An example and what a model makes of it.
pub struct Answer {
    /// Index of the right class.
    pub class: usize,
    /// Index of its group.
    pub group: usize,
    /// A value for each class, the largest for the one that is recognised.
    pub outputs: Vec<f32>,
}

/// Judges the answers to so many examples.
///
/// # Errors
/// The first error of the examples.
pub fn judge<E: Send>(
    labels: &[String],
    count: usize,
    of: impl Fn(usize) -> Result<Answer, E> + Sync,
) -> Result<Judged, E> {
    let one = |index| of(index).map(|Answer { class, group, outputs }| (group, (class, largest(&outputs))));
    let answers = (0..count).into_par_iter().map(one).collect::<Result<Vec<_>, E>>()?;
    let mut groups = BTreeMap::<usize, Vec<_>>::new();
    answers.iter().for_each(|&(group, pair)| groups.entry(group).or_default().push(pair));
    Ok(Judged {
        confusion: Confusion::new(labels, answers.into_iter().map(|(_, pair)| pair)),
        groups: groups.into_iter().map(|(group, pairs)| (group, Confusion::new(labels, pairs))).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_groups_too() {
        let labels = ["a".to_owned(), "b".to_owned()];
        let said = [([1.0, 0.0], 0, 4), ([0.0, 1.0], 0, 9), ([0.0, 1.0], 1, 4)];
        let of = |index: usize| {
            let (outputs, class, group) = said[index];
            Ok::<_, ()>(Answer { class, group, outputs: outputs.to_vec() })
        };
        let judged = judge(&labels, 3, of).unwrap();
        assert_eq!((judged.confusion.right(), judged.confusion.total()), (2, 3));
        let groups: Vec<_> = judged.groups.iter().map(|(&group, c)| (group, c.right(), c.total())).collect();
        assert_eq!(groups, [(4, 2, 2), (9, 0, 1)]);
    }
}
