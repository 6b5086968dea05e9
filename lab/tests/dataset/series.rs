//! Series: columns, takes, time stamps, labels of rows, marks, arrays; and pictures.

use super::{Desk, counts, noticed};
use heedful_import::arrays::Array;
use heedful_lab::dataset::{Content, Dataset, Span};
use std::fmt::Write;

fn series(dataset: &Dataset, item: usize) -> Vec<f32> {
    let Content::Series { values, channels } = dataset.content(&dataset.items[item]).unwrap() else { panic!() };
    assert_eq!(channels, dataset.channels);
    values
}

fn span(start: i64, length: usize) -> Option<Span> {
    Some(Span { start, length })
}

/// Takes of some rows: `take,x,y,note`.
fn takes(first: usize, lengths: &[usize]) -> String {
    let mut text = "take,x,y,note\n".to_string();
    for (take, &length) in lengths.iter().enumerate() {
        (0..length).for_each(|n| writeln!(text, "{take},{},{},0", first + 10 * take + n, -(n as i32)).unwrap());
    }
    text
}

#[test]
fn takes_of_a_file() {
    let desk = Desk::new();
    desk.write("in/up/ann.csv", takes(0, &[4, 5])).write("in/up/bob.csv", takes(100, &[4]));
    desk.write("in/down/ann.csv", takes(200, &[4, 2])).write("in/down/bob.csv", takes(300, &[4, 9]));
    let data = "[data]\nfolder = \"in\"\nname = \"{label}/{person}\"\n";
    let input = "[input]\nkind = \"series\"\ncolumns = [\"y\", \"x\"]\nsteps = 4\ntake = \"take\"\n";
    let dataset = desk.works(&format!("{data}group = \"person\"\nvalidate = {{ person = \"bob\" }}\n{input}"));
    assert_eq!(counts(&dataset), [("down", 2, 2), ("up", 2, 1)]);
    assert_eq!((dataset.channels, dataset.groups.len()), (2, 2));
    assert_eq!(series(&dataset, 1), [0.0, 210.0, -1.0, 211.0]);
    assert_eq!(dataset.items[1].span, None);
    noticed(&dataset, "1 recordings are shorter than an input");

    // Cut into windows, which never reach into the next take.
    let dataset = desk.works(&format!("{data}{input}stride = 3\n"));
    let down_bob: Vec<_> = dataset.items[2..5].iter().map(|item| item.span).collect();
    assert_eq!(down_bob, [None, span(4, 4), span(7, 4)]);
    assert_eq!(dataset.items[5].span, span(9, 4));
    let Content::Series { values, .. } = dataset.content_wider(&dataset.items[3], 1).unwrap() else { panic!() };
    let x: Vec<f32> = values.chunks_exact(2).map(|row| row[1]).collect();
    assert_eq!(x, [310.0, 310.0, 311.0, 312.0, 313.0, 314.0]);

    // Takes as a field, though no name says it; all other columns as channels.
    let all = input.replace("columns = [\"y\", \"x\"]\n", "");
    let dataset = desk.works(&format!("{data}validate = {{ take = 1 }}\n{all}"));
    assert_eq!((dataset.channels, counts(&dataset)), (3, vec![("down", 2, 2), ("up", 2, 1)]));
    let error = desk.fails(&format!("{data}group = \"person\"\nvalidate = {{ take = 1 }}\n{input}"));
    assert!(error.starts_with("person `ann` stands on both sides"), "{error}");
    let error = desk.fails(&format!("{data}group = \"persons\"\n{input}"));
    let expected =
        "group: there is no field `persons`, did you mean `person`?; there are: label, note, person, take, x, y";
    assert_eq!(error, expected);
}

