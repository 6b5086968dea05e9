//! `heedful inspect`

use super::evaluate::indices;
use super::progress::styled;
use clap::Args;
use heedful::dynamic::{Decoder, Model};
use heedful_lab::dataset::pattern::Pattern;
use heedful_lab::head_index::HeadIndex;
use heedful_lab::inspect::float::Float;
use heedful_lab::inspect::language::{self, Amount, LanguageReport, Reader};
use heedful_lab::inspect::removal::INFERENCES;
use heedful_lab::inspect::{
    Asked, Progress, Report, Source, Subject, Wanted, inspect, page, subject, tables, text, write,
};
use heedful_lab::{Error, file};
use indicatif::ProgressBar;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Look inside a .heed model: what each head attends to, how much it matters, how it differs from the others.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The model.
    #[arg(value_name = "FILE.heed")]
    model: PathBuf,
    #[command(flatten)]
    recordings: Recordings,
    /// The float model [default: FILE.safetensors, if there is one].
    #[arg(long, value_name = "FILE.safetensors")]
    float: Option<PathBuf>,
    /// Draw these heads alone, such as 2.1,3.0 (block.head, both from 0).
    #[arg(long, value_name = "BLOCK.HEAD,…", value_delimiter = ',')]
    heads: Vec<HeadIndex>,
    #[command(flatten)]
    forms: Forms,
}

/// What a report is written as.
#[derive(Debug, Args)]
pub struct Forms {
    /// The report: one page that needs no network.
    #[arg(short, long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Print the essence; what `inspect` does if nothing else is asked for.
    #[arg(long)]
    text: bool,
    /// A folder for pictures: what each head attends to in each recording that is drawn, importance, differences.
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
    /// A folder for tables.
    #[arg(long, value_name = "DIR")]
    csv: Option<PathBuf>,
    /// All figures, for a notebook.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
}

impl Forms {
    /// Whether anything was asked for.
    pub fn any(&self) -> bool {
        self.text || self.out.is_some() || self.json.is_some() || self.svg.is_some() || self.csv.is_some()
    }

    /// Writes what was asked for.
    pub fn write(&self, report: &Report) -> Result<(), Error> {
        if let Some(out) = &self.out {
            file::write_atomically(out, page::page(report).as_bytes())?;
        }
        if let Some(json) = &self.json {
            file::write_atomically(json, tables::json(report).to_string().as_bytes())?;
        }
        if let Some(folder) = &self.svg {
            write::folder(folder, &write::pictures(report))?;
        }
        if let Some(folder) = &self.csv {
            write::folder(folder, &write::csv(report)?)?;
        }
        if self.text {
            say!("{}", text::text(report).trim_end());
        }
        Ok(())
    }

    /// Writes what was asked for of a language model.
    fn write_language(&self, report: &LanguageReport) -> Result<(), Error> {
        if let Some(out) = &self.out {
            file::write_atomically(out, language::page(report).as_bytes())?;
        }
        if let Some(json) = &self.json {
            file::write_atomically(json, language::json(report).to_string().as_bytes())?;
        }
        if let Some(folder) = &self.csv {
            write::folder(folder, &write::csv_of(&language::tables(report))?)?;
        }
        if self.text {
            say!("{}", language::text(report).trim_end());
        }
        Ok(())
    }
}

/// Which recordings are looked at.
#[derive(Debug, Args)]
pub struct Recordings {
    /// Folder of recordings: `label/file.wav`, files named {digit}_{speaker}_{index}.wav, or files of any name, whose
    /// classes nobody knows; with --project, the folder that its paths are relative to. Of a language model, a file of
    /// texts, one a line [default: sentences made for it].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// What folders and names in it say, such as "{label}_{speaker}_{}".
    #[arg(long, value_name = "PATTERN", conflicts_with = "project", value_parser = Pattern::new)]
    name: Option<Pattern>,
    /// Look at what validates in this project: sensors and images need it.
    #[arg(long, value_name = "FILE.toml")]
    project: Option<PathBuf>,
    /// Of files named {digit}_{speaker}_{index}, which to look at [default: those that validate, 5-9].
    #[arg(long, value_name = "FIRST-LAST", value_parser = indices, conflicts_with_all = ["name", "project"])]
    indices: Option<RangeInclusive<u32>>,
    /// Look at these recordings alone.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    clips: Vec<PathBuf>,
}

