//! `heedful mix`

use clap::Args;
use heedful_import::arrays::Array;
use heedful_lab::dataset::{InputConfig, windows_of};
use heedful_lab::project::{Project, Task};
use heedful_lab::stream::mix::{Behind, Material, Settings, mix};
use heedful_lab::stream::truth;
use heedful_lab::{Error, file};
use std::path::{Path, PathBuf};

/// Make a stream of what validates in a project, and a table of what is in it.
#[derive(Debug, Args)]
pub struct Mix {
    /// The project, of sounds or of series of sensors.
    #[arg(value_name = "FILE.toml")]
    project: PathBuf,
    /// The folder that paths in [data] are relative to [default: that of the TOML].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The stream to write, of sensors an array of raw readings; what is in it lies beside, with the extension csv.
    #[arg(short, long, value_name = "FILE.wav|FILE.npy")]
    out: PathBuf,
    /// Length of the stream.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Decibels of each recording above the background, of sensors above noise [default: neither].
    #[arg(long, value_name = "DECIBELS", allow_hyphen_values = true)]
    ratio: Option<f64>,
    /// The background alone, as it was recorded.
    #[arg(long, conflicts_with = "ratio")]
    background: bool,
    /// A folder of sounds for the background, `noise`, or `silence` [default: what validates of "nothing" and of other
    /// labels that are no events].
    #[arg(long, value_name = "DIR|noise|silence")]
    behind: Option<PathBuf>,
    /// Origin of all random choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Mix {
    /// Writes both files.
    pub fn run(self) -> Result<(), Error> {
        let mut project = Project::load(&self.project)?;
        project.root = self.data.unwrap_or(project.root);
        let rate = match &project.input {
            InputConfig::Audio(audio) => Some(audio.rate),
            InputConfig::Series(_) | InputConfig::Image(_) => None,
        };
        if !(self.minutes > 0.0 && self.minutes <= 24.0 * 60.0) {
            return Err(Error::Training(format!("{} minutes, expected more than 0, a day at most", self.minutes)));
        }
        let behind = match &self.behind {
            None => Behind::Nothing,
            Some(what) if what == Path::new("noise") => Behind::Noise,
            Some(what) if what == Path::new("silence") => Behind::Silence,
            Some(folder) => match rate {
                Some(rate) => Behind::Recordings(windows_of(folder, rate, usize::MAX)?),
                None => return Err(Error::content(&self.project, "its input is no sound, as `--behind` is")),
            },
        };
        let task = Task::new(project, None)?;
        let settings = Settings {
            minutes: self.minutes,
            ratio: self.ratio,
            pause: [0.5, 2.5],
            is_background: self.background,
            behind,
            seed: self.seed,
        };
        let material = Material { data: &task.data, inputs: &task.inputs, silent: &task.silent() };
        let stream = mix(&material, &settings)?;
        let said = stream.said;
        let bytes = match rate {
            None => {
                let values: Vec<f32> = stream.values.iter().map(|&value| f32::from(value)).collect();
                Array::bytes(&[values.len() / stream.channels.max(1), stream.channels], &values)
                    .map_err(Error::io(&self.out))?
            }
            Some(rate) => heedful_recordings::to_wav(&stream.values, rate),
        };
        file::write_atomically(&self.out, &bytes)?;
        let table = self.out.with_extension("csv");
        let mut rows = vec![];
        truth::write(&mut rows, &said).map_err(Error::io(&table))?;
        file::write_atomically(&table, &rows)?;
        say!("{}: {:.1} minutes, {} events in {}", self.out.display(), self.minutes, said.len(), table.display());
        Ok(())
    }
}
