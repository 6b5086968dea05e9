//! From a TOML to a `.heed` file: what is trained, what is refused before, and what an interruption leaves.

use heedful::dynamic::Model;
use heedful::format::write::EventsModel;
use heedful_import::graph::{Model as Graph, Place, Sample, Site};
use heedful_lab::network;
use heedful_lab::project::{Project, Task, Trained};
use heedful_lab::training::{Files, Observer, Record};
use std::f32::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};

/// Sounds of three labels, each a tone of its own, and of noise: "nothing".
const SOUNDS: &str = r#"
    [data]
    folder = "sounds"
    validate = 0.25
    nothing = "noise"
    [input]
    kind = "audio"
    rate = 8000
    seconds = 0.25
    bands = 16
    [model]
    width = 12
    heads = 2
    hidden = 12
    blocks = 1
    frames_per_token = 4
    [train]
    epochs = 12
    batch = 8
    rate = 1e-2
    [augment]
    shift = 0.02
    gain = [-6.0, 6.0]
    background = [10.0, 20.0]
    made_nothing = 0.1
"#;

struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Twelve recordings of each label.
    fn sounds() -> Self {
        let desk = Self::new();
        let sound = |name: &str, of: &dyn Fn(usize) -> f32| {
            let samples: Vec<i16> = (0..2400).map(|n| (6000.0 * of(n)) as i16).collect();
            desk.write(name, "");
            heedful_recordings::write_wav(&desk.path(name), &samples, 8000).unwrap();
        };
        for take in 0..12 {
            for (label, hertz) in [("high", 2000.0), ("low", 300.0), ("middle", 900.0)] {
                let turn = TAU * (hertz + 10.0 * take as f32) / 8000.0;
                sound(&format!("sounds/{label}/{take}.wav"), &|n| (turn * n as f32).sin());
            }
            let mut state = take + 1u32;
            let noise: Vec<f32> = (0..2400)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 16) as f32 / 32_768.0 - 1.0
                })
                .collect();
            sound(&format!("noise/{take}.wav"), &|n| noise[n]);
        }
        desk
    }

    fn task(&self, text: &str) -> Result<Task, String> {
        let path = self.write("project.toml", text);
        Project::load(&path).and_then(|project| Task::new(project, None)).map_err(|error| error.to_string())
    }

    fn refusal(&self, text: &str) -> String {
        match self.task(text) {
            Ok(_) => panic!("accepted"),
            Err(error) => error,
        }
    }
}

fn train(task: &Task, out: &Path) -> Trained {
    task.train(None, &Files::beside(out), false, &mut ()).unwrap().unwrap()
}

/// Stops after so many epochs.
struct Until(usize);

impl Observer for Until {
    fn epoch(&mut self, record: &Record) -> bool {
        record.epoch < self.0
    }
}

#[test]
fn sounds_from_recordings_to_a_file() {
    let desk = Desk::sounds();
    let task = desk.task(SOUNDS).unwrap();
    assert_eq!(task.data.labels, ["high", "low", "middle", "nothing"]);
    let untrained = task.untrained().unwrap();
    let out = desk.path("model.heed");
    let trained = train(&task, &out);
    assert!(trained.judged.confusion.accuracy() > 0.9, "{}", trained.judged.confusion);
    assert!(trained.float_judged.confusion.accuracy() > 0.9, "{}", trained.float_judged.confusion);
    let heed = Model::load(&trained.bytes).unwrap();
    assert_eq!(heed.labels(), task.data.labels);
    assert_eq!(heed.frontend().unwrap().params.bands, 16);
    // Thresholds are in the file, for labels alone.
    let events = EventsModel::of(&trained.bytes).unwrap();
    assert_eq!(events.cadence, 10);
    assert_eq!(events.classes.iter().map(|class| class.is_silent).collect::<Vec<_>>(), [false, false, false, true]);
    // What training changes are numbers, not sizes.
    assert_eq!(heed.flash_bytes(), untrained.flash_bytes());
    // From microphone to label, by the file alone.
    let tone: Vec<i16> = (0..2000).map(|n| (5000.0 * (TAU * 920.0 / 8000.0 * n as f32).sin()) as i16).collect();
    let heard = heed.hear(&tone).unwrap();
    assert_eq!(heed.infer_input(heard.input(), &[]).best().class, 2);
    // The float weights lie beside, and a stranger can import them.
    trained.save(&out, &task.project).unwrap();
    assert_eq!(fs::read(&out).unwrap(), trained.bytes);
    assert!(heedful_lab::network::file::model(&out.with_extension("safetensors")).is_ok());
}

