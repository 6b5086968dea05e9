//! `heedful inspect`

use super::evaluate::indices;
use super::progress::styled;
use clap::Args;
use heedful_lab::dataset::pattern::Pattern;
use heedful_lab::head_index::HeadIndex;
use heedful_lab::inspect::{Report, Source, Wanted, collect, model, removal, text};
use heedful_lab::{Error, file};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Look inside a .heed model: what each head attends to, how much it matters, how it differs from the others.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The model.
    #[arg(value_name = "FILE.heed")]
    model: PathBuf,
    /// Folder of recordings: `label/file.wav`, files named {digit}_{speaker}_{index}.wav, or files of any name, whose
    /// classes nobody knows; with --project, the folder that its paths are relative to.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["project", "clips"])]
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
    /// Draw these heads alone, such as 2.1,3.0 (block.head, both from 0).
    #[arg(long, value_name = "BLOCK.HEAD,…", value_delimiter = ',')]
    heads: Vec<HeadIndex>,
    /// The report: one page that needs no network.
    #[arg(short, long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Print the essence; the default if nothing else is asked for.
    #[arg(long)]
    text: bool,
    /// A folder for pictures: what each head attends to in each recording of --clips, importance, differences.
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
    /// A folder for tables.
    #[arg(long, value_name = "DIR")]
    csv: Option<PathBuf>,
    /// All figures, for a notebook.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
}

impl Inspect {
    /// Looks, and writes what was asked for.
    pub fn run(self) -> Result<(), Error> {
        let (model, bytes) = model(&self.model)?;
        self.heads.iter().try_for_each(|head| head.check(model.heads()))?;
        let report = self.report(&model, &bytes)?;
        let mut quiet = false;
        if let Some(out) = &self.out {
            quiet = true;
            file::write_atomically(out, b"")?;
        }
        if self.text || !quiet {
            print!("{}", text::text(&report));
        }
        Ok(())
    }

    fn report(&self, model: &heedful::dynamic::Model, bytes: &[u8]) -> Result<Report, Error> {
        let wanted = Wanted {
            data: self.data.clone(),
            name: self.name.clone(),
            project: self.project.clone(),
            indices: self.indices.clone(),
            clips: self.clips.clone(),
        };
        let bar = styled("{bar:30} {pos}/{len} {msg}, {eta} left");
        bar.set_message("files read");
        let reading = |done: usize, all: usize| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        };
        let source = Source::open(model, &wanted, Some(&reading))?;
        bar.set_message("recordings");
        bar.set_length(source.len() as u64);
        bar.set_position(0);
        bar.reset_eta();
        let step = |done: usize| bar.inc(done as u64);
        let collected = collect::collect(model, &source, &step)?;
        bar.set_message("inferences without heads");
        bar.set_length(removal::steps(collected.heads.len(), collected.tasks.len()) as u64);
        bar.set_position(0);
        bar.reset_eta();
        let importance = removal::importance(model, &collected.tasks, &step);
        bar.finish_and_clear();
        let title = self.model.file_name().unwrap_or(self.model.as_os_str()).to_string_lossy().into_owned();
        Ok(Report::new(title, (model, bytes), &source, (collected, importance), &self.heads))
    }
}
