//! Training of networks on made-up sounds and images.

use heedful::dynamic;
use heedful_import::convert::convert;
use heedful_import::graph::{Input, NoTaps, Output, Sample, Unfolded};
use heedful_lab::Error;
use heedful_lab::augment::draw;
use heedful_lab::network::Description;
use heedful_lab::network::file::Contents;
use heedful_lab::training::{
    Data, Example, Files, Observer, Record, Rounding, Run, Settings, Source, Trained, csv, svg,
};
use rand::RngExt;
use std::fs;
use std::path::Path;

const SERIES: Input = Input::Features { steps: 12, channels: 6 };
const IMAGE: Input = Input::Image { channels: 1, height: 8, width: 8 };
const CLASSES: usize = 3;

fn model(text: &str, input: Input) -> Unfolded {
    let description: Description = serde_json::from_str(text).unwrap();
    description.initial(input, Output::Classes(vec![]), CLASSES, 5).unwrap()
}

fn series() -> Unfolded {
    model(
        r#"{ "width": 12, "heads": 2, "hidden": 12, "blocks": 1, "frames_per_token": 2, "temperature": true }"#,
        SERIES,
    )
}

fn image() -> Unfolded {
    let layer = r#"{ "channels": 6, "kernel": 3, "stride": 2, "norm": "batch" }"#;
    let text =
        format!(r#"{{ "width": 12, "heads": 2, "hidden": 12, "blocks": 1, "stem": [{layer}], "pool": "first" }}"#);
    model(&text, IMAGE)
}

/// A band that moves up, stays, or moves down, where noise is.
struct Sounds {
    count: usize,
    altered: bool,
}

impl Source for Sounds {
    fn len(&self) -> usize {
        self.count
    }

    fn example(&self, epoch: usize, index: usize, seed: u64) -> Result<Example, Error> {
        let mut fixed = draw(1, 2, index as u64);
        let mut random = draw(seed, if self.altered { epoch as u64 } else { u64::MAX }, index as u64);
        let (class, start) = (index % CLASSES, fixed.random_range(1.5..3.5));
        let gain: f32 = if self.altered { random.random_range(0.7..1.3) } else { 1.0 };
        let value = |at: usize| {
            let (step, band) = ((at / 6) as f32, (at % 6) as f32);
            let centre: f32 = start + (class as f32 - 1.0) * (step - 6.0) * 0.25;
            gain * (-(band - centre).powi(2)).exp() + random.random_range(-0.1..0.1)
        };
        Ok(Example::of_class((0..72).map(value).collect(), class, CLASSES))
    }
}

/// A line across, a line down, or a corner to corner.
fn images(count: usize) -> Vec<Example> {
    let image = |index: usize| {
        let mut random = draw(3, 4, index as u64);
        let (class, place) = (index % CLASSES, random.random_range(1..7));
        let value = |at: usize| {
            let (row, column) = (at / 8, at % 8);
            let on = [row == place, column == place, row == column][class];
            f32::from(u8::from(on)) + random.random_range(-0.1..0.1)
        };
        Example::of_class((0..64).map(value).collect(), class, CLASSES)
    };
    (0..count).map(image).collect()
}

fn settings(epochs: usize) -> Settings {
    Settings { epochs, batch: 8, rate: 1e-2, calibration: 12, seed: 3, ..Settings::default() }
}

fn sounds() -> [Sounds; 3] {
    [(24, true), (24, false), (9, false)].map(|(count, altered)| Sounds { count, altered })
}

fn data(sounds: &[Sounds; 3]) -> Data<'_> {
    Data { train: &sounds[0], plain: &sounds[1], validation: &sounds[2] }
}

fn files(folder: &Path, name: &str) -> Files {
    Files::beside(&folder.join(name))
}

/// Interrupts after some epochs.
struct Until(usize);

impl Observer for Until {
    fn epoch(&mut self, record: &Record) -> bool {
        record.epoch < self.0
    }
}

fn bytes(trained: &Trained, settings: &Settings) -> Vec<u8> {
    trained.contents(settings).to_bytes().unwrap()
}

