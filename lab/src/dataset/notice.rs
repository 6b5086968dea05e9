//! What is noticeable in a data set, though it can be used.

use heedful_recordings::Warning;
use std::fmt::{Display, Formatter, Result};
use std::mem::discriminant;
use std::path::PathBuf;

/// Something to know before training.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// Files whose names are not as the pattern says; they are not read.
    OtherNames {
        /// The pattern.
        pattern: String,
        /// How many.
        count: usize,
        /// The first.
        example: PathBuf,
    },
    /// Files of a kind that is not read.
    OtherFiles {
        /// How many.
        count: usize,
        /// The first.
        example: PathBuf,
    },
    /// A folder without a file to read.
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// Values that `validate` or `leave_out` names and that no file has.
    NoSuchValue {
        /// The key and the field.
        key: String,
        /// The values.
        values: Vec<String>,
    },
    /// A label that has one group only, or one file: it cannot be on both sides.
    OneSide {
        /// The label.
        label: String,
        /// What it has one of.
        one: &'static str,
        /// The side that it is on.
        side: &'static str,
    },
    /// A label that one side lacks though it has several groups.
    NotOn {
        /// The label.
        label: String,
        /// The side.
        side: &'static str,
    },
    /// A label with few examples beside another.
    Few {
        /// The label.
        label: String,
        /// Its examples.
        count: usize,
        /// The label that has most.
        most: String,
        /// Its examples.
        of: usize,
    },
    /// Recordings shorter than an input, which are filled up.
    Short {
        /// How many.
        count: usize,
        /// The shortest.
        path: PathBuf,
        /// Its length over that of an input.
        share: f64,
    },
    /// Recordings of labels longer than an input, of which one input is made.
    Long {
        /// How many.
        count: usize,
        /// The longest.
        path: PathBuf,
        /// Its length over that of an input.
        share: f64,
    },
    /// Files with the same contents.
    Same {
        /// How many are like one before.
        count: usize,
        /// One.
        first: PathBuf,
        /// A later one.
        second: PathBuf,
        /// Whether they have other labels or are on both sides.
        matters: Option<&'static str>,
    },
    /// Values of one class are of another size than those of others.
    Units {
        /// The class.
        label: String,
        /// How many times larger, or smaller if below 1.
        times: f64,
    },
    /// Windows that no row with a label is in; they are left out.
    Unlabelled {
        /// How many.
        count: usize,
    },
    /// Something about files.
    Files {
        /// What.
        remark: Remark,
        /// How many files.
        count: usize,
        /// The first.
        example: PathBuf,
    },
}

/// Something about a file.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Remark {
    /// Its samples or rows were brought to another rate.
    Resampled {
        /// How many a second are in the file.
        found: f64,
        /// And now.
        rate: f64,
    },
    /// Time stamps leave a gap, which ends a recording.
    Gap {
        /// Its line.
        line: u64,
        /// How long.
        seconds: f64,
    },
    /// A picture of another size was scaled.
    Scaled {
        /// Its columns.
        width: u32,
        /// Its rows.
        height: u32,
    },
    /// Transparency of a picture was dropped.
    Transparent,
    /// Colours of a picture were made grey.
    Grey,
    /// Channels of a sound were mixed.
    Mixed {
        /// How many.
        channels: usize,
    },
    /// What the reader of sounds says.
    Sound(Warning),
    /// There was no room to keep what was read, which makes training slower.
    NotKept(String),
}

impl Remark {
    /// Whether both say the same, but for numbers.
    pub(super) fn like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sound(a), Self::Sound(b)) => discriminant(a) == discriminant(b),
            _ => discriminant(self) == discriminant(other),
        }
    }
}

impl Display for Remark {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Resampled { found, rate } => {
                write!(f, "{} a second brought to {rate}", (found * 100.0).round() / 100.0)
            }
            Self::Gap { line, seconds } => {
                write!(f, "a gap of {seconds:.2} s before line {line}, where a new recording begins")
            }
            Self::Scaled { width, height } => write!(f, "scaled from {width} columns, {height} rows"),
            Self::Transparent => write!(f, "transparency dropped"),
            Self::Grey => write!(f, "colours made grey"),
            Self::Mixed { channels } => write!(f, "{channels} channels mixed"),
            Self::Sound(warning) => warning.fmt(f),
            Self::NotKept(reason) => write!(f, "read anew for each window, which is slow: {reason}"),
        }
    }
}

impl Display for Notice {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::OtherNames { pattern, count, example } => {
                write!(
                    f,
                    "{count} files are not named as `{pattern}` says and are not read, such as {}",
                    example.display()
                )
            }
            Self::OtherFiles { count, example } => {
                write!(f, "{count} files of other kinds are not read, such as {}", example.display())
            }
            Self::EmptyFolder { path } => write!(f, "{}: no file to read", path.display()),
            Self::NoSuchValue { key, values } => write!(f, "`{key}`: nothing has {}", values.join(", ")),
            Self::OneSide { label, one, side } => {
                write!(f, "{label}: one {one} only, which {side}s; it cannot be on both sides")
            }
            Self::NotOn { label, side } => write!(f, "{label}: none {side}s"),
            Self::Few { label, count, most, of } => write!(f, "{label}: {count} examples, {most} has {of}"),
            Self::Short { count, path, share } => {
                let path = path.display();
                write!(
                    f,
                    "{count} recordings are shorter than an input and filled up; the shortest, {path}, is {share:.2} \
                     of it"
                )
            }
            Self::Long { count, path, share } => {
                let path = path.display();
                write!(
                    f,
                    "{count} recordings are longer than an input, and one is made of each (`stride` cuts windows); \
                     the longest, {path}, is {share:.2} times as long"
                )
            }
            Self::Same { count, first, second, matters } => {
                write!(f, "{count} files hold the same as another: {} and {}", first.display(), second.display())?;
                matters.map_or(Ok(()), |matters| write!(f, ", {matters}"))
            }
            Self::Units { label, times } if *times > 1.0 => {
                write!(
                    f,
                    "{label}: values {times:.0} times as large as those of the others; are units the same? (`factors`)"
                )
            }
            Self::Units { label, times } => {
                write!(
                    f,
                    "{label}: values {:.0} times smaller than those of the others; are units the same? (`factors`)",
                    1.0 / times
                )
            }
            Self::Unlabelled { count } => write!(f, "{count} windows without a label are left out"),
            Self::Files { remark, count: 1, example } => write!(f, "{}: {remark}", example.display()),
            Self::Files { remark, count, example } => {
                write!(f, "{count} files, such as {}: {remark}", example.display())
            }
        }
    }
}
