//! Where recordings come from, and what of them a model is given: read one at a time, so that memory does not grow with
//! their number.

use crate::data::{self, parse_name};
use crate::dataset::config::{Audio, FrontEnd};
use crate::dataset::pattern::Pattern;
use crate::dataset::{Content, Data, Dataset, InputConfig, LeftOut, Options};
use crate::project::{Project, Task};
use crate::{Error, file};
use heedful::audio::excerpt;
use heedful::dynamic::{Decoder, Heard, Model};
use heedful::format::InputKind;
use heedful_import::samples::channels_last;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// A recording as a model takes it.
#[derive(Clone, Debug)]
pub struct Recording {
    /// What it is called: its file, and where in it.
    pub name: String,
    /// Its class; none where that is not known.
    pub class: Option<usize>,
    /// What the model takes.
    pub heard: Heard,
    /// The samples under the model's frames; empty where the model does not hear.
    pub wave: Vec<i16>,
    /// What its name says, column by column of [`Source::columns`]; empty where it says nothing.
    pub columns: Vec<String>,
    /// Whom or what it is of, such as the speaker, if that is known: what is split must not part them.
    pub group: Option<String>,
}

/// Recordings, by number.
pub struct Source {
    kind: Kind,
    rate: u32,
    /// Samples under the model's frames.
    samples: usize,
    /// Where names begin, and what they say.
    pattern: Option<(PathBuf, Pattern)>,
    /// What names say of recordings besides the label.
    pub columns: Vec<String>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

enum Kind {
    /// Files of sound, each with its class if that is known.
    Files(Vec<(PathBuf, Option<usize>)>),
    /// Sounds of a data set.
    Sounds(Box<Dataset>),
    /// Examples of a project: which of its items.
    Project(Box<Task>, Vec<usize>),
    /// These.
    Given(Vec<Recording>),
}

/// Which recordings are meant.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The folder.
    pub data: Option<PathBuf>,
    /// What folders and names in it say.
    pub name: Option<Pattern>,
    /// A training's TOML, which says how examples are read.
    pub project: Option<PathBuf>,
    /// Of files named {digit}_{speaker}_{index}, which.
    pub indices: Option<RangeInclusive<u32>>,
    /// These files alone; with nothing else, whatever their names.
    pub clips: Vec<PathBuf>,
}

impl Source {
    /// Finds the recordings. `progress` is told how many files are read, of how many.
    ///
    /// # Errors
    /// If there is none that the model can take.
    pub fn open(
        model: &Model,
        wanted: &Wanted,
        progress: Option<&(dyn Fn(usize, usize) + Sync)>,
    ) -> Result<Self, Error> {
        let (mut rate, mut samples) = (0, 0);
        if let Some(frontend) = model.frontend() {
            (rate, samples) = (frontend.params.sample_rate, frontend.params.samples(model.shape().input.steps));
        }
        let mut notes = vec![];
        let kind = match (&wanted.project, &wanted.data) {
            (Some(project), _) => of_project(model, project, wanted.data.as_deref(), &mut notes, progress)?,
            (None, _) if rate == 0 => return Err(no_reader(model)),
            (None, Some(folder)) if wanted.name.is_some() || has_folders(folder) => {
                of_folders(model, folder, wanted, &mut notes, progress)?
            }
            (None, Some(folder)) => of_files(model, folder, wanted, &mut notes)?,
            (None, None) => {
                let labelled = |path: &PathBuf| (path.clone(), said(model, path).map(|(class, _)| class));
                Kind::Files(wanted.clips.iter().map(labelled).collect())
            }
        };
        let pattern = names(&kind, wanted);
        let mut columns: Vec<String> = pattern.iter().flat_map(|(_, pattern)| pattern.fields().to_vec()).collect();
        columns.retain(|name| name != LABEL);
        if pattern.is_none() && matches!(&kind, Kind::Files(files) if files.iter().any(|(_, class)| class.is_some())) {
            columns = vec![SPEAKER.to_owned()];
        }
        let mut source = Self { kind, rate, samples, pattern, columns, notes };
        if wanted.data.is_some() || wanted.project.is_some() {
            source.narrow(&wanted.clips)?;
        }
        match source.len() {
            0 => Err(Error::Inspect("no recordings".to_owned())),
            _ => Ok(source),
        }
    }