#[test]
fn interrupted_runs_go_on_bit_for_bit() {
    let desk = Desk::sounds();
    let task = desk.task(&SOUNDS.replace("epochs = 12", "epochs = 4")).unwrap();
    let whole = train(&task, &desk.path("whole.heed"));
    let files = Files::beside(&desk.path("parts.heed"));
    assert!(task.train(None, &files, false, &mut Until(2)).unwrap().is_none());
    let parts = task.train(None, &files, true, &mut ()).unwrap().unwrap();
    assert_eq!(whole.bytes, parts.bytes);
    assert_eq!(whole.records, parts.records);
    let other = desk.task(&SOUNDS.replace("epochs = 12", "epochs = 4\nseed = 2")).unwrap();
    assert_ne!(train(&other, &desk.path("other.heed")).bytes, whole.bytes);
}

/// Rows that swing along one axis of two.
const SERIES: &str = r#"
    [data]
    folder = "series"
    validate = 0.25
    [input]
    kind = "series"
    columns = ["x", "y"]
    rate = 50
    resolution = 0.01
    steps = 32
    stride = 16
    [model]
    width = 8
    heads = 2
    hidden = 16
    blocks = 1
    frames_per_token = 4
    [train]
    epochs = 10
    batch = 8
    rate = 1e-2
    [augment]
    speed = [0.9, 1.1]
    shift = 4
    noise = [0.0, 0.1]
"#;

fn series() -> Desk {
    let desk = Desk::new();
    for take in 0..8 {
        for (label, [along, across]) in [("left", [1.0, 0.1]), ("up", [0.1, 1.0])] {
            let row = |n: usize| {
                let swing = (0.4 * (n + 3 * take) as f32).sin();
                format!("{},{}\n", 10.0 + 3.0 * along * swing, -5.0 + 2.0 * across * swing)
            };
            let rows: String = (0..80).map(row).collect();
            desk.write(&format!("series/{label}/{take}.csv"), format!("x,y\n{rows}"));
        }
    }
    desk
}

#[test]
fn readings_of_sensors() {
    let desk = series();
    let task = desk.task(SERIES).unwrap();
    let trained = train(&task, &desk.path("model.heed"));
    assert_eq!(trained.judged.confusion.accuracy(), 1.0, "{}", trained.judged.confusion);
    let heed = Model::load(&trained.bytes).unwrap();
    assert_eq!(heed.channel_names(), ["x", "y"]);
    // Raw readings, in hundredths.
    let reading = |n: usize| [1000 + (300.0 * (0.4 * n as f32).sin()) as i16, -500];
    let readings: Vec<i16> = (0..32).flat_map(reading).collect();
    assert_eq!(heed.infer_input(heedful::Input::Readings(&readings), &[]).best().class, 0);
}

#[test]
fn images() {
    let desk = Desk::new();
    for take in 0u8..16 {
        for (label, rows) in [("bottom", 4..8), ("top", 0..4)] {
            let mut bytes = b"P5 8 8 255\n".to_vec();
            let pixel = |at: u8| if rows.contains(&(at / 8)) { 200 + take } else { 30 - take };
            bytes.extend((0..64).map(pixel));
            desk.write(&format!("images/{label}/{take}.pgm"), bytes);
        }
    }
    let task = desk.task(
        r#"
        [data]
        folder = "images"
        [input]
        kind = "image"
        height = 8
        width = 8
        [model]
        width = 8
        heads = 2
        hidden = 8
        blocks = 1
        patch = 4
        [train]
        epochs = 40
        batch = 8
        rate = 1e-2
        "#,
    );
    let task = task.unwrap();
    let trained = train(&task, &desk.path("model.heed"));
    assert_eq!(trained.judged.confusion.accuracy(), 1.0, "{}", trained.judged.confusion);
    assert_eq!(trained.float_judged.confusion.accuracy(), 1.0);
}

#[test]
fn units_of_some_labels() {
    let desk = series();
    let plain = desk.task(SERIES).unwrap();
    for take in 0..8 {
        let path = format!("series/up/{take}.csv");
        let text = fs::read_to_string(desk.path(&path)).unwrap();
        let thousandths = |line: &str| -> String {
            let values: Vec<String> =
                line.split(',').map(|x| (x.parse::<f64>().unwrap() * 1000.0).to_string()).collect();
            values.join(",") + "\n"
        };
        let rows: String = text.lines().skip(1).map(thousandths).collect();
        desk.write(&path, format!("x,y\n{rows}"));
    }
    let text = SERIES.replace("steps = 32", "steps = 32\nfactors = { up = 0.001 }");
    let mended = desk.task(&text).unwrap();
    let usual = |task: &Task| match &task.inputs {
        heedful_lab::project::Inputs::Series { usual, .. } => usual.clone(),
        _ => panic!(),
    };
    for (found, expected) in usual(&mended).iter().flatten().zip(usual(&plain).iter().flatten()) {
        assert!((found - expected).abs() < 1e-3 * expected.abs(), "{found}, {expected}");
    }
    let error = desk.refusal(&text.replace("factors = { up", "factors = { upp"));
    assert!(error.contains("upp") && error.contains("left, up"), "{error}");
}

