//! `heedful compare`

use super::inspect::{Bar, Recordings, float_beside};
use clap::Args;
use heedful_lab::inspect::compare::Comparison;
use heedful_lab::inspect::removal::INFERENCES;
use heedful_lab::inspect::{Asked, Progress, Source, compare_forms, inspect, model};
use heedful_lab::{Error, file};
use std::path::PathBuf;

/// Look inside two .heed models, such as one before and after pruning, side by side.
#[derive(Debug, Args)]
pub struct Compare {
    /// The first model.
    #[arg(value_name = "A.heed")]
    first: PathBuf,
    /// The second model.
    #[arg(value_name = "B.heed")]
    second: PathBuf,
    #[command(flatten)]
    recordings: Recordings,
    /// One page that needs no network.
    #[arg(short, long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Print tables; the default if nothing else is asked for.
    #[arg(long)]
    text: bool,
    /// All figures, for a notebook.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
}

impl Compare {
    /// Compares, and writes what was asked for.
    pub fn run(self) -> Result<(), Error> {
        let (bar, wanted) = (Bar::new(), self.recordings.wanted()?);
        let paths = [&self.first, &self.second];
        let [a, b] = paths.map(|path| model(path));
        let models = [a?, b?];
        let names = paths.map(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()));
        let (mut reports, mut sources) = (vec![], vec![]);
        for ((model, bytes), path) in models.iter().zip(paths) {
            bar.begins("files read", 0);
            let mut source = Source::open(model, &wanted, Some(&|done, all| bar.files(done, all)))?;
            let float = float_beside(path, model, &mut source.notes);
            let title = match (&names, path.file_name()) {
                ([a, b], Some(name)) if a != b => name.to_string_lossy().into_owned(),
                _ => path.display().to_string(),
            };
            let asked =
                Asked { title, model: (model, bytes), float: float.as_ref(), heads: &[], inferences: INFERENCES };
            reports.push(inspect(asked, &source, &bar)?);
            sources.push(source);
        }
        let Ok(reports) = <[_; 2]>::try_from(reports) else { return Ok(()) };
        let comparison = Comparison::new(reports, [&models[0].0, &models[1].0], [&sources[0], &sources[1]])?;
        bar.ends();
        if let Some(out) = &self.out {
            file::write_atomically(out, compare_forms::page(&comparison).as_bytes())?;
        }
        if let Some(json) = &self.json {
            file::write_atomically(json, compare_forms::json(&comparison).to_string().as_bytes())?;
        }
        if self.text || self.out.is_none() && self.json.is_none() {
            say!("{}", compare_forms::text(&comparison).trim_end());
        }
        Ok(())
    }
}
