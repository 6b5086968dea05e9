//! Folders and tables of sounds, windows, and the class "nothing".

use super::{Desk, counts, noticed, notices};
use heedful_lab::dataset::{Content, Dataset, Options, Span};

const AUDIO: &str = "[input]\nkind = \"audio\"\nrate = 1000\nseconds = 0.1\n";

fn sound(dataset: &Dataset, item: usize) -> Vec<i16> {
    let Content::Sound(samples) = dataset.content(&dataset.items[item]).unwrap() else { panic!("no sound") };
    samples
}

/// Files of two labels, of 100 samples each, all different.
fn two_labels(desk: &Desk, each: usize) {
    for n in 0..each {
        desk.wav(&format!("in/no/{n}.wav"), 100 * n as i16, 100).wav(
            &format!("in/yes/{n}.WAV"),
            5000 + 100 * n as i16,
            100,
        );
    }
}

#[test]
fn folders() {
    let desk = Desk::new();
    two_labels(&desk, 10);
    desk.write("in/README.md", "x").write("in/.git/1.wav", "x").write("in/yes/.x.wav", "x");
    std::fs::create_dir(desk.path("in/maybe")).unwrap();
    let dataset = desk.works(&format!("[data]\nfolder = \"in\"\n{AUDIO}"));
    assert_eq!(dataset.labels, ["no", "yes"]);
    assert_eq!(counts(&dataset), [("no", 8, 2), ("yes", 8, 2)]);
    assert_eq!((dataset.groups.len(), dataset.rate, dataset.nothing), (20, Some(1000.0), false));
    assert_eq!(dataset.path(dataset.items[3].recording), desk.path("in/no/3.wav"));
    assert_eq!(sound(&dataset, 3), (300..400).collect::<Vec<i16>>());
    noticed(&dataset, "1 files of other kinds are not read, such as");
    noticed(&dataset, "maybe: no file to read");
    assert_eq!(notices(&dataset).len(), 2, "{:?}", notices(&dataset));

    // Labels that are listed: their order, and no others.
    let dataset = desk.works(&format!("labels = [\"yes\", \"no\"]\n[data]\nfolder = \"in\"\n{AUDIO}"));
    assert_eq!(counts(&dataset), [("yes", 8, 2), ("no", 8, 2)]);
    // What is not listed is not even read.
    desk.write("in/up/1.wav", "no sound");
    let dataset = desk.works(&format!("labels = [\"yes\", \"no\"]\n[data]\nfolder = \"in\"\n{AUDIO}"));
    assert!(dataset.report.to_string().contains("left out by `labels`: 1 of up"), "{}", dataset.report);
}

#[test]
fn same_seed_same_split() {
    let desk = Desk::new();
    two_labels(&desk, 10);
    let toml = format!("[data]\nfolder = \"in\"\n{AUDIO}");
    let split = |seed| super::read(desk.root(), &toml, seed).unwrap().split;
    assert_eq!(split(1), split(1));
    assert_ne!(split(1), split(2));
}

#[test]
fn numbers_and_new_names() {
    let desk = Desk::new();
    for n in [0, 2, 10, 9] {
        (0..3).for_each(|take| {
            desk.wav(&format!("in/{n}/{take}.wav"), n * 1000 + take, 100);
        });
    }
    let dataset = desk.works(&format!("[data]\nfolder = \"in\"\n{AUDIO}"));
    assert_eq!(dataset.labels, ["0", "2", "9", "10"]);
    let rename = "rename = { \"0\" = \"none\", 9 = \"many\", 10 = \"many\" }";
    let dataset = desk.works(&format!("[data]\nfolder = \"in\"\n{rename}\n{AUDIO}"));
    assert_eq!(dataset.labels, ["2", "many", "none"]);
    assert_eq!(dataset.items.iter().filter(|item| item.class == 1).count(), 6);
    let error = desk.fails(&format!("[data]\nfolder = \"in\"\nrename = {{ \"11\" = \"x\" }}\n{AUDIO}"));
    assert!(error.starts_with("rename: there is no label `11`, did you mean `10`?"), "{error}");
}

