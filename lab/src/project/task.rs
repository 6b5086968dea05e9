//! From a project to a `.heed` file.

use super::examples::{Altered, Plain};
use super::inputs::{Inputs, OCTAVE_EIGHTH};
use super::judge::{Answer, Judged, judge};
use super::{Project, Teacher};
use crate::dataset::{Content, Dataset, Item, Options};
use crate::network::NetworkError;
use crate::network::file::Contents;
use crate::training::{self, Data, Example, Files, Observer, Run, Settings, Source, largest};
use crate::{Error, training::Record};
use heedful::dynamic::Model;
use heedful_import::convert::{Ranges, convert};
use heedful_import::graph::{Model as Graph, NoTaps, Output, Sample, Unfolded};
use heedful_import::samples::channels_last;
use rayon::prelude::*;
use std::path::Path;

/// Inputs that a model is tried with before it is trained, to know what it takes.
const TRIED: usize = 8;

/// A project with its data, its front end, and a model to start from.
pub struct Task {
    /// What was asked.
    pub project: Project,
    /// What there is to learn from.
    pub data: Dataset,
    /// What makes numbers of it.
    pub inputs: Inputs,
    /// The model before training.
    pub initial: Unfolded,
}

/// What training ends with.
pub struct Trained {
    /// The float model; BatchNorms and temperatures beside its weights.
    pub float: Unfolded,
    /// The `.heed` file.
    pub bytes: Vec<u8>,
    /// What happened.
    pub records: Vec<Record>,
    /// The float model on validation examples.
    pub float_judged: Judged,
    /// The integers on the same.
    pub judged: Judged,
}

impl Task {
    /// Reads the data and makes a model to start from.
    ///
    /// # Errors
    /// If there is no data set in it, or something of the project does not fit it.
    pub fn new(project: Project, progress: Option<&(dyn Fn(usize, usize) + Sync)>) -> Result<Self, Error> {
        let options = Options { labels: &project.labels, progress, ..Options::new(&project.root, project.train.seed) };
        let data = Dataset::read(&project.data, &project.input, &options)?;
        project.events.check_labels(&data.labels)?;
        let inputs = Inputs::new(&project.input, &project.model, &data)?;
        let initial = project.model.initial(
            inputs.graph(),
            Output::Classes(data.labels.clone()),
            data.labels.len(),
            project.train.seed,
        )?;
        // What alterations need is checked before anything is trained.
        Altered::new(&data, &inputs, &project.augment, None, project.train.seed)?;
        Ok(Self { project, data, inputs, initial })
    }

    /// The model as it would be if training changed nothing: for its flash, RAM and instructions.
    ///
    /// # Errors
    /// If an example cannot be read, or the shape has no integers.
    pub fn untrained(&self) -> Result<Model, Error> {
        let model = self.with_series(self.initial.fold());
        let plain = Plain::new(&self.data, &self.inputs, &self.data.split.train);
        let examples: Result<Vec<Example>, Error> =
            (0..plain.len().min(TRIED)).map(|index| plain.example(0, index, 0)).collect();
        let examples = examples?;
        let samples = examples.iter().map(|example| Sample::Values(&example.values));
        let ranges = Ranges::observe(&model, samples)?;
        let (_, bytes) = self.integers(&model, &ranges)?;
        load(&self.with_room(bytes)?)
    }

    /// Reads the model that it shall learn from.
    ///
    /// # Errors
    /// As [`Teacher::load`].
    pub fn teacher(&self, path: &Path) -> Result<Teacher, Error> {
        let (project, tokens) = (&self.project, self.initial.model.tokens().map_err(NetworkError::from)?);
        Teacher::load(path, &project.distil, &project.root, &self.data.labels, &self.inputs, tokens)
    }

    /// Trains, from a teacher too if there is one; none if the observer interrupts.
    ///
    /// # Errors
    /// As [`Run::finish`], and if the result has no integers.
    pub fn train(
        &self,
        teacher: Option<&Teacher>,
        files: &Files,
        resume: bool,
        observer: &mut dyn Observer,
    ) -> Result<Option<Trained>, Error> {
        let settings: Settings = self.project.train.clone();
        let altered = Altered::new(&self.data, &self.inputs, &self.project.augment, teacher, settings.seed)?;
        let plain = Plain::new(&self.data, &self.inputs, &self.data.split.train);
        let validation = Plain::new(&self.data, &self.inputs, &self.data.split.validation);
        let run = match resume {
            true => Run::resume(&self.initial, settings, &files.checkpoint)?,
            false => Run::new(&self.initial, settings)?,
        };
        let data = Data { train: &altered, plain: &plain, validation: &validation };
        let Some(training::Trained { model: float, records, ranges }) = run.finish(data, files, observer)? else {
            return Ok(None);
        };
        let folded = self.with_series(float.fold());
        let (heed, bytes) = self.integers(&folded, &ranges)?;
        let bytes = self.with_thresholds(bytes)?;
        let (float_judged, judged) = (self.judge_float(&folded)?, self.judge(&heed)?);
        Ok(Some(Trained { float, bytes, records, float_judged, judged }))
    }