#[test]
fn resumed_equals_uninterrupted() {
    let (folder, sounds, pictures) = (tempfile::tempdir().unwrap(), sounds(), images(24));
    let pictures = Data { train: &pictures, plain: &pictures, validation: &pictures };
    let patient = Settings { patience: Some(1), ..settings(9) };
    for (name, model, data, settings) in [
        ("series", series(), data(&sounds), settings(6)),
        ("image", image(), pictures, settings(6)),
        ("patient", series(), data(&sounds), patient),
    ] {
        let whole = files(folder.path(), &format!("{name} whole"));
        let run = || Run::new(&model, settings.clone()).unwrap();
        let expected = run().finish(data, &whole, &mut ()).unwrap().unwrap();
        let again = run().finish(data, &whole, &mut ()).unwrap().unwrap();
        assert!(bytes(&again, &settings) == bytes(&expected, &settings), "{name}: the same seed, another result");

        // Interrupted twice: while values are float, and when they take steps (from epoch 5 on).
        let cut = files(folder.path(), &format!("{name} cut"));
        assert!(run().finish(data, &cut, &mut Until(2)).unwrap().is_none());
        let resume = || Run::resume(&model, settings.clone(), &cut.checkpoint).unwrap();
        assert_eq!(resume().records().len(), 2);
        if expected.records.len() > 5 {
            assert!(resume().finish(data, &cut, &mut Until(5)).unwrap().is_none());
        }
        let resumed = resume().finish(data, &cut, &mut ()).unwrap().unwrap();
        assert_eq!(resumed.records, expected.records, "{name}");
        assert!(bytes(&resumed, &settings) == bytes(&expected, &settings), "{name}: the runs differ");
        // Once more, of a run that is over.
        let over = resume().finish(data, &cut, &mut ()).unwrap().unwrap();
        assert!(bytes(&over, &settings) == bytes(&expected, &settings), "{name}: the end differs");
        for files in [&whole, &cut] {
            assert_eq!(fs::read_to_string(files.csv.as_ref().unwrap()).unwrap(), csv(&expected.records));
        }
        let other = Settings { seed: 4, ..settings.clone() };
        let differs = Run::new(&model, other).unwrap().finish(data, &cut, &mut ()).unwrap().unwrap();
        assert_ne!(differs.records, expected.records, "{name}: the seed changes nothing");
    }
}

