//! `heedful train`

use super::progress::{Bar, Reading};
use clap::Args;
use heedful::dynamic::Model;
use heedful_lab::project::{Project, Task, Trained};
use heedful_lab::target::{CORES, Core};
use heedful_lab::training::Files;
use heedful_lab::{Error, file};
use std::path::PathBuf;
use std::{fs, io};

/// Train a model as its TOML says, and write the .heed file.
#[derive(Debug, Args)]
pub struct Train {
    /// All of it: data, front end, model, training. `heedful new` writes one.
    #[arg(value_name = "FILE.toml")]
    project: PathBuf,
    /// The folder that paths in [data] are relative to [default: that of the TOML].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The file to write [default: FILE.heed]. The float weights, a table and a picture of the losses lie beside it.
    #[arg(short, long, value_name = "FILE.heed")]
    out: Option<PathBuf>,
    /// A model to learn from, beside the labels: what it makes of each training example, and of what has no label
    /// ([distil]).
    #[arg(long, value_name = "FILE.heed|FILE.safetensors")]
    teacher: Option<PathBuf>,
    /// Go on from the checkpoint of an interrupted run.
    #[arg(long)]
    resume: bool,
    /// Read the data, say what there is and what the model takes, and train nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Train {
    /// Trains and writes the files.
    pub fn run(self) -> Result<(), Error> {
        let mut project = Project::load(&self.project)?;
        project.root = self.data.unwrap_or(project.root);
        let out = self.out.unwrap_or_else(|| self.project.with_extension("heed"));
        let reading = Reading::new();
        let task = Task::new(project, Some(&|done, all| reading.files(done, all)));
        reading.finish();
        let task = task?;
        say!("{}", task.data.report);

        let untrained = task.untrained()?;
        say!("{}", costs(&untrained));
        if let Some(over) = task.project.budget.over(&untrained)? {
            return Err(Error::content(&self.project, format!("over its budget: {over}; nothing was trained")));
        }
        if self.dry_run {
            return Ok(());
        }
        let files = Files::beside(&out);
        let teacher = self.teacher.map(|path| task.teacher(&path)).transpose()?;
        let mut bar = Bar::new(task.project.train.epochs);
        let Some(trained) = task.train(teacher.as_ref(), &files, self.resume, &mut bar)? else { return Ok(()) };
        bar.finish();
        trained.save(&out, &task.project)?;
        match fs::remove_file(&files.checkpoint) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::io(&files.checkpoint)(e)),
            _ => {}
        }
        let heed = Model::load(&file::read(&out)?).map_err(|error| Error::content(&out, error))?;
        report(&trained, &heed);
        say!("{}: {} bytes", out.display(), trained.bytes.len());
        Ok(())
    }
}

/// Figures of the validation examples.
fn report(trained: &Trained, heed: &Model) {
    say!("rows: said, columns: recognised (int8, validation)\n{}\n", trained.judged.confusion);
    for (class, label) in heed.labels().iter().enumerate() {
        say!("{label:<16} F1 {:.4}", trained.judged.confusion.f1(class));
    }
    for (form, judged) in [("float", &trained.float_judged), ("int8", &trained.judged)] {
        let confusion = &judged.confusion;
        say!("{form:<5} accuracy {:.4} ({}/{})", confusion.accuracy(), confusion.right(), confusion.total());
    }
}

/// What a model takes, in a line.
fn costs(model: &Model) -> String {
    let core: &Core = &CORES[2];
    let instructions = core.instructions(&model.work());
    format!(
        "flash {} bytes, RAM {} bytes and some {:.2} million instructions an inference on {}",
        model.flash_bytes(),
        core.memory(model),
        instructions / 1e6,
        core.name
    )
}
