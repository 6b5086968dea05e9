//! The keys of the `[input]` table, and which kind of input has which.

use super::config::{Audio, Between, FrontEnd, Image, InputConfig, Series, TimeUnit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A kind of input.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Audio,
    Series,
    Image,
}

/// All keys there are: one flat table, so that an unknown key is answered with its line.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    kind: Kind,
    rate: Option<f64>,
    seconds: Option<f64>,
    stride: Option<f64>,
    window: Option<u32>,
    hop: Option<u32>,
    bands: Option<u32>,
    low: Option<u32>,
    high: Option<u32>,
    floor: Option<i32>,
    remove_dc: Option<bool>,
    running: Option<u32>,
    columns: Option<Vec<String>>,
    time: Option<String>,
    time_unit: Option<TimeUnit>,
    label: Option<String>,
    take: Option<OneOrMany>,
    marks: Option<String>,
    between: Option<String>,
    clear: Option<f64>,
    resolution: Option<f64>,
    factors: Option<BTreeMap<String, f64>>,
    steps: Option<usize>,
    height: Option<usize>,
    width: Option<usize>,
    channels: Option<usize>,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged, expecting = "a column or a list of columns")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

const AUDIO: &[&str] =
    &["rate", "seconds", "stride", "window", "hop", "bands", "low", "high", "floor", "remove_dc", "running"];
const SERIES: &[&str] = &[
    "columns",
    "rate",
    "time",
    "time_unit",
    "label",
    "take",
    "marks",
    "between",
    "clear",
    "resolution",
    "factors",
    "steps",
    "stride",
];
const IMAGE: &[&str] = &["height", "width", "channels"];

impl TryFrom<Keys> for InputConfig {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        let (name, known) = match keys.kind {
            Kind::Audio => ("audio", AUDIO),
            Kind::Series => ("series", SERIES),
            Kind::Image => ("image", IMAGE),
        };
        let given = toml::Table::try_from(&keys).map_err(|error| error.to_string())?;
        if let Some(other) = given.keys().find(|key| *key != "kind" && !known.contains(&key.as_str())) {
            return Err(format!("`{other}` is no key of `kind = \"{name}\"`, which has: {}", known.join(", ")));
        }
        match keys.kind {
            Kind::Audio => audio(keys).map(Self::Audio),
            Kind::Series => series(keys).map(Self::Series),
            Kind::Image => image(&keys).map(Self::Image),
        }
    }
}

fn required<T>(key: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("`{key}` is missing"))
}

/// A whole number in a range.
fn whole(key: &str, value: f64, least: f64, most: f64) -> Result<f64, String> {
    match value.fract() == 0.0 && value >= least && value <= most {
        true => Ok(value),
        false => Err(format!("`{key}` is {value}, expected a whole number from {least} to {most}")),
    }
}

/// A number above 0.
fn positive(key: &str, value: f64, most: f64) -> Result<f64, String> {
    match value > 0.0 && value <= most {
        true => Ok(value),
        false => Err(format!("`{key}` is {value}, expected more than 0, {most} at most")),
    }
}

fn audio(keys: Keys) -> Result<Audio, String> {
    let rate = whole("rate", required("rate", keys.rate)?, 1000.0, 192_000.0)? as u32;
    let seconds = positive("seconds", required("seconds", keys.seconds)?, 3600.0)?;
    let stride = keys.stride.map(|stride| positive("stride", stride, 3600.0)).transpose()?;
    let Keys { window, hop, bands, low, high, floor, remove_dc, running, .. } = keys;
    let front_end = FrontEnd { window, hop, bands, low, high, floor, remove_dc, running };
    Ok(Audio { rate, seconds, stride, front_end })
}

fn series(keys: Keys) -> Result<Series, String> {
    const MOST: f64 = 1e9;
    let steps = whole("steps", required("steps", keys.steps)? as f64, 1.0, MOST)? as usize;
    let stride = keys.stride.map(|stride| whole("stride", stride, 1.0, MOST)).transpose()?.map(|s| s as usize);
    let rate = keys.rate.map(|rate| positive("rate", rate, 1e7)).transpose()?;
    let resolution = keys.resolution.map(|x| positive("resolution", x, MOST)).transpose()?;
    let take = match keys.take {
        None => vec![],
        Some(OneOrMany::One(column)) => vec![column],
        Some(OneOrMany::Many(columns)) => columns,
    };
    if keys.time_unit.is_some() && keys.time.is_none() {
        return Err("`time_unit` is there without `time`, the column it is of".into());
    }
    if keys.marks.is_some() && stride.is_some() && keys.between.is_none() {
        return Err("`stride` is there beside `marks` without `between`: a window lies around each mark".into());
    }
    let clear = keys.clear.map(|rows| whole("clear", rows, 1.0, MOST)).transpose()?;
    let between = match (keys.between, clear, &keys.marks) {
        (None, None, _) => None,
        (None, Some(_), _) => {
            return Err("`clear` is there without `between`, the label of what is between marks".into());
        }
        (Some(_), _, None) => return Err("`between` is there without `marks`, the file of marks of a recording".into()),
        (Some(_), None, _) => return Err("`clear` is missing, how many rows `between` is away from marks".into()),
        (Some(label), Some(clear), Some(_)) => Some(Between { label, clear: clear as usize }),
    };
    let columns = keys.columns.unwrap_or_default();
    if let Some(twice) = columns.iter().enumerate().find(|(n, column)| columns[..*n].contains(column)) {
        return Err(format!("`columns` has `{}` twice", twice.1));
    }
    let Keys { time, label, marks, time_unit, .. } = keys;
    let factors = keys.factors.unwrap_or_default();
    let wrong = |factor: &f64| *factor == 0.0 || !factor.is_finite();
    if let Some((label, factor)) = factors.iter().find(|(_, factor)| wrong(factor)) {
        return Err(format!("`factors` of {label} is {factor}, expected a number that is not 0"));
    }
    let time_unit = time_unit.unwrap_or_default();
    Ok(Series { columns, rate, time, time_unit, label, take, marks, between, resolution, factors, steps, stride })
}

fn image(keys: &Keys) -> Result<Image, String> {
    const MOST: f64 = 4096.0;
    let size = |key, value: Option<usize>| whole(key, required(key, value)? as f64, 1.0, MOST).map(|x| x as usize);
    let channels = keys.channels.unwrap_or(1);
    if channels != 1 && channels != 3 {
        return Err(format!("`channels` is {channels}, expected 1 (brightness) or 3 (colours)"));
    }
    Ok(Image { height: size("height", keys.height)?, width: size("width", keys.width)?, channels })
}