    /// Recordings that a program has.
    #[must_use]
    pub fn given(recordings: Vec<Recording>) -> Self {
        Self { kind: Kind::Given(recordings), rate: 0, samples: 0, pattern: None, columns: vec![], notes: vec![] }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.kind {
            Kind::Files(files) => files.len(),
            Kind::Sounds(data) => data.items.len(),
            Kind::Project(_, items) => items.len(),
            Kind::Given(recordings) => recordings.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads one.
    ///
    /// # Errors
    /// Names the file that cannot be read.
    pub fn read(&self, model: &Model, index: usize) -> Result<Recording, Error> {
        match &self.kind {
            Kind::Given(recordings) => Ok(recordings[index].clone()),
            Kind::Files(files) => {
                let (path, class) = &files[index];
                self.sound(model, path, *class, &data::read(path, self.rate)?)
            }
            Kind::Sounds(data) => {
                let item = &data.items[index];
                let Content::Sound(samples) = data.content(item)? else { return Err(no_reader(model)) };
                self.sound(model, data.path(item.recording), Some(item.class), &samples)
            }
            Kind::Project(task, items) => {
                let item = &task.data.items[items[index]];
                let path = task.data.path(item.recording);
                let (columns, group) = (self.says(path), task.data.groups.get(item.group).cloned());
                let mut name = shown(path);
                if let Some(span) = item.span {
                    name += &format!(" from {}", span.start);
                }
                let content = task.inputs.content(&task.data, item, 0)?;
                let values = task.inputs.plain(&content, item.span.is_some());
                let heard = model.quantised(&channels_last(&task.inputs.graph(), &values));
                let wave = match &content {
                    Content::Sound(all) => excerpt(all, self.samples).collect(),
                    _ => vec![],
                };
                Ok(Recording { name, class: Some(item.class), heard, wave, columns, group })
            }
        }
    }

    fn sound(&self, model: &Model, path: &Path, class: Option<usize>, all: &[i16]) -> Result<Recording, Error> {
        let heard = model.hear(all).ok_or_else(|| no_reader(model))?;
        let columns = self.says(path);
        let speaker = self.columns.iter().zip(&columns).find(|(name, value)| *name == SPEAKER && !value.is_empty());
        let group = speaker.map(|(_, value)| value.clone());
        Ok(Recording { name: shown(path), class, heard, wave: excerpt(all, self.samples).collect(), columns, group })
    }

    /// What a file's name says.
    fn says(&self, path: &Path) -> Vec<String> {
        let Some((folder, pattern)) = &self.pattern else {
            let speaker = parse_name(path).map_or("", |(_, speaker, _)| speaker).to_owned();
            return self.columns.iter().map(|_| speaker.clone()).collect();
        };
        let below = path.strip_prefix(folder).unwrap_or(path).with_extension("");
        let text = below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
        let values = pattern.values(&text).unwrap_or_default();
        let of = |name: &String| {
            let at = pattern.fields().iter().position(|field| field == name);
            at.and_then(|at| values.get(at)).map_or(String::new(), |&value| value.to_owned())
        };
        self.columns.iter().map(of).collect()
    }

    /// Keeps these files alone.
    fn narrow(&mut self, clips: &[PathBuf]) -> Result<(), Error> {
        if clips.is_empty() {
            return Ok(());
        }
        let is = |path: &Path| clips.iter().any(|clip| path == clip || path.ends_with(clip));
        let all: Vec<PathBuf> = match &self.kind {
            Kind::Files(files) => files.iter().map(|(path, _)| path.clone()).collect(),
            Kind::Sounds(data) => data.items.iter().map(|item| data.path(item.recording).to_owned()).collect(),
            Kind::Project(task, items) => {
                items.iter().map(|&item| task.data.path(task.data.items[item].recording).to_owned()).collect()
            }
            Kind::Given(recordings) => recordings.iter().map(|recording| recording.name.clone().into()).collect(),
        };
        if let Some(clip) = clips.iter().find(|clip| !all.iter().any(|path| path == *clip || path.ends_with(clip))) {
            return Err(Error::content(clip, "not among the recordings"));
        }
        let mut kept = all.iter().map(|path| is(path));
        let mut keep = || kept.next().unwrap_or(false);
        match &mut self.kind {
            Kind::Files(files) => files.retain(|_| keep()),
            Kind::Sounds(data) => data.items.retain(|_| keep()),
            Kind::Project(_, items) => items.retain(|_| keep()),
            Kind::Given(recordings) => recordings.retain(|_| keep()),
        }
        Ok(())
    }
}

/// The field that has the label.
const LABEL: &str = "label";
/// The field that says who speaks.
const SPEAKER: &str = "speaker";

/// Where names begin, and what they say, if anything.
fn names(kind: &Kind, wanted: &Wanted) -> Option<(PathBuf, Pattern)> {
    match kind {
        Kind::Project(task, _) => {
            let project = &task.project;
            Some((project.root.join(project.data.folder.as_ref()?), project.data.name.clone()?))
        }
        _ => Some((wanted.data.clone()?, wanted.name.clone()?)),
    }
}

/// Examples of a project: those that validate.
fn of_project(
    model: &Model,
    path: &Path,
    root: Option<&Path>,
    notes: &mut Vec<String>,
    progress: Option<&(dyn Fn(usize, usize) + Sync)>,
) -> Result<Kind, Error> {
    let mut project = Project::load(path)?;
    if let Some(root) = root {
        root.clone_into(&mut project.root);
    }
    let task = Task::new(project, progress)?;
    let (found, expected) = (&task.data.labels, model.labels());
    if found != expected {
        let reason = format!("its labels are {}, those of the model {}", found.join(", "), expected.join(", "));
        return Err(Error::content(path, reason));
    }
    let values = task.inputs.graph().len();
    let input = &model.shape().input;
    let taken = input.steps * input.columns * input.channels;
    if values != taken {
        return Err(Error::content(path, format!("an input has {values} values, the model takes {taken}")));
    }
    let items = task.data.split.validation.clone();
    notes.push(format!("{} of {} examples: those that validate", items.len(), task.data.items.len()));
    Ok(Kind::Project(Box::new(task), items))
}

/// Sounds whose folders or names are labels.
fn of_folders(
    model: &Model,
    folder: &Path,
    wanted: &Wanted,
    notes: &mut Vec<String>,
    progress: Option<&(dyn Fn(usize, usize) + Sync)>,
) -> Result<Kind, Error> {
    let (dataset, left_out) = labelled_sounds(model, folder, wanted.name.as_ref(), progress)?;
    notes.extend(left_out);
    Ok(Kind::Sounds(Box::new(dataset)))
}

/// Sounds of the labels of a model that hears, as long as it hears at once, and notes on what is left out.
///
/// # Errors
/// If there are none, or one cannot be read.
pub fn labelled_sounds(
    model: &Model,
    folder: &Path,
    name: Option<&Pattern>,
    progress: Option<&(dyn Fn(usize, usize) + Sync)>,
) -> Result<(Dataset, Vec<String>), Error> {
    let params = model.frontend().ok_or_else(|| no_reader(model))?.params;
    let rate = params.sample_rate;
    let seconds = params.samples(model.shape().input.steps) as f64 / f64::from(rate);
    let input = InputConfig::Audio(Audio { rate, seconds, stride: None, front_end: FrontEnd::default() });
    let data = Data { folder: Some(folder.to_owned()), name: name.cloned(), ..Data::default() };
    let options = Options { labels: model.labels(), progress, ..Options::new(Path::new(""), 1) };
    let dataset = Dataset::read(&data, &input, &options)?;
    let of = |left: &LeftOut| format!("left out: {} of {}, which is no label of the model", left.count, left.label);
    let left_out = dataset.report.left_out.iter().map(of).collect();
    Ok((dataset, left_out))
}

/// Sounds in one folder: those named as spoken digits are, or else all of them, of classes that nobody knows.
fn of_files(model: &Model, folder: &Path, wanted: &Wanted, notes: &mut Vec<String>) -> Result<Kind, Error> {
    let all = heedful_recordings::list(folder)?.recordings;
    let indices = wanted.indices.clone().unwrap_or(data::VALIDATION);
    let digits: Vec<_> = all.iter().filter_map(|path| said(model, path).map(|said| (path, said))).collect();
    if digits.is_empty() {
        notes.push("no names say a class: what the model hears with all its heads counts as right".to_owned());
        return Ok(Kind::Files(all.into_iter().map(|path| (path, None)).collect()));
    }
    let kept: Vec<_> = digits
        .iter()
        .filter(|(_, (_, index))| indices.contains(index))
        .map(|(path, (class, _))| ((*path).clone(), Some(*class)))
        .collect();
    if kept.len() < all.len() {
        let (first, last) = (indices.start(), indices.end());
        notes.push(format!("{} of {} recordings: those of index {first}-{last}", kept.len(), all.len()));
    }
    Ok(Kind::Files(kept))
}

/// Class and index that the name of a file says, if it is one of spoken digits and the model knows these.
fn said(model: &Model, path: &Path) -> Option<(usize, u32)> {
    let (digit, _, index) = parse_name(path)?;
    let class = model.labels().iter().position(|label| *label == digit.to_string())?;
    Some((class, index))
}

fn shown(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn no_reader(model: &Model) -> Error {
    Error::Inspect(match model.shape().input.kind {
        InputKind::Tokens => {
            "the model takes tokens and writes none; models of sound, series, images and language can be inspected"
                .to_owned()
        }
        _ => "the model has no audio front end: --project FILE.toml says how its recordings are read".to_owned(),
    })
}

/// Whether recordings lie in folders, as labels do.
#[must_use]
pub fn has_folders(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(|entry| entry.path().is_dir()))
}

/// A model that can be inspected.
pub enum Subject {
    /// It reads texts.
    Language(Decoder),
    /// It takes recordings; and the bytes of its file.
    Recordings(Model, Vec<u8>),
}

/// Reads a model of either kind.
///
/// # Errors
/// Says what is wrong.
pub fn subject(path: &Path) -> Result<Subject, Error> {
    let bytes = file::read(path)?;
    let language = match Decoder::load(&bytes) {
        Ok(decoder) => return Ok(Subject::Language(decoder)),
        Err(error) => error,
    };
    match Model::load(&bytes) {
        // It is a language model, so what is wrong with that counts.
        Err(heedful::Error::Kind { .. }) => Err(Error::content(path, language)),
        loaded => of_recordings(path, loaded).map(|model| Subject::Recordings(model, bytes)),
    }
}

/// Reads a model, and refuses one that has no heads to look at or takes what no recording is.
///
/// # Errors
/// Says what is wrong.
pub fn model(path: &Path) -> Result<(Model, Vec<u8>), Error> {
    let bytes = file::read(path)?;
    Ok((of_recordings(path, Model::load(&bytes))?, bytes))
}

fn of_recordings(path: &Path, loaded: Result<Model, heedful::Error>) -> Result<Model, Error> {
    let model = loaded.map_err(|error| Error::content(path, error))?;
    if model.heads().iter().sum::<usize>() == 0 {
        return Err(Error::content(path, "no heads are left in it to look at"));
    }
    if let InputKind::Tokens = model.shape().input.kind {
        return Err(Error::content(path, no_reader(&model)));
    }
    if model.shape().memory.is_some() {
        return Err(Error::content(path, "it has a second input, which no recording gives"));
    }
    Ok(model)
}