/// Learns all by heart, and the integers know it, too.
#[track_caller]
fn learns(name: &str, model: &Unfolded, data: Data<'_>, settings: &Settings) -> Trained {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(model, settings.clone()).unwrap();
    let trained = run.finish(data, &files(folder.path(), "model"), &mut ()).unwrap().unwrap();
    let last = trained.records.last().unwrap();
    assert!(last.rounded, "{name}");
    let graph = trained.model.fold();
    let chain = convert(&graph, &trained.ranges, settings.rounding.conversion()).unwrap();
    let heed = dynamic::Model::load(&chain.to_bytes().unwrap()).unwrap();
    let best = |row: &[f32]| (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
    let mut right = [0, 0];
    for index in 0..data.plain.len() {
        let Example { values, target, .. } = data.plain.example(0, index, 3).unwrap();
        let float = graph.run(Sample::Values(&values), &mut NoTaps).unwrap();
        let found = [best(&float), best(&heed.infer_real(&values))];
        right = [0, 1].map(|at| right[at] + usize::from(found[at] == best(&target)));
    }
    println!("{name}: {last:?}, right {right:?} of {}", data.plain.len());
    assert_eq!(last.accuracy, Some(1.0), "{name}");
    assert_eq!(right, [data.plain.len(); 2], "{name}: float, integers");
    trained
}

#[test]
fn learns_sounds_and_survives_the_file() {
    let (sounds, settings) = (sounds(), settings(45));
    let trained = learns("sounds", &series(), data(&sounds), &settings);
    let validated = trained.records.last().unwrap().validation_accuracy.unwrap();
    assert!(validated > 0.9, "{validated}");
    let contents = trained.contents(&settings);
    let back = Contents::from_bytes(&contents.to_bytes().unwrap(), Path::new("m.safetensors")).unwrap();
    assert_eq!(back, contents);
    assert_ne!(trained.model, series());
}

#[test]
fn learns_images() {
    let images = images(24);
    let data = Data { train: &images, plain: &images, validation: &images };
    learns("images", &image(), data, &settings(40));
}

/// Outputs that are no classes: whether each half of the input is loud, and how loud.
#[test]
fn learns_labels_and_values() {
    let folder = tempfile::tempdir().unwrap();
    for labels in [true, false] {
        let example = |index: usize| {
            let mut random = draw(8, 8, index as u64);
            let halves = [2, 3].map(|of| index.is_multiple_of(of));
            let value = |at: usize| if halves[usize::from(at % 6 > 2)] { random.random_range(0.5..1.0) } else { 0.0 };
            let values: Vec<f32> = (0..72).map(value).collect();
            let target = halves.map(|loud| f32::from(u8::from(loud)));
            let target = if labels { target.to_vec() } else { vec![target[0] - 2.0 * target[1]; 1] };
            Example { values, target, inside: vec![] }
        };
        let examples: Vec<Example> = (0..24).map(example).collect();
        let text = r#"{ "width": 8, "heads": 2, "hidden": 8, "blocks": 1, "frames_per_token": 3 }"#;
        let description: Description = serde_json::from_str(text).unwrap();
        let output =
            if labels { Output::Labels(vec![]) } else { Output::Values { names: vec![], unit: String::new() } };
        let model = description.initial(SERIES, output, if labels { 2 } else { 1 }, 1).unwrap();
        let data = Data { train: &examples, plain: &examples, validation: &examples };
        let run = Run::new(&model, Settings { smoothing: 0.0, ..settings(30) }).unwrap();
        let trained = run.finish(data, &files(folder.path(), "m"), &mut ()).unwrap().unwrap();
        let [first, .., last] = &*trained.records else { panic!("30 epochs") };
        let [before, after] = [first, last].map(|record| record.validation_loss.unwrap());
        println!("labels {labels}: {before} to {after}, {:?}", last.accuracy);
        assert!(after < before / 8.0, "labels {labels}: {before} to {after}");
        assert_eq!(last.accuracy, labels.then_some(1.0));
    }
}

/// With patience a run ends when validation gets no better, and takes its best weights.
#[test]
fn ends_early() {
    let (folder, sounds) = (tempfile::tempdir().unwrap(), sounds());
    // Validated on labels that are wrong, the better it learns the worse it gets.
    let wrong = |index| {
        let mut example = sounds[2].example(0, index, 0).unwrap();
        example.target.rotate_left(1);
        example
    };
    let wrong: Vec<Example> = (0..9).map(wrong).collect();
    let data = Data { validation: &wrong, ..data(&sounds) };
    let patient = Settings { patience: Some(2), ..settings(30) };
    let run = Run::new(&series(), patient.clone()).unwrap();
    let trained = run.finish(data, &files(folder.path(), "m"), &mut ()).unwrap().unwrap();
    let records = &trained.records;
    assert!(records.len() < 20, "{}", records.len());
    // Before rounding, and since.
    for rounded in [false, true] {
        let losses: Vec<f32> =
            records.iter().filter(|r| r.rounded == rounded).map(|r| r.validation_loss.unwrap()).collect();
        let best = losses.iter().copied().fold(f32::INFINITY, f32::min);
        assert_eq!(losses[losses.len() - 3], best, "{losses:?}");
    }
    // What it ends with is what it was best with, not the last.
    let until = records.len() - 2;
    let run = Run::new(&series(), patient.clone()).unwrap();
    let cut = files(folder.path(), "cut");
    assert!(run.finish(data, &cut, &mut Until(until)).unwrap().is_none());
    assert_eq!(Contents::load(&cut.checkpoint).unwrap().model, trained.model);
    let nothing: Vec<Example> = vec![];
    let run = Run::new(&series(), patient).unwrap();
    let error = run.finish(Data { validation: &nothing, ..data }, &cut, &mut ()).unwrap_err();
    assert_eq!(error.to_string(), "`patience` is set, and there are no validation examples");
}

#[test]
fn what_goes_wrong_is_said() {
    let (folder, sounds) = (tempfile::tempdir().unwrap(), sounds());
    let at = files(folder.path(), "run");
    let run = |model: &Unfolded, settings: Settings, data: Data<'_>| {
        Run::new(model, settings).and_then(|run| run.finish(data, &at, &mut ())).map(|_| ()).unwrap_err().to_string()
    };
    let example = |values: Vec<f32>| vec![Example::of_class(values, 0, CLASSES); 8];
    let with = |examples: &Vec<Example>| run(&series(), settings(2), Data { train: examples, ..data(&sounds) });
    assert_eq!(with(&example(vec![0.0; 71])), "example 3 has 71 values, the model 72".replace('3', &first(8)));
    assert!(with(&example(vec![f32::NAN; 72])).contains("holds NaN, expected finite numbers"));
    assert_eq!(with(&vec![]), "no training examples");
    let wild = Settings { rate: 1e30, ..settings(3) };
    assert!(run(&series(), wild, data(&sounds)).contains("the loss"));
    let none = Settings { batch: 0, ..settings(2) };
    assert_eq!(run(&series(), none, data(&sounds)), "`batch` is 0, expected at least 1");

    let stopped = Run::new(&series(), settings(4)).unwrap().finish(data(&sounds), &at, &mut Until(1)).unwrap();
    assert!(stopped.is_none());
    let reason = |model: &Unfolded, settings| Run::resume(model, settings, &at.checkpoint).err().unwrap().to_string();
    assert!(reason(&series(), settings(5)).contains("run.checkpoint: belongs to a run with other settings"));
    assert!(reason(&image(), settings(4)).contains("run.checkpoint: belongs to a model of another shape"));
    let whole = fs::read(&at.checkpoint).unwrap();
    fs::write(&at.checkpoint, &whole[..whole.len() / 2]).unwrap();
    assert!(reason(&series(), settings(4)).contains("run.checkpoint: not a safetensors file"));
}