/// One file of all people: columns say who, what and when.
#[test]
fn labels_of_rows() {
    let desk = Desk::new();
    let mut text = "who;time;x;activity\n".to_string();
    for (p, who) in ["ann", "bob", "cid"].iter().enumerate() {
        for n in 0..40 {
            let label = if n < 20 { "walk" } else { "sit down" };
            let label = if n >= 36 { "" } else { label };
            writeln!(text, "{who};{};{};{label}", 1000 * p + 20 * n, 100 * p + n).unwrap();
        }
    }
    desk.write("in/all.csv", text);
    let data = "[data]\nfolder = \"in\"\ngroup = \"who\"\nvalidate = { who = \"bob\" }\n";
    let input =
        "[input]\nkind = \"series\"\ncolumns = [\"x\"]\nlabel = \"activity\"\ntime = \"time\"\ntime_unit = \"ms\"\n";
    let dataset = desk.works(&format!("{data}{input}steps = 8\n"));
    // Windows at 0, 8, 16 (four of each: the label found first), 24 and 32 (half of it without).
    assert_eq!(counts(&dataset), [("sit down", 4, 2), ("walk", 6, 3)]);
    assert_eq!((dataset.groups.clone(), dataset.rate), (vec!["ann".into(), "bob".into(), "cid".into()], Some(50.0)));
    assert_eq!(series(&dataset, 5)[..2], [100.0, 101.0]);
    let dataset = desk.works(&format!("{data}{input}steps = 4\n"));
    noticed(&dataset, "3 windows without a label are left out");
    let dataset = desk.works(&format!("labels = [\"walk\", \"sit down\"]\n{data}{input}steps = 8\nstride = 4\n"));
    assert_eq!(counts(&dataset)[0].0, "walk");
    // At half the rate, there are half as many.
    let dataset = desk.works(&format!("{data}{input}rate = 25\nsteps = 4\n"));
    assert_eq!(counts(&dataset), [("sit down", 4, 2), ("walk", 6, 3)]);
    assert_eq!(series(&dataset, 5), [100.0, 102.0, 104.0, 106.0]);
    noticed(&dataset, "50 a second brought to 25");
}

#[test]
fn rates_of_files() {
    let desk = Desk::new();
    let file = |rate: f64, first: f64| {
        let row = |n| format!("{},{}\n", first + f64::from(n) / rate, f64::from(n) / rate);
        (0..50).map(row).fold("t,x\n".to_string(), |text, row| text + &row)
    };
    for n in 0..3 {
        desk.write(&format!("in/a/{n}.csv"), file(100.0, 17.0 + f64::from(n)));
        desk.write(&format!("in/b/{n}.csv"), file(100.4, 30.0 + f64::from(n)));
    }
    let toml = "[data]\nfolder = \"in\"\n[input]\nkind = \"series\"\ncolumns = [\"x\"]\ntime = \"t\"\nsteps = 10\n";
    assert!((desk.works(toml).rate.unwrap() - 100.4).abs() < 0.01);
    desk.write("in/b/3.csv", file(50.0, 0.0));
    let error = desk.fails(toml);
    assert!(error.contains("b/3.csv: 50.00 rows a second by its time stamps, most have 100"), "{error}");
    let dataset = desk.works(&format!("{toml}rate = 100\n"));
    let found = series(&dataset, 6);
    assert_eq!(found.len(), 99);
    assert!(found.iter().enumerate().all(|(n, x)| (x - n as f32 / 100.0).abs() < 1e-5), "{found:?}");

    // A gap, and time that goes back.
    let gap = file(100.0, 0.0) + &file(100.0, 5.0).replace("t,x\n", "");
    desk.write("in/b/3.csv", &gap);
    let dataset = desk.works(toml);
    assert_eq!(dataset.items.len(), 8);
    noticed(&dataset, "b/3.csv: a gap of 4.51 s before line 52, where a new recording begins");
    desk.write("in/b/3.csv", file(100.0, 5.0) + &file(100.0, 0.0).replace("t,x\n", ""));
    let error = desk.fails(toml);
    assert!(error.contains("b/3.csv, line 52: `t` is 0, expected more than 5.49 of the row before"), "{error}");
}

