//! `heedful evaluate`

use clap::Args;
use heedful::dynamic::Model;
use heedful_lab::data::VALIDATION;
use heedful_lab::dataset::Content;
use heedful_lab::dataset::pattern::Pattern;
use heedful_lab::evaluate::{Confusion, float, integer_without};
use heedful_lab::head_index::HeadIndex;
use heedful_lab::inspect::{has_folders, labelled_sounds};
use heedful_lab::project::{Project, Task, card};
use heedful_lab::prune;
use heedful_lab::weights::Weights;
use heedful_lab::{Error, data, file, network};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Judge a .heed model, and the float model beside it, on recordings.
#[derive(Debug, Args)]
pub struct Evaluate {
    /// The model.
    #[arg(value_name = "FILE.heed")]
    model: PathBuf,
    /// Folder of recordings, `label/file.wav`, or files named {digit}_{speaker}_{index}.wav; with --project, the folder
    /// that its paths are relative to.
    #[arg(long, value_name = "DIR", required_unless_present = "project")]
    data: Option<PathBuf>,
    /// What folders and names in it say, such as "{label}_{speaker}_{}".
    #[arg(long, value_name = "PATTERN", conflicts_with = "project", value_parser = Pattern::new)]
    name: Option<Pattern>,
    /// Judge what validates in this project.
    #[arg(long, value_name = "FILE.toml")]
    project: Option<PathBuf>,
    /// Write the figures into this model card, between its lines `<!-- figures … -->` and `<!-- /figures -->`.
    #[arg(long, value_name = "FILE.md", requires = "project")]
    card: Option<PathBuf>,
    /// A model to compare with, such as the one that it learned from: on how many recordings both choose the same
    /// class.
    #[arg(long, value_name = "FILE", requires = "project")]
    teacher: Option<PathBuf>,
    /// The float model [default: FILE.safetensors, if there is one].
    #[arg(long, value_name = "FILE.safetensors")]
    float: Option<PathBuf>,
    /// Of files named {digit}_{speaker}_{index}, which to judge [default: those that validate, 5-9].
    #[arg(long, value_name = "FIRST-LAST", value_parser = indices, conflicts_with_all = ["name", "project"])]
    indices: Option<RangeInclusive<u32>>,
    /// Switch off heads, such as 1.2,2.0; blocks and heads count from 0.
    #[arg(long, value_name = "BLOCK.HEAD,…", value_delimiter = ',')]
    without: Vec<HeadIndex>,
}

/// Parses the numbers of recordings.
pub fn indices(text: &str) -> Result<RangeInclusive<u32>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if first <= last => Ok(first..=last),
        _ => Err("expected two numbers in order, such as 5-9".to_owned()),
    }
}

impl Evaluate {
    /// Prints accuracies and the confusion matrix of the int8 model.
    pub fn run(self) -> Result<(), Error> {
        let model = Model::load(&file::read(&self.model)?).map_err(|e| Error::content(&self.model, e))?;
        if let Some(project) = &self.project {
            return self.validation(&model, project);
        }
        let folder = self.data.clone().unwrap_or_default();
        if self.name.is_some() || has_folders(&folder) {
            return self.folders(&model, &folder);
        }
        self.digits(&model, &folder)
    }

    /// What validates in a project.
    fn validation(&self, model: &Model, project: &Path) -> Result<(), Error> {
        let mut project = Project::load(project)?;
        if let Some(data) = &self.data {
            project.root.clone_from(data);
        }
        let task = Task::new(project, None)?;
        if task.data.labels != model.labels() {
            let reason = format!("tells {}, the project {}", model.labels().join(", "), task.data.labels.join(", "));
            return Err(Error::content(&self.model, reason));
        }
        let int8 = task.judge(model)?;
        let float = match self.float_path() {
            Some(path) => Some(task.judge_float(&network::file::model(&path)?)?),
            None => None,
        };
        say!("{}", task.data.report);
        print(&int8.confusion);
        if let Some(float) = &float {
            line("float", &float.confusion);
        }
        say!("{}", card::by_group(&task, &int8).trim());
        if let Some(path) = &self.teacher {
            let (same, all) = (task.agreement(model, &task.teacher(path)?)?, int8.confusion.total());
            say!("the class of the teacher: {same} of {all}, {:.4}", same as f64 / all.max(1) as f64);
        }
        match &self.card {
            Some(path) => card::replace(path, &card::figures(&task, model, &int8, float.as_ref())),
            None => Ok(()),
        }
    }

    /// Where the float model is, if it is said or lies beside.
    fn float_path(&self) -> Option<PathBuf> {
        let beside = self.model.with_extension("safetensors");
        self.float.clone().or_else(|| beside.exists().then_some(beside))
    }

    /// Recordings whose folders or names are labels.
    fn folders(&self, model: &Model, folder: &Path) -> Result<(), Error> {
        if model.frontend().is_none() {
            let reason = "no audio front end: --project says how its recordings are read";
            return Err(Error::content(&self.model, reason));
        }
        let (dataset, left_out) = labelled_sounds(model, folder, self.name.as_ref(), None)?;
        left_out.iter().for_each(|left| say!("{left}"));
        let heads = HeadIndex::pairs(&self.without);
        let mut pairs = vec![];
        for item in &dataset.items {
            if let Content::Sound(samples) = dataset.content(item)?
                && let Some(heard) = model.hear(&samples)
            {
                pairs.push((item.class, model.infer_without(heard.input(), &heads).best().class));
            }
        }
        print(&Confusion::new(&dataset.labels, pairs));
        Ok(())
    }

    /// Files named {digit}_{speaker}_{index}.
    fn digits(&self, model: &Model, folder: &Path) -> Result<(), Error> {
        let rate = model.frontend().map(|f| f.params.sample_rate);
        let rate = rate.ok_or_else(|| Error::content(&self.model, "no audio front end"))?;
        let weights = self.float_path().map(|path| Weights::load(&path)).transpose()?;
        let wanted = self.indices.clone().unwrap_or(VALIDATION);
        let clips = data::recordings(folder, rate, |index| wanted.contains(&index))?;

        let int8 = integer_without(model, &clips, &self.without)?;
        say!("rows: said, columns: heard (int8)\n{int8}\n");
        // Heads of another float model, such as that of a pruned model, are others.
        let alike = |weights: &Weights| vec![weights.config.heads; weights.config.layers] == model.heads();
        if let Some(mut weights) = weights.filter(|weights| self.without.is_empty() || alike(weights)) {
            prune::switch_off(&mut weights, &self.without)?;
            line("float", &float(&weights, &clips)?);
        }
        line("int8", &int8);
        Ok(())
    }
}

fn print(int8: &Confusion) {
    say!("rows: said, columns: recognised (int8)\n{int8}\n");
    line("int8", int8);
}

fn line(form: &str, confusion: &Confusion) {
    say!("{form:<5} accuracy {:.4} ({}/{})", confusion.accuracy(), confusion.right(), confusion.total());
}