#[test]
fn windows_of_long_recordings() {
    let desk = Desk::new();
    // 350 samples: windows of 100 every 50 from 0 to 250. 130: one, and 30 samples that are half a stride or more.
    desk.wav("in/a/long.wav", 0, 350).wav("in/a/short.wav", 1000, 40).wav("in/a/some.wav", 2000, 130);
    (0..3).for_each(|n| {
        desk.wav(&format!("in/b/{n}.wav"), 3000 + n, 100);
    });
    let dataset = desk.works(&format!("[data]\nfolder = \"in\"\n{AUDIO}stride = 0.05\n"));
    let spans: Vec<_> = dataset.items.iter().filter(|item| item.class == 0).map(|item| item.span).collect();
    let span = |start| Some(Span { start, length: 100 });
    let long: Vec<_> = (0..6).map(|n| span(50 * n)).collect();
    assert_eq!(spans, [long, vec![None, span(0), span(30)]].concat());
    assert_eq!(sound(&dataset, 3), (150..250).collect::<Vec<i16>>());
    assert_eq!(sound(&dataset, 6).len(), 40);
    // With more on both sides, and silence where the recording ends.
    let Content::Sound(wider) = dataset.content_wider(&dataset.items[5], 20).unwrap() else { panic!() };
    assert_eq!(wider, [(230..350).collect::<Vec<i16>>(), vec![0; 20]].concat());
    assert_eq!(dataset.recording(dataset.items[5].recording).unwrap().rows(), 350);
    noticed(&dataset, "1 recordings are shorter than an input and filled up; the shortest,");
    noticed(&dataset, "is 0.40 of it");

    // Without a stride, each recording is one example.
    let dataset = desk.works(&format!("[data]\nfolder = \"in\"\n{AUDIO}"));
    assert_eq!(dataset.items.len(), 6);
    noticed(&dataset, "2 recordings are longer than an input, and one is made of each (`stride` cuts windows)");
    noticed(&dataset, "is 3.50 times as long");
}

#[test]
fn what_is_no_label() {
    let desk = Desk::new();
    two_labels(&desk, 10);
    for n in 0..10 {
        desk.wav(&format!("in/street/deep/{n}.wav"), 9000 + n, 50).wav(&format!("speech/{n}.wav"), 12_000 + n, 200);
    }
    let toml = format!("[data]\nfolder = \"in\"\nnothing = [\"in/street\", \"speech\"]\n{AUDIO}");
    let dataset = desk.works(&toml);
    assert_eq!((dataset.labels.last().unwrap().as_str(), dataset.nothing), ("nothing", true));
    // Ten short ones, and two windows of each long one.
    let nothing = &dataset.report.lines[2];
    assert_eq!(nothing.train.windows + nothing.validation.windows, 30);
    assert_eq!(nothing.train.groups + nothing.validation.groups, 20);
    assert!((5..=7).contains(&nothing.validation.windows), "{}", dataset.report);

    // A folder of the label beside, and labels that are listed.
    desk.wav("in/nothing/1.wav", 20_000, 100);
    for labels in ["", "labels = [\"yes\", \"no\"]\n", "labels = [\"yes\", \"no\", \"nothing\"]\n"] {
        let dataset = desk.works(&format!("{labels}{toml}"));
        assert_eq!(dataset.labels.len(), 3);
        assert_eq!(dataset.items.iter().filter(|item| item.class == 2).count(), 31, "{labels}");
    }
    // One label and nothing are enough.
    let dataset = desk.works(&format!("labels = [\"yes\"]\n{toml}"));
    assert_eq!(dataset.labels, ["yes", "nothing"]);
    assert_eq!(dataset.items.len(), 41);
}

/// Files of other rates and of several channels beside others.
#[test]
fn other_rates() {
    let desk = Desk::new();
    two_labels(&desk, 3);
    desk.wav_at("in/no/twice.wav", 0, 400, 2000).wav_at("in/yes/thrice.wav", 0, 900, 3000);
    let dataset = desk.works(&format!("[data]\nfolder = \"in\"\n{AUDIO}"));
    assert_eq!((dataset.recording(3).unwrap().rows(), dataset.recording(7).unwrap().rows()), (200, 300));
    noticed(&dataset, "2 files, such as ");
    noticed(&dataset, "no/twice.wav: 2000 a second brought to 1000");
}

/// By fields, nothing is split by the share that the labels have.
#[test]
fn nothing_beside_fields() {
    let desk = Desk::new();
    two_labels(&desk, 10);
    (0..20).for_each(|n| {
        desk.wav(&format!("street/{n}.wav"), 9000 + n, 100);
    });
    let data =
        "[data]\nfolder = \"in\"\nname = \"{label}/{take}\"\nnothing = \"street\"\nvalidate = { take = [1, 2, 3] }";
    let dataset = desk.works(&format!("{data}\n{AUDIO}"));
    assert_eq!(counts(&dataset), [("no", 7, 3), ("yes", 7, 3), ("nothing", 14, 6)]);
}