fn npy(shape: &[usize], first: usize) -> Vec<u8> {
    let values: Vec<f32> = (0..shape.iter().product()).map(|n| (first + n) as f32).collect();
    Array::bytes(shape, &values).unwrap()
}

#[test]
fn windows_around_marks() {
    let desk = Desk::new();
    for n in 0..4 {
        desk.write(&format!("in/r{n}.npy"), npy(&[100], 1000 * n));
        desk.write(&format!("in/r{n}_beats.csv"), "sample,pvc\n1,0\n50,1\n70,0\n99,0\n");
    }
    let toml = "[data]\nfolder = \"in\"\nname = \"{record}\"\ngroup = \"record\"\nvalidate = { record = \"r2\" }\n\
        rename = { 0 = \"normal\", 1 = \"early\" }\n[input]\nkind = \"series\"\n\
        rate = 360\nsteps = 6\nmarks = \"{record}_beats.csv\"\n";
    let dataset = desk.works(toml);
    assert_eq!(counts(&dataset), [("early", 3, 1), ("normal", 9, 3)]);
    assert_eq!((dataset.channels, dataset.items[1].span), (1, span(47, 6)));
    assert_eq!(series(&dataset, 4), [1000.0, 1000.0, 1000.0, 1001.0, 1002.0, 1003.0]);
    assert_eq!(series(&dataset, 7), [1096.0, 1097.0, 1098.0, 1099.0, 1099.0, 1099.0]);
    // What is between marks is a label, too: every 10 rows, where no mark is within 5.
    let dataset = desk.works(&format!("{toml}between = \"nothing\"\nclear = 5\nstride = 10\n"));
    assert_eq!(counts(&dataset), [("early", 3, 1), ("normal", 9, 3), ("nothing", 21, 7)]);
    let middles: Vec<i64> = dataset.items[4..11].iter().map(|item| item.span.unwrap().start + 3).collect();
    assert_eq!(middles, [10, 20, 30, 40, 60, 80, 90]);
    // By any name of its columns, by seconds, and without a pattern of names.
    for n in 0..4 {
        desk.write(&format!("in/r{n}_beats.csv"), "time,kind,by\n0.25,x y,me\n0.5,z,me\n");
    }
    let toml =
        "[data]\nfolder = \"in\"\n[input]\nkind = \"series\"\nrate = 40\nsteps = 2\nmarks = \"{file}_beats.csv\"\n";
    let dataset = desk.works(&format!("{toml}label = \"kind\"\n"));
    assert_eq!((&dataset.labels[..], dataset.items[0].span), (&["x y".to_string(), "z".to_string()][..], span(9, 2)));
    let error = desk.fails(toml);
    assert!(error.contains("r0_beats.csv: there is no column `label`"), "{error}");

    desk.write("in/r1_beats.csv", "time,kind\n0.25,x y\n2.5,z\n");
    let error = desk.fails(&format!("{toml}label = \"kind\"\n"));
    assert!(error.contains("r1_beats.csv, line 3: `time` is 2.5, expected one of the 100 rows"), "{error}");
    std::fs::rename(desk.path("in/r1_beats.csv"), desk.path("in/r1_beat.csv")).unwrap();
    let error = desk.fails(&format!("{toml}label = \"kind\"\n"));
    assert!(error.contains("r1_beats.csv: there is no such file, did you mean `r0_beats.csv`?"), "{error}");
    let error = desk.fails(&format!("{}label = \"kind\"\n", toml.replace("{file}", "{fil}")));
    assert_eq!(error, "marks: there is no field `fil`, did you mean `file`?; there is: file");
}

