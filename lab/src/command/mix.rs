//! `heedful mix`

use clap::Args;
use heedful_lab::dataset::InputConfig;
use heedful_lab::project::{Project, Task};
use heedful_lab::stream::mix::{Settings, mix};
use heedful_lab::stream::truth;
use heedful_lab::{Error, file};
use std::path::PathBuf;

/// Make a stream of what validates in a project, and a table of what is in it.
#[derive(Debug, Args)]
pub struct Mix {
    /// The project, of sounds.
    #[arg(value_name = "FILE.toml")]
    project: PathBuf,
    /// The folder that paths in [data] are relative to [default: that of the TOML].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The stream to write; what is in it lies beside, with the extension csv.
    #[arg(short, long, value_name = "FILE.wav")]
    out: PathBuf,
    /// Length of the stream.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Decibels of each recording above the background of "nothing" [default: no background].
    #[arg(long, value_name = "DECIBELS", allow_hyphen_values = true)]
    ratio: Option<f64>,
    /// "Nothing" alone, as it was recorded.
    #[arg(long, conflicts_with = "ratio")]
    background: bool,
    /// Origin of all random choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Mix {
    /// Writes both files.
    pub fn run(self) -> Result<(), Error> {
        let mut project = Project::load(&self.project)?;
        project.root = self.data.unwrap_or(project.root);
        let InputConfig::Audio(audio) = &project.input else {
            return Err(Error::content(&self.project, "its input is no sound"));
        };
        let rate = audio.rate;
        if !(self.minutes > 0.0 && self.minutes <= 24.0 * 60.0) {
            return Err(Error::Training(format!("{} minutes, expected more than 0, a day at most", self.minutes)));
        }
        let task = Task::new(project, None)?;
        let settings = Settings {
            minutes: self.minutes,
            ratio: self.ratio,
            pause: [0.5, 2.5],
            is_background: self.background,
            seed: self.seed,
        };
        let (samples, said) = mix(&task.data, rate, settings)?;
        file::write_atomically(&self.out, &heedful_recordings::to_wav(&samples, rate))?;
        let table = self.out.with_extension("csv");
        let mut rows = vec![];
        truth::write(&mut rows, &said).map_err(Error::io(&table))?;
        file::write_atomically(&table, &rows)?;
        say!("{}: {:.1} minutes, {} events in {}", self.out.display(), self.minutes, said.len(), table.display());
        Ok(())
    }
}
