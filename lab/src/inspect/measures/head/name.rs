//! A name that follows from a head's measures.

use super::HeadSummary;
use crate::inspect::measures::Share;
use std::fmt;

/// What a head does, as far as its measures say.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// Where it looks.
    pub looks: Looks,
    /// The class that it answers to, if to one.
    pub class: Option<usize>,
}

/// Where a head looks: the first of these that holds, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Looks {
    /// Nowhere, or it adds hardly anything: at most [`Name::IDLE`] of what a head of its layer adds on average.
    Idle,
    /// At the first position.
    First,
    /// At the query's own position.
    Itself,
    /// So many positions back.
    Back(usize),
    /// So many positions ahead.
    Ahead(usize),
    /// Always at this position, counted from 0.
    Position(usize),
    /// At the positions that a cue marks.
    Cue(String),
    /// At all positions alike: an even row uses all of its keys, this one [`Name::EVEN`] or more of them.
    Everywhere,
    /// At every so many positions.
    Every(usize),
    /// Near the query: at most [`NEAR`](super::NEAR) positions away.
    Near,
    /// At nothing that has a name here.
    Mixed,
}

impl Name {
    /// The output, against the mean of the layer's heads, up to which a head is idle.
    pub const IDLE: f64 = 0.05;
    /// The part of its keys from which a row counts as even.
    pub const EVEN: f64 = 0.95;
    /// The share of variance that lag must explain for a period to name a head.
    pub const PERIODIC: f64 = 0.1;
    /// The least selectivity (d') and share of variance explained by class of a head that answers to one.
    pub const CLASS: (f64, f64) = (1.5, 0.5);

    /// The name of a head with these measures. A share names a head if it [`is_marked`](Share::is_marked).
    #[must_use]
    pub fn of(head: &HeadSummary) -> Self {
        let looks = if head.entropy.count() == 0 || head.output.mean().is_some_and(|output| output <= Self::IDLE) {
            Looks::Idle
        } else {
            Self::looks(head)
        };
        let answers = head.response.filter(|r| r.selectivity >= Self::CLASS.0 && r.explained >= Self::CLASS.1);
        Self { class: answers.filter(|_| looks != Looks::Idle).map(|response| response.class), looks }
    }

    fn looks(head: &HeadSummary) -> Looks {
        let marked = |share: Option<Share>| share.is_some_and(|share| share.is_marked());
        // With few positions, the first is often the previous one: the larger share counts.
        let lag = head.strongest_lag.filter(|(_, share)| share.is_marked());
        if head.first.is_some_and(|first| first.is_marked() && lag.is_none_or(|(_, lag)| first.share > lag.share)) {
            return Looks::First;
        }
        if let Some((lag, _)) = lag {
            let far = lag.unsigned_abs();
            return match lag {
                0 => Looks::Itself,
                1.. => Looks::Back(far),
                _ => Looks::Ahead(far),
            };
        }
        if let Some((key, _)) = head.strongest_key.filter(|(_, share)| share.is_marked()) {
            return Looks::Position(key);
        }
        if let Some((cue, _)) = head.cues.iter().find(|(_, share)| marked(*share)) {
            return Looks::Cue(cue.clone());
        }
        if head.breadth.mean().is_some_and(|breadth| breadth >= Self::EVEN) {
            return Looks::Everywhere;
        }
        match head.period {
            Some(period) if head.shares.diagonal >= Self::PERIODIC => Looks::Every(period.lag),
            _ if marked(head.near) => Looks::Near,
            _ => Looks::Mixed,
        }
    }

    /// The name in words: `unit` is what a position is, such as "frame" or "token"; `classes` are the labels.
    #[must_use]
    pub fn text(&self, unit: &str, classes: &[String]) -> String {
        let looks = self.looks.text(unit);
        let label = |class: usize| classes.get(class).cloned().unwrap_or_else(|| format!("class {class}"));
        match self.class {
            Some(class) => format!("{looks}, answers to {}", label(class)),
            None => looks,
        }
    }
}

impl Looks {
    /// In words: `unit` is what a position is, such as "frame" or "token".
    #[must_use]
    pub fn text(&self, unit: &str) -> String {
        match self {
            Self::Idle => "idle".to_owned(),
            Self::First => format!("first {unit}"),
            Self::Itself => format!("same {unit}"),
            Self::Back(1) => format!("previous {unit}"),
            Self::Back(far) => format!("looks {far} {unit}s back"),
            Self::Ahead(1) => format!("next {unit}"),
            Self::Ahead(far) => format!("looks {far} {unit}s ahead"),
            Self::Position(position) => format!("always {unit} {position}"),
            Self::Cue(cue) => cue.clone(),
            Self::Everywhere => "global average".to_owned(),
            Self::Every(period) => format!("every {period} {unit}s"),
            Self::Near => format!("nearby {unit}s"),
            Self::Mixed => "mixed".to_owned(),
        }
    }
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text("position"))
    }
}
