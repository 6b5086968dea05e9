//! Misjudged recordings, and the heads that behaved in them unlike in rightly judged ones of the same class.

use super::look::Look;
use super::measures::head::{Average, confidence, distance, relative_entropy};
use super::source::Recording;
use super::states::States;

/// Misjudged recordings that are kept, at most.
const KEPT: usize = 200;
/// Rightly judged recordings of a class below which nothing is usual.
const USUAL: usize = 5;
/// Standard deviations from which a head is unlike.
const UNLIKE: f64 = 2.0;
/// Heads that are named for each recording, at most.
const NAMED: usize = 4;

/// What of a head is held against what is usual.
pub const TRAITS: [&str; 4] = ["entropy", "confidence", "offset", "output"];

/// What was misjudged.
#[derive(Clone, Debug)]
pub struct Errors {
    /// `[class][head][trait]`, of rightly judged recordings.
    usual: Vec<Vec<[Average; 4]>>,
    wrong: Vec<Wrong>,
    /// Misjudged recordings, those that are not kept among them.
    pub count: usize,
    /// What heads did where it errs.
    pub states: States,
}

#[derive(Clone, Debug)]
struct Wrong {
    name: String,
    class: usize,
    said: usize,
    probability: f32,
    traits: Vec<[Option<f64>; 4]>,
}

/// A misjudged recording.
#[derive(Clone, PartialEq, Debug)]
pub struct Misjudged {
    /// What it is called.
    pub name: String,
    /// Its class.
    pub class: usize,
    /// What the model says.
    pub said: usize,
    /// How probable that is to it.
    pub probability: f32,
    /// Heads that behaved unlike, most unlike first: which, which trait, by how many standard deviations.
    pub unlike: Vec<(usize, &'static str, f64)>,
}

impl Errors {
    /// None yet.
    #[must_use]
    pub fn new(heads: usize, classes: usize) -> Self {
        Self {
            usual: vec![vec![[Average::default(); 4]; heads]; classes],
            wrong: vec![],
            count: 0,
            states: States::default(),
        }
    }

    /// Takes a recording; true if it was misjudged.
    pub fn add(&mut self, recording: &Recording, look: &Look) -> bool {
        let Some(class) = recording.class.filter(|&class| class < self.usual.len()) else { return false };
        let traits: Vec<[Option<f64>; 4]> = look
            .maps
            .iter()
            .zip(&look.added)
            .map(|(map, &added)| [relative_entropy(map), confidence(map), distance(map).map(|d| d.offset), Some(added)])
            .collect();
        self.states.add(&traits, look.said.best != class);
        if look.said.best == class {
            for (sums, traits) in self.usual[class].iter_mut().zip(&traits) {
                sums.iter_mut().zip(traits).for_each(|(sum, &value)| sum.add(value));
            }
            return false;
        }
        self.count += 1;
        if self.wrong.len() < KEPT {
            let (name, said, probability) = (recording.name.clone(), look.said.best, look.said.probability);
            self.wrong.push(Wrong { name, class, said, probability, traits });
        }
        true
    }

    /// The misjudged recordings, in their order.
    #[must_use]
    pub fn misjudged(&self) -> Vec<Misjudged> {
        self.wrong.iter().map(|wrong| self.misjudged_as(wrong)).collect()
    }

    fn misjudged_as(&self, wrong: &Wrong) -> Misjudged {
        let mut unlike = vec![];
        for (head, (usual, traits)) in self.usual[wrong.class].iter().zip(&wrong.traits).enumerate() {
            let far = usual.iter().zip(traits).zip(TRAITS).filter_map(|((usual, value), name)| {
                let (mean, spread) = (usual.mean()?, usual.spread()?);
                let far = ((*value)? - mean) / spread;
                (usual.count() >= USUAL && far.is_finite() && far.abs() >= UNLIKE).then_some((head, name, far))
            });
            unlike.extend(far.max_by(|a, b| a.2.abs().total_cmp(&b.2.abs())));
        }
        unlike.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()));
        unlike.truncate(NAMED);
        let Wrong { name, class, said, probability, .. } = wrong;
        Misjudged { name: name.clone(), class: *class, said: *said, probability: *probability, unlike }
    }
}
