//! The examples of a task: altered ones to train on, plain ones to judge by.

use super::alter::{between, sound};
use super::augment::Augment;
use super::inputs::Inputs;
use super::teacher::Teacher;
use crate::Error;
use crate::augment::{Draw, draw};
use crate::dataset::{Content, Dataset, Item};
use crate::training::{Example, Source, Taught};
use rand::RngExt;
use rand::seq::SliceRandom;

/// How often "nothing" lies behind a label, if it does.
const BACKGROUND: f64 = 0.5;

/// Where an example of an epoch comes from.
#[derive(Clone, Copy)]
enum Slot {
    /// A class, and which of its examples in the epoch.
    Item { class: usize, number: usize },
    /// "Nothing", made up.
    Made,
    /// A sound without a label, for the teacher.
    Unlabelled(usize),
}

/// Examples to train on, altered anew in each epoch.
pub struct Altered<'a> {
    data: &'a Dataset,
    inputs: &'a Inputs,
    augment: &'a Augment,
    /// Items by class, each in an order by chance.
    classes: Vec<Vec<usize>>,
    /// Examples of an epoch.
    slots: Vec<Slot>,
    /// Examples of each class in an epoch.
    counts: Vec<usize>,
    /// Training recordings of "nothing", for backgrounds.
    backgrounds: Vec<Item>,
    teacher: Option<&'a Teacher>,
    margin: usize,
}

impl<'a> Altered<'a> {
    pub fn new(
        data: &'a Dataset,
        inputs: &'a Inputs,
        augment: &'a Augment,
        teacher: Option<&'a Teacher>,
        seed: u64,
    ) -> Result<Self, Error> {
        let mut classes = vec![vec![]; data.labels.len()];
        data.split.train.iter().for_each(|&item| classes[data.items[item].class].push(item));
        if let Some(label) = augment.often.keys().find(|label| !data.labels.contains(label)) {
            let known = data.labels.join(", ");
            return Err(Error::Training(format!("`augment.often` has {label}, which is no label: there are {known}")));
        }
        let needs = [("background", augment.background.is_some()), ("made_nothing", augment.made_nothing > 0.0)];
        if let Some((key, _)) = needs.into_iter().find(|(_, set)| *set && !data.nothing) {
            return Err(Error::Training(format!("`augment.{key}` needs `data.nothing`, folders of other sounds")));
        }
        let nothing = data.labels.len() - 1;
        let is_sound = matches!(inputs, Inputs::Sound { .. });
        let backgrounds = match data.nothing && is_sound {
            true => classes[nothing].iter().map(|&item| data.items[item]).collect(),
            false => vec![],
        };
        let (mut slots, mut counts) = (vec![], vec![]);
        for (class, items) in classes.iter_mut().enumerate() {
            items.shuffle(&mut draw(seed, u64::MAX, class as u64));
            let often = augment.often.get(&data.labels[class]).copied().unwrap_or(1.0);
            let count = if items.is_empty() { 0 } else { ((items.len() as f64 * often).round() as usize).max(1) };
            slots.extend((0..count).map(|number| Slot::Item { class, number }));
            counts.push(count);
        }
        let made = augment.made_nothing / (1.0 - augment.made_nothing.min(0.9)) * slots.len() as f64;
        slots.extend((0..made.round() as usize).map(|_| Slot::Made));
        slots.extend((0..teacher.map_or(0, |teacher| teacher.unlabelled.len())).map(Slot::Unlabelled));
        let margin = inputs.margin(augment);
        Ok(Self { data, inputs, augment, classes, slots, counts, backgrounds, teacher, margin })
    }

    /// The item of a slot in an epoch: those of a class in turn.
    fn item(&self, epoch: usize, class: usize, number: usize) -> &Item {
        let items = &self.classes[class];
        &self.data.items[items[(epoch * self.counts[class] + number) % items.len()]]
    }

    /// An example of a slot.
    fn one(&self, epoch: usize, slot: usize, draw: &mut Draw) -> Result<Example, Error> {
        let slot = self.slots[slot];
        let samples = self.sound(epoch, slot, draw)?;
        let mut values = match slot {
            _ if matches!(self.inputs, Inputs::Sound { .. }) => self.inputs.features(&samples),
            Slot::Item { class, number } => {
                let content = self.inputs.content(self.data, self.item(epoch, class, number), self.margin)?;
                self.inputs.altered(&content, self.augment, draw)
            }
            _ => vec![],
        };
        let told = self.teacher.map(|teacher| (teacher, teacher.says(&samples, &values)));
        if let Inputs::Sound { tables, .. } = self.inputs {
            sound::mask(&mut values, tables.params.bands as usize, self.augment, draw);
        }
        let outputs = self.data.labels.len();
        let class = if let Slot::Item { class, .. } = slot { class } else { outputs - 1 };
        let mut example = Example::of_class(values, class, outputs);
        if let Some((teacher, says)) = told {
            match slot {
                Slot::Unlabelled(_) => example.target = says.probabilities,
                _ => teacher.correct(&mut example.target, &says.probabilities),
            }
            example.inside = says.inside;
        }
        Ok(example)
    }