#[test]
fn what_does_not_fit_is_said_before_training() {
    let desk = Desk::sounds();
    let task = desk.task(&format!("{SOUNDS}\n[budget]\nflash = \"4K\"\nram = 1000\ninstructions = \"1K\"")).unwrap();
    let over = task.project.budget.over(&task.untrained().unwrap()).unwrap().unwrap();
    for part in ["bytes of flash, ", "bytes of ram", "more than `instructions` allows"] {
        assert!(over.contains(part), "{over}");
    }
    let roomy = desk.task(&format!("{SOUNDS}\n[budget]\nflash = \"64K\"\ncore = \"cortex-m0\"")).unwrap();
    assert_eq!(roomy.project.budget.over(&roomy.untrained().unwrap()).unwrap(), None);
}

#[test]
fn wrong_projects() {
    let desk = Desk::sounds();
    let cases = [
        (SOUNDS.replace("frames_per_token", "frame_per_token"), "frames_per_token"),
        (SOUNDS.replace("[augment]", "[augment]\nspead = [1.0, 1.1]"), "`speed`"),
        (SOUNDS.replace("kind = \"audio\"", "kind = \"sound\""), "audio"),
        (SOUNDS.replace("seconds = 0.25", ""), "`seconds` is missing"),
        (SOUNDS.replace("heads = 2", "heads = 5"), "heads"),
        (SOUNDS.replace("epochs = 12", "epochs = 0"), "`epochs` is 0"),
        (SOUNDS.replace("shift = 0.02", "turn = 10"), "`augment.turn` is for series"),
        (SOUNDS.replace("shift = 0.02", "speed = [1.2, 0.8]"), "`augment.speed` is [1.2, 0.8]"),
        (SOUNDS.replace("shift = 0.02", "mix_up = 2.0"), "`augment.mix_up` is 2"),
        (SOUNDS.replace("shift = 0.02", "often = { lou = 2 }"), "lou, which is no label: there are high, low"),
        (SOUNDS.replace("nothing = \"noise\"", ""), "`augment.background` needs `data.nothing`"),
        (SOUNDS.replace("bands = 16", "bands = 81"), "81 mel bands"),
        (SOUNDS.replace("bands = 16", "bands = 16\nhigh = 5000"), "half the sample rate"),
        (SOUNDS.replace("epochs = 12", "rounding = { input_bits = 15 }"), "expected 8 of sound"),
        (format!("{SOUNDS}\n[events]\ncadence = 0"), "`events.cadence` is 0"),
        (format!("{SOUNDS}\n[events]\nhold_off = -1"), "`events.hold_off` is -1, expected seconds from 0"),
        (format!("{SOUNDS}\n[events]\nlongest = nan"), "`events.longest` is NaN"),
        (format!("{SOUNDS}\n[events]\nshortest = 2\nlongest = 1"), "`events.shortest` is 2, expected 1 at most"),
        (format!("{SOUNDS}\n[events]\nsilent = [\"lo\"]"), "`events.silent` has lo, which is no label"),
        (format!("{SOUNDS}\n[budget]\nflash = \"lots\""), "\"lots\" is no number of bytes"),
        (format!("{SOUNDS}\n[budget]\nram = -1"), "64K"),
    ];
    for (text, expected) in cases {
        let error = desk.refusal(&text);
        assert!(error.contains(expected), "{error}\nexpected: {expected}");
    }
    let error = series().refusal(&SERIES.replace("resolution = 0.01", "resolution = 10.0"));
    assert!(error.contains("`resolution` is 10"), "{error}");
    let lonely = Desk::sounds();
    for label in ["high", "middle"] {
        fs::remove_dir_all(lonely.path("sounds").join(label)).unwrap();
    }
    let text = SOUNDS.replace("nothing = \"noise\"", "");
    let error = lonely.refusal(&text[..text.find("[augment]").unwrap()]);
    assert!(error.contains("only one label, `low`"), "{error}");
}

fn tone() -> Vec<i16> {
    (0..2000).map(|n| (5000.0 * (TAU * 2040.0 / 8000.0 * n as f32).sin()) as i16).collect()
}

/// Weights of the last attention in the mean of its heads, on a tone.
fn attention(model: &Graph, task: &Task) -> Vec<f32> {
    let (last, mut sum) = (model.blocks.len() - 1, vec![]);
    let mut taps = |place: Place, rows: &[f32], _: usize| {
        if matches!(place, Place::Block(block, Site::Weights(_)) if block == last) {
            sum.resize(rows.len(), 0.0);
            sum.iter_mut().zip(rows).for_each(|(sum, x)| *sum += x / model.blocks[last].attention.heads as f32);
        }
    };
    model.run(Sample::Values(&task.inputs.features(&tone())), &mut taps).unwrap();
    sum
}