impl Recordings {
    /// What they are asked for by.
    ///
    /// # Errors
    /// If nothing is asked for.
    pub fn wanted(&self) -> Result<Wanted, Error> {
        if self.data.is_none() && self.project.is_none() && self.clips.is_empty() {
            let needed = "nothing says what to look at: --data DIR, --project FILE.toml or --clips FILE…";
            return Err(Error::Inspect(needed.to_owned()));
        }
        Ok(Wanted {
            data: self.data.clone(),
            name: self.name.clone(),
            project: self.project.clone(),
            indices: self.indices.clone(),
            clips: self.clips.clone(),
        })
    }

    /// The file of texts for a language model, if one is named.
    ///
    /// # Errors
    /// If something else is asked for.
    fn texts(&self) -> Result<Option<&Path>, Error> {
        let others = [
            ("--project", self.project.is_some()),
            ("--name", self.name.is_some()),
            ("--indices", self.indices.is_some()),
            ("--clips", !self.clips.is_empty()),
        ];
        match others.iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => Err(not_of_language(option)),
            None => Ok(self.data.as_deref()),
        }
    }
}

fn not_of_language(option: &str) -> Error {
    Error::Inspect(format!("a language model has no {option}; --data FILE says texts, one a line"))
}

impl Inspect {
    /// Looks, and writes what was asked for.
    pub fn run(mut self) -> Result<(), Error> {
        self.forms.text |= !self.forms.any();
        match subject(&self.model)? {
            Subject::Language(decoder) => self.forms.write_language(&self.language(&decoder)?),
            Subject::Recordings(model, bytes) => {
                self.heads.iter().try_for_each(|head| head.check(model.heads()))?;
                self.forms.write(&self.report(&model, &bytes)?)
            }
        }
    }

    fn title(&self) -> String {
        self.model.file_name().unwrap_or(self.model.as_os_str()).to_string_lossy().into_owned()
    }

    fn language(&self, decoder: &Decoder) -> Result<LanguageReport, Error> {
        let path = self.recordings.texts()?;
        if self.float.is_some() {
            return Err(not_of_language("--float"));
        }
        if self.forms.svg.is_some() {
            return Err(Error::Inspect("maps of a language model are in the page, -o FILE.html, not in --svg".into()));
        }
        let error = |source| Error::Language { path: path.unwrap_or(&self.model).to_owned(), source };
        let (_, heads) = Reader::new(decoder).map_err(error)?;
        if let Some(&HeadIndex { block, head }) = self.heads.iter().find(|head| !heads.contains(head)) {
            return Err(Error::Head { block, head });
        }
        let (title, texts) = (self.title(), path.map(file::read).transpose()?);
        let (texts, heads, amount) = (texts.as_deref(), &self.heads[..], Amount::default());
        let bar = Bar::new();
        let report = language::inspect(language::Asked { title, decoder, texts, heads, amount }, &bar);
        bar.ends();
        report.map_err(error)
    }

    fn report(&self, model: &Model, bytes: &[u8]) -> Result<Report, Error> {
        let wanted = self.recordings.wanted()?;
        let bar = Bar::new();
        bar.begins("files read", 0);
        let mut source = Source::open(model, &wanted, Some(&|done, all| bar.files(done, all)))?;
        let title = self.title();
        let float = match &self.float {
            Some(path) => Some(Float::load(path, model)?),
            None => float_beside(&self.model, model, &mut source.notes),
        };
        let (float, heads) = (float.as_ref(), &self.heads[..]);
        let asked = Asked { title, model: (model, bytes), float, heads, inferences: INFERENCES };
        let report = inspect(asked, &source, &bar);
        bar.ends();
        report
    }
}

/// The float model that lies beside a model. One with other heads is that of another model, such as before pruning.
pub fn float_beside(path: &Path, model: &Model, notes: &mut Vec<String>) -> Option<Float> {
    let beside = path.with_extension("safetensors");
    let found = beside.exists().then(|| Float::load(&beside, model))?;
    found.map_err(|error| notes.push(format!("float model not compared: {error}"))).ok()
}

/// A bar in a terminal.
pub struct Bar(ProgressBar);

impl Bar {
    /// Nothing has begun.
    pub fn new() -> Self {
        Self(styled("{bar:30} {pos}/{len} {msg}, {eta} left"))
    }

    /// All is done.
    pub fn ends(&self) {
        self.0.finish_and_clear();
    }

    /// So many files are read.
    pub fn files(&self, done: usize, all: usize) {
        self.0.set_length(all as u64);
        self.0.set_position(done as u64);
    }
}

impl Progress for Bar {
    fn begins(&self, what: &'static str, steps: usize) {
        self.0.set_message(what);
        self.files(0, steps);
        self.0.reset_eta();
    }

    fn step(&self, steps: usize) {
        self.0.inc(steps as u64);
    }
}