#[test]
fn tables() {
    let desk = Desk::new();
    for n in 0..6 {
        desk.wav(&format!("files/{n}.wav"), 100 * n, 100);
    }
    let table = "\u{feff}file,label,group\r\nfiles/0.wav,\"left, right\",a\r\nfiles/1.wav,\"left, right\",a\r\n\
        files/2.wav,up and down,a\r\nfiles/3.wav,\"left, right\",b\r\n\
        files/4.wav,up and down,b\r\nfiles/5.wav,up and down,b\r\n";
    desk.write("in/table.csv", table.replace("files/", "../files/"));
    let toml = format!("[data]\ntable = \"in/table.csv\"\n{AUDIO}");
    let dataset = desk.works(&toml);
    assert_eq!(dataset.labels, ["left, right", "up and down"]);
    assert_eq!(dataset.groups, ["a", "b"]);
    let side = super::groups(&dataset, &dataset.split.validation);
    assert_eq!(side.len(), 1);
    assert_eq!(counts(&dataset).iter().map(|(_, _, validation)| validation).sum::<usize>(), 3);

    // The table of what was read says the same, and labels are quoted where they must be.
    let mut written = vec![];
    dataset.write_table(&mut written).unwrap();
    let written = String::from_utf8(written).unwrap();
    assert!(written.starts_with("file,label,group,side,start,length\n"), "{written}");
    assert!(written.contains("0.wav,\"left, right\",a,") && written.contains(",0,100\n"), "{written}");
    desk.write("again.csv", &written);
    let by_side = "[data]\ntable = \"again.csv\"\nvalidate = { side = \"validation\" }\n";
    let again = desk.works(&format!("{by_side}{AUDIO}"));
    assert_eq!((&again.labels, &again.items, &again.split), (&dataset.labels, &dataset.items, &dataset.split));
}

/// Contents beyond the limit are read again, or kept beside if they are of several windows.
#[test]
fn memory_is_bounded() {
    let desk = Desk::new();
    two_labels(&desk, 5);
    (0..3).for_each(|n| {
        desk.wav(&format!("in/no/long{n}.wav"), 10_000 * n, 5000);
    });
    let toml = format!("[data]\nfolder = \"in\"\n{AUDIO}stride = 0.1\n");
    let config: super::Config = heedful_import::words::parse(&toml).unwrap();
    let read = |memory| {
        let options = Options { memory, ..Options::new(desk.root(), 1) };
        Dataset::read(&config.data, &config.input, &options).unwrap()
    };
    let (all, some, none) = (read(1 << 20), read(900), read(0));
    assert_eq!(all.memory(), 2 * (10 * 100 + 3 * 5000));
    assert!(some.memory() > 0 && some.memory() <= 900 && none.memory() == 0);
    assert_eq!((&all.items, &all.split), (&none.items, &none.split));
    for item in &all.items {
        let expected = all.content_wider(item, 7).unwrap();
        assert!(some.content_wider(item, 7).unwrap() == expected && none.content_wider(item, 7).unwrap() == expected);
    }
    // What was read again, and is there no longer.
    std::fs::remove_file(desk.path("in/no/0.wav")).unwrap();
    let item = none.items.iter().find(|item| none.path(item.recording).ends_with("no/0.wav")).unwrap();
    assert!(all.content(item).is_ok());
    assert!(none.content(item).unwrap_err().to_string().contains("no/0.wav"));
}

#[test]
fn progress_is_told() {
    let desk = Desk::new();
    two_labels(&desk, 5);
    let config: super::Config = heedful_import::words::parse(&format!("[data]\nfolder = \"in\"\n{AUDIO}")).unwrap();
    let told = std::sync::Mutex::new(vec![]);
    let progress = |done, all| told.lock().unwrap().push((done, all));
    let options = Options { progress: Some(&progress), ..Options::new(desk.root(), 1) };
    Dataset::read(&config.data, &config.input, &options).unwrap();
    let mut told = told.into_inner().unwrap();
    told.sort_unstable();
    assert_eq!(told, (1..=10).map(|n| (n, 10)).collect::<Vec<_>>());
}