/// In the mean.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32
}

/// A student of another width attends to what its teacher attends to, if that counts.
#[test]
fn from_the_last_block_of_a_teacher() {
    let desk = Desk::sounds();
    let task = desk.task(SOUNDS).unwrap();
    let out = desk.path("teacher.heed");
    let float = out.with_extension("safetensors");
    let mut teacher = train(&task, &out);
    teacher.save(&out, &task.project).unwrap();
    let told = |distil: &str, file: &Path| {
        let task = desk.task(&format!("{SOUNDS}\n[distil]\n{distil}")).unwrap();
        task.teacher(file).unwrap().says(&tone(), &task.inputs.features(&tone())).inside
    };
    let expected = attention(&network::file::model(&float).unwrap(), &task);
    for file in [&out, &float] {
        let found = difference(&told("attention = 1.0", file), &expected);
        assert!(found < 0.01, "{}: {found}", file.display());
    }
    let both = told("attention = 1.0\nhidden = 1.0", &float);
    let (_, cosines) = both.split_at(expected.len());
    assert_eq!(cosines.len(), expected.len());
    assert!(cosines.iter().all(|x| (-1.001..1.001).contains(x)) && (cosines[0] - 1.0).abs() < 1e-4);

    // One that looks more closely.
    let query = &mut teacher.float.model.blocks[0].attention.query;
    query.weight.values.iter_mut().chain(query.bias.iter_mut().flatten()).for_each(|x| *x *= 20.0);
    teacher.save(&out, &task.project).unwrap();
    let expected = attention(&network::file::model(&float).unwrap(), &task);
    let small = SOUNDS.replace("width = 12", "width = 8").replace("epochs = 12", "epochs = 30");
    let distance = |distil: &str| {
        let task = desk.task(&format!("{small}\n[distil]\n{distil}")).unwrap();
        let teacher = task.teacher(&float).unwrap();
        let files = Files::beside(&desk.path("student.heed"));
        let student = task.train(Some(&teacher), &files, false, &mut ()).unwrap().unwrap();
        difference(&attention(&student.float.fold(), &task), &expected)
    };
    let (without, with) = (distance("weight = 0.5"), distance("attention = 10.0\nhidden = 1.0"));
    assert!(with < 0.75 * without, "{with} {without}");

    let refusal = |text: &str, file: &Path| desk.task(text).unwrap().teacher(file).err().unwrap().to_string();
    let error = refusal(&format!("{small}\n[distil]\nhidden = 1.0"), &out);
    assert!(error.contains("needs the float weights"), "{error}");
    let other = small.replace("frames_per_token = 4", "frames_per_token = 3");
    let error = refusal(&format!("{other}\n[distil]\nattention = 1.0"), &float);
    assert!(error.contains("tokens, expected"), "{error}");
}

/// A teacher that knows better is followed where labels are wrong.
#[test]
fn from_a_teacher() {
    let desk = Desk::sounds();
    let task = desk.task(SOUNDS).unwrap();
    let out = desk.path("teacher.heed");
    let teacher = train(&task, &out);
    teacher.save(&out, &task.project).unwrap();
    // Two labels are exchanged: the recordings say the one, the teacher the other.
    for (from, to) in [("high", "x"), ("low", "high"), ("x", "low")] {
        fs::rename(desk.path("sounds").join(from), desk.path("sounds").join(to)).unwrap();
    }
    let taught = desk.task(&format!("{SOUNDS}\n[distil]\nweight = 1.0\nunlabelled = [\"noise\"]")).unwrap();
    for file in [out.clone(), out.with_extension("safetensors")] {
        let teacher = taught.teacher(&file).unwrap();
        assert_eq!(teacher.unlabelled.len(), 24);
        let student = taught.train(Some(&teacher), &Files::beside(&desk.path("student.heed")), false, &mut ()).unwrap();
        let heed = Model::load(&student.unwrap().bytes).unwrap();
        let heard = heed.hear(&tone()).unwrap();
        assert_eq!(heed.labels()[heed.infer_input(heard.input(), &[]).best().class], "high");
    }
    let stranger = desk.write("bad.heed", "HEED");
    assert!(taught.teacher(&stranger).is_err());
    let others = desk.task(&SOUNDS.replace("[data]", "[data]\nrename = { middle = \"mid\" }")).unwrap();
    let error = others.teacher(&out).err().unwrap().to_string();
    assert!(error.contains("the teacher has no label mid: it has high, low, middle, nothing"), "{error}");
}