/// Which example of so many comes first in the first epoch; all are alike.
fn first(count: usize) -> String {
    use rand::seq::SliceRandom;
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut draw(3, 0, u64::MAX));
    order[0].to_string()
}

#[test]
fn settings_and_records_as_text() {
    let text = r#"{ "epochs": 7, "rounding": { "input_bits": 15 } }"#;
    let settings: Settings = serde_json::from_str(text).unwrap();
    assert_eq!(settings.rounded_from(), 4);
    let conversion = settings.rounding.conversion();
    assert!(conversion.fine_input && !conversion.fine_activations);
    let wrong = |text: &str| serde_json::from_str::<Settings>(text).unwrap_err().to_string();
    assert!(wrong(r#"{ "epoch": 7 }"#).contains("unknown field `epoch`"));
    assert!(wrong(r#"{ "rounding": { "input_bits": 9 } }"#).contains("9 bits, expected 8, or 15"));
    let never = Settings { rounding: Rounding { from: 1.0, ..Rounding::default() }, ..settings };
    assert_eq!(never.rounded_from(), 7);

    let rates: Vec<f64> = (0..100).map(|step| never.rate_at(step, 100)).collect();
    assert!(rates[..4].is_sorted() && rates[4..].is_sorted_by(|a, b| a >= b));
    assert!((rates[4] - 2e-3).abs() < 1e-9 && (rates[99] - 2e-5).abs() < 1e-9, "{} {}", rates[4], rates[99]);

    let record = |epoch: usize| Record {
        epoch,
        loss: 1.0 / epoch as f32,
        accuracy: Some(0.5),
        validation_loss: None,
        validation_accuracy: None,
        rate: 0.25,
        rounded: epoch > 2,
    };
    let records = [1, 2, 3].map(record);
    assert_eq!(
        csv(&records[1..]).lines().collect::<Vec<_>>(),
        [
            "epoch,loss,accuracy,validation_loss,validation_accuracy,rate,rounded",
            "2,0.5,0.5,,,0.25,false",
            "3,0.33333334,0.5,,,0.25,true",
        ]
    );
    let picture = svg(&records).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("polyline") && picture.contains("rounded from here"));
    assert!(!picture.contains("validation"));
    assert!(svg(&[]).is_ok());
}