#[test]
fn arrays() {
    let desk = Desk::new();
    desk.write("in/a/1.npy", npy(&[3, 5, 2], 0))
        .write("in/b/1.npy", npy(&[5, 2], 50))
        .write("in/b/2.NPY", npy(&[5, 2], 70));
    let toml = "[data]\nfolder = \"in\"\nvalidate = 0.5\n[input]\nkind = \"series\"\nsteps = 5\n";
    let dataset = desk.works(toml);
    assert_eq!(dataset.items.len(), 5);
    assert_eq!(series(&dataset, 1), (10..20).map(|n| n as f32).collect::<Vec<_>>());
    let error = desk.fails(&format!("{toml}columns = [\"x\"]\n"));
    assert!(error.contains("a/1.npy: 2 channels, expected 1 as `columns` has"), "{error}");
    let error = desk.fails(&format!("{toml}take = \"take\"\n"));
    assert!(error.contains("a/1.npy: an array has no columns with names, expected a `take`"), "{error}");
    desk.write("in/b/2.NPY", npy(&[5, 3], 0));
    let error = desk.fails(toml);
    assert!(error.ends_with("a/1.npy has 2") && error.contains("b/2.NPY: 3 channels, "), "{error}");
    desk.write("in/b/2.NPY", Array::bytes(&[5, 2], &[f32::INFINITY; 10]).unwrap());
    let error = desk.fails(toml);
    assert!(error.ends_with("b/2.NPY: value 0 is inf, expected finite numbers"), "{error}");
    // More than the values of a model can be.
    let mut large = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    large.extend(format!("{:117}\n", "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }").bytes());
    large.extend([1f64, 1e300].iter().flat_map(|value| value.to_le_bytes()));
    desk.write("in/b/2.NPY", large);
    let error = desk.fails(toml);
    assert!(error.contains("b/2.NPY: value 1 is 1000000") && error.ends_with("expected less than 3.4e38"), "{error}");
    desk.write("in/b/2.NPY", Array::bytes(&[0, 2], &[]).unwrap());
    let error = desk.fails(toml);
    assert!(error.ends_with("b/2.NPY: no rows, expected at least one"), "{error}");
}

/// Thousandths of g beside g.
#[test]
fn other_units() {
    let desk = Desk::new();
    for n in 0..3 {
        let row = |scale: f64| {
            (0..9).fold("x\n".to_string(), |text, k| text + &format!("{}\n", scale * f64::from(n + k + 1)))
        };
        desk.write(&format!("in/a/{n}.csv"), row(0.1)).write(&format!("in/b/{n}.csv"), row(0.3));
        desk.write(&format!("none/{n}.csv"), row(200.0));
    }
    let toml = "[data]\nfolder = \"in\"\nnothing = \"none\"\n[input]\nkind = \"series\"\nsteps = 9\n";
    noticed(&desk.works(toml), "nothing: values 667 times as large as those of the others; are units the same?");
}

#[test]
fn pictures() {
    let desk = Desk::new();
    for n in 0u8..4 {
        let picture = |bright: u8| [b"P5 3 2 255\n".as_slice(), &[bright + n; 6]].concat();
        desk.write(&format!("in/dark/{n}.pgm"), picture(0)).write(&format!("in/light/{n}.PGM"), picture(200));
    }
    desk.write("in/light/large.pgm", [b"P5 6 4 255\n".as_slice(), &[99; 24]].concat());
    let toml = "[data]\nfolder = \"in\"\n[input]\nkind = \"image\"\nheight = 2\nwidth = 3\n";
    let dataset = desk.works(toml);
    assert_eq!(counts(&dataset), [("dark", 3, 1), ("light", 4, 1)]);
    assert_eq!(dataset.content(&dataset.items[5]).unwrap(), Content::Image(vec![201; 6]));
    assert_eq!(dataset.content(&dataset.items[8]).unwrap(), Content::Image(vec![99; 6]));
    assert_eq!((dataset.channels, dataset.rate), (1, None));
    noticed(&dataset, "large.pgm: scaled from 6 columns, 4 rows");
    let dataset = desk.works(&format!("{toml}channels = 3\n"));
    assert_eq!(dataset.content(&dataset.items[1]).unwrap(), Content::Image(vec![1; 18]));
    desk.write("in/light/cut.pgm", "P5 3 2 255\n.");
    assert!(desk.fails(toml).contains("light/cut.pgm: "));
}
