//! Recordings and their fields: what is left out, and which side each stands on.

use super::config::Part;
use super::notice::Notice;
use super::split::{Counts, End, choose};
use super::{DataError, LABEL};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// A file or a recording, as far as the split needs to know it.
#[derive(Clone, Debug)]
pub(super) struct Member<'a> {
    pub path: &'a Path,
    /// Values of the fields; none of "nothing".
    pub values: Vec<&'a str>,
    /// Index of its group.
    pub group: usize,
    pub nothing: bool,
    /// Its examples by class.
    pub counts: Counts,
}

/// Names of groups and their indices.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub names: Vec<String>,
    known: HashMap<(bool, String), usize>,
}

impl Groups {
    /// The group of what has these fields; of "nothing", or if no fields make groups, that of its file.
    pub fn of(&mut self, group: &[String], fields: &[String], values: &[&str], path: &Path, nothing: bool) -> usize {
        let own = nothing || group.is_empty();
        let value =
            |name: &String| fields.iter().position(|field| field == name).and_then(|at| values.get(at).copied());
        let name = match own {
            true => path.to_string_lossy().into_owned(),
            false => group.iter().filter_map(value).collect::<Vec<_>>().join(", "),
        };
        *self.known.entry((own, name)).or_insert_with_key(|(_, name)| {
            self.names.push(name.clone());
            self.names.len() - 1
        })
    }
}

/// Whether all fields have one of their values.
fn has(part: &BTreeMap<String, Vec<String>>, fields: &[String], values: &[&str]) -> bool {
    part.iter().all(|(name, allowed)| {
        let value = fields.iter().position(|field| field == name).and_then(|at| values.get(at));
        value.is_some_and(|value| allowed.iter().any(|allowed| allowed == value))
    })
}

/// A notice of values that nothing has: they may be typing errors.
pub(super) fn unused(key: &str, part: &Part, fields: &[String], members: &[Member]) -> Vec<Notice> {
    let Part::Fields(part) = part else { return vec![] };
    let lacking = part.iter().filter_map(|(name, allowed)| {
        let at = fields.iter().position(|field| field == name)?;
        let found = |value: &&String| members.iter().any(|member| member.values.get(at) == Some(&value.as_str()));
        let values: Vec<String> = allowed.iter().filter(|value| !found(value)).cloned().collect();
        (!values.is_empty()).then(|| Notice::NoSuchValue { key: format!("{key}.{name}"), values })
    });
    lacking.collect()
}

fn by_group(members: &[Member], groups: usize, wanted: impl Fn(&Member) -> bool) -> Vec<Counts> {
    let mut counts: Vec<BTreeMap<usize, usize>> = vec![BTreeMap::new(); groups];
    for member in members.iter().filter(|member| wanted(member)) {
        member.counts.iter().for_each(|&(class, count)| *counts[member.group].entry(class).or_default() += count);
    }
    counts.into_iter().map(|counts| counts.into_iter().filter(|(_, count)| *count > 0).collect()).collect()
}

/// Which members are never read.
pub(super) fn left_out(part: &Part, fields: &[String], members: &[Member], groups: usize, seed: u64) -> Vec<bool> {
    match part {
        Part::Share(share) => {
            let chosen = choose(&by_group(members, groups, |_| true), *share, false, seed, End::LeaveOut);
            members.iter().map(|member| chosen[member.group]).collect()
        }
        Part::Fields(part) => {
            members.iter().map(|member| !member.nothing && has(part, fields, &member.values)).collect()
        }
    }
}

/// Which members validate. "Nothing" is split by the share that the others have.
pub(super) fn validating(
    part: &Part,
    group: &[String],
    fields: &[String],
    members: &[Member],
    groups: &Groups,
    seed: u64,
) -> Result<Vec<bool>, DataError> {
    let names = &groups.names;
    let part = match part {
        Part::Share(share) => {
            let chosen = choose(&by_group(members, names.len(), |_| true), *share, true, seed, End::Validate);
            return Ok(members.iter().map(|member| chosen[member.group]).collect());
        }
        Part::Fields(part) => part,
    };
    let mut sides: Vec<bool> =
        members.iter().map(|member| !member.nothing && has(part, fields, &member.values)).collect();
    if !group.is_empty() {
        let mut first: HashMap<usize, (bool, &Path)> = HashMap::new();
        for (member, &side) in members.iter().zip(&sides).filter(|(member, _)| !member.nothing) {
            let &mut (other, path) = first.entry(member.group).or_insert((side, member.path));
            if other != side {
                let (train, validation) = if side { (path, member.path) } else { (member.path, path) };
                return Err(DataError::BothSides {
                    group: group.join(", "),
                    value: names[member.group].clone(),
                    train: train.to_owned(),
                    validation: validation.to_owned(),
                });
            }
        }
    }
    let count = |wanted: &dyn Fn(bool) -> bool| -> usize {
        let of = members.iter().zip(&sides).filter(|(member, side)| !member.nothing && wanted(**side));
        of.flat_map(|(member, _)| &member.counts).map(|(_, count)| count).sum()
    };
    let share = count(&|side| side) as f64 / count(&|_| true).max(1) as f64;
    if share > 0.0 {
        let nothing = by_group(members, names.len(), |member| member.nothing);
        let chosen = choose(&nothing, share, true, seed, End::ValidateNothing);
        for (side, member) in sides.iter_mut().zip(members).filter(|(_, member)| member.nothing) {
            *side = chosen[member.group];
        }
    }
    Ok(sides)
}

/// Refuses a label that cannot be one of a model.
pub(super) fn check_label(label: &str) -> Result<(), DataError> {
    let found = match label {
        "" => "empty".to_string(),
        _ if label.len() > 255 => format!("{} bytes long", label.len()),
        _ if label.chars().any(char::is_control) => format!("{label:?}"),
        _ => return Ok(()),
    };
    Err(DataError::setting(LABEL, found, "1 to 255 bytes without control characters"))
}

#[cfg(test)]
mod tests {
    use super::check_label;

    #[test]
    fn labels() {
        for label in ["a b", "left, right", "日本", &"x".repeat(255)] {
            assert!(check_label(label).is_ok(), "{label}");
        }
        for label in ["", "a\nb", &"x".repeat(256)] {
            assert!(check_label(label).is_err(), "{label}");
        }
    }
}