    /// The integers of a float model, and the bytes of their file.
    fn integers(&self, model: &Graph, ranges: &Ranges) -> Result<(Model, Vec<u8>), Error> {
        let mut chain = convert(model, ranges, self.project.train.rounding.conversion())?;
        self.inputs.finish(&mut chain);
        let bytes = chain.to_bytes().map_err(no_file)?;
        Ok((load(&bytes)?, bytes))
    }

    fn with_series(&self, model: Graph) -> Graph {
        Graph { series: self.inputs.series(), ..model }
    }

    /// Judges integers on the validation examples.
    ///
    /// # Errors
    /// If an example cannot be read.
    pub fn judge(&self, heed: &Model) -> Result<Judged, Error> {
        let plain = Plain::new(&self.data, &self.inputs, &self.data.split.validation);
        let of = |index| {
            let outputs = self.answer(heed, &plain.example(0, index, 0)?.values);
            let Item { class, group, .. } = *plain.item(index);
            Ok(Answer { class, group, outputs })
        };
        judge(&self.data.labels, plain.len(), of)
    }

    /// What integers make of an example.
    fn answer(&self, heed: &Model, values: &[f32]) -> Vec<f32> {
        let values = channels_last(&self.inputs.graph(), values);
        match self.inputs {
            Inputs::Sound { .. } => {
                let heard: Vec<i8> = values.iter().map(|x| (f64::from(*x) / OCTAVE_EIGHTH).round() as i8).collect();
                heed.real(heed.infer(&heard).logits())
            }
            _ => heed.infer_real(&values),
        }
    }

    /// On how many of the validation examples integers choose the class that their teacher does.
    ///
    /// # Errors
    /// If an example cannot be read.
    pub fn agreement(&self, heed: &Model, teacher: &Teacher) -> Result<usize, Error> {
        let plain = Plain::new(&self.data, &self.inputs, &self.data.split.validation);
        let of = |index| {
            let item = plain.item(index);
            let content = self.inputs.content(&self.data, item, 0)?;
            let values = self.inputs.plain(&content, item.span.is_some());
            let samples = match content {
                Content::Sound(samples) => samples,
                _ => vec![],
            };
            Ok(largest(&self.answer(heed, &values)) == largest(&teacher.says(&samples, &values).probabilities))
        };
        let same: Result<Vec<bool>, Error> = (0..plain.len()).into_par_iter().map(of).collect();
        Ok(same?.into_iter().filter(|same| *same).count())
    }

    /// Judges a float model, with all folded into it, on the validation examples.
    ///
    /// # Errors
    /// If an example cannot be read.
    pub fn judge_float(&self, model: &Graph) -> Result<Judged, Error> {
        let plain = Plain::new(&self.data, &self.inputs, &self.data.split.validation);
        let of = |index| {
            let values = plain.example(0, index, 0)?.values;
            // Of the right size: the model was made for them.
            let outputs = model.run(Sample::Values(&values), &mut NoTaps).unwrap_or_default();
            let Item { class, group, .. } = *plain.item(index);
            Ok(Answer { class, group, outputs })
        };
        judge(&self.data.labels, plain.len(), of)
    }
}

impl Trained {
    /// Writes the `.heed` file, and the float weights beside it.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub fn save(&self, out: &Path, project: &Project) -> Result<(), Error> {
        let last = self.records.last();
        let training = serde_json::json!({
            "settings": project.train,
            "augment": project.augment,
            "epochs": self.records.len(),
            "validation_accuracy": last.and_then(|record| record.validation_accuracy),
        });
        let contents = Contents { model: self.float.clone(), training, extra: Default::default() };
        contents.save(&out.with_extension("safetensors"))?;
        crate::file::write_atomically(out, &self.bytes)
    }
}

fn no_file(error: heedful::Error) -> Error {
    Error::Training(format!("the model has no file: {error}"))
}

fn load(bytes: &[u8]) -> Result<Model, Error> {
    Model::load(bytes).map_err(no_file)
}