    /// The samples of a slot, as a microphone gives them; none of other inputs.
    fn sound(&self, epoch: usize, slot: Slot, draw: &mut Draw) -> Result<Vec<i16>, Error> {
        let Inputs::Sound { tables, samples: length, .. } = self.inputs else { return Ok(vec![]) };
        let rate = tables.params.sample_rate;
        let hop = tables.params.hop as usize;
        let before = (self.augment.before * f64::from(rate)) as usize / hop * hop;
        let mut heard = match slot {
            Slot::Item { class, number } => self.heard(self.item(epoch, class, number), *length, rate, draw)?,
            Slot::Made => sound::nothing(*length, rate, draw),
            Slot::Unlabelled(at) => {
                let window = self.teacher.map_or(&[][..], |teacher| &teacher.unlabelled[at]);
                sound::alter(window, true, *length, rate, self.augment, draw)
            }
        };
        if before > 0 {
            heard.splice(..0, self.before(before, rate, draw)?);
        }
        let is_label =
            matches!(slot, Slot::Item { class, .. } if !self.data.nothing || class + 1 < self.data.labels.len());
        let count = self.backgrounds.len();
        if let Some(range) = self.augment.background.filter(|_| is_label && count > 0)
            && draw.random_bool(BACKGROUND)
        {
            let item = self.backgrounds[draw.random_range(0..count)];
            let behind = self.heard(&item, before + length, rate, draw)?;
            sound::behind(&mut heard, before, &behind, between(draw, range));
        }
        sound::microphone(&mut heard, self.augment, draw);
        Ok(sound::converted(&heard))
    }

    /// What was heard before an example: silence, "nothing", or an example and silence after it.
    fn before(&self, length: usize, rate: u32, draw: &mut Draw) -> Result<Vec<f32>, Error> {
        let mut before: Vec<f32> = (0..length).map(|_| draw.random_range(-1.5..1.5)).collect();
        let items = &self.data.split.train;
        let item = match draw.random_range(0..3) {
            0 => return Ok(before),
            1 if !self.backgrounds.is_empty() => self.backgrounds[draw.random_range(0..self.backgrounds.len())],
            _ => self.data.items[items[draw.random_range(0..items.len())]],
        };
        let is_background = self.data.nothing && item.class + 1 == self.data.labels.len();
        let silent = if is_background { 0 } else { draw.random_range(0..=length / 2) };
        let heard = self.heard(&item, length - silent, rate, draw)?;
        before.iter_mut().zip(heard).for_each(|(x, heard)| *x += heard);
        Ok(before)
    }

    fn heard(&self, item: &Item, samples: usize, rate: u32, draw: &mut Draw) -> Result<Vec<f32>, Error> {
        match self.data.content_wider(item, self.margin)? {
            Content::Sound(recording) => {
                Ok(sound::alter(&recording, item.span.is_some(), samples, rate, self.augment, draw))
            }
            _ => Ok(vec![]),
        }
    }
}

impl Source for Altered<'_> {
    fn len(&self) -> usize {
        self.slots.len()
    }

    fn example(&self, epoch: usize, index: usize, seed: u64) -> Result<Example, Error> {
        let draw = &mut draw(seed, epoch as u64, index as u64);
        let mut example = self.one(epoch, index, draw)?;
        if self.augment.mix_up > 0.0 && draw.random_bool(self.augment.mix_up) {
            let other = draw.random_range(0..self.slots.len());
            let other = self.one(epoch, other, draw)?;
            let share = draw.random_range(0.0..0.5f32);
            mix(&mut example.values, &other.values, share);
            mix(&mut example.target, &other.target, share);
            mix(&mut example.inside, &other.inside, share);
        }
        Ok(example)
    }

    fn taught(&self) -> Taught {
        self.teacher.map_or(Taught::default(), Teacher::taught)
    }
}

/// A mixture of two, `share` of the second (Zhang et al. 2018, "mixup").
fn mix(values: &mut [f32], others: &[f32], share: f32) {
    values.iter_mut().zip(others).for_each(|(x, other)| *x += share * (other - *x));
}

/// Examples as they are.
pub struct Plain<'a> {
    data: &'a Dataset,
    inputs: &'a Inputs,
    items: &'a [usize],
}

impl<'a> Plain<'a> {
    pub fn new(data: &'a Dataset, inputs: &'a Inputs, items: &'a [usize]) -> Self {
        Self { data, inputs, items }
    }

    /// What the data set says of one of them.
    pub fn item(&self, index: usize) -> &'a Item {
        &self.data.items[self.items[index]]
    }
}

impl Source for Plain<'_> {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn example(&self, _: usize, index: usize, _: u64) -> Result<Example, Error> {
        let item = self.item(index);
        let values = self.inputs.plain(&self.inputs.content(self.data, item, 0)?, item.span.is_some());
        Ok(Example::of_class(values, item.class, self.data.labels.len()))
    }
}
