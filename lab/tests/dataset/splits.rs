//! Groups stay together.

use super::{Desk, counts, groups, noticed};

const AUDIO: &str = "[input]\nkind = \"audio\"\nrate = 1000\nseconds = 0.1\n";
const NAMES: &str = "[data]\nfolder = \"in\"\nname = \"{label}_{speaker}_{take}\"\n";

/// Three words of five speakers, four takes each.
fn words(desk: &Desk) {
    for (w, word) in ["one", "two", "three"].iter().enumerate() {
        for (s, speaker) in ["ann", "bob", "cid", "dan", "eve"].iter().enumerate() {
            for take in 0..4 {
                desk.wav(&format!("in/{word}_{speaker}_{take}.wav"), (1000 * w + 100 * s + take) as i16, 100);
            }
        }
    }
}

#[test]
fn a_share_of_the_groups() {
    let desk = Desk::new();
    words(&desk);
    let mut validating = std::collections::BTreeSet::new();
    for seed in 0..20 {
        let dataset = super::read(desk.root(), &format!("{NAMES}group = \"speaker\"\nvalidate = 0.4\n{AUDIO}"), seed);
        let dataset = dataset.unwrap();
        super::check(&dataset);
        let [train, validation] = [&dataset.split.train, &dataset.split.validation].map(|side| groups(&dataset, side));
        assert_eq!((train.len(), validation.len()), (3, 2));
        assert!(train.iter().all(|group| !validation.contains(group)));
        assert_eq!(counts(&dataset), [("one", 12, 8), ("three", 12, 8), ("two", 12, 8)]);
        assert_eq!((dataset.report.all.train.groups, dataset.report.all.validation.groups), (3, 2));
        validating.insert(validation.join(" "));
    }
    assert!(validating.len() > 3, "{validating:?}");
}

#[test]
fn by_fields() {
    let desk = Desk::new();
    words(&desk);
    let dataset = desk.works(&format!("{NAMES}validate = {{ take = [\"0\", 1] }}\n{AUDIO}"));
    assert_eq!(counts(&dataset), [("one", 10, 10), ("three", 10, 10), ("two", 10, 10)]);
    let both = "validate = { take = \"0\", speaker = [\"ann\", \"bob\"] }";
    let dataset = desk.works(&format!("{NAMES}{both}\n{AUDIO}"));
    assert_eq!(counts(&dataset)[0], ("one", 18, 2));
    let dataset =
        desk.works(&format!("{NAMES}group = \"speaker\"\nvalidate = {{ speaker = [\"eve\", \"fay\"] }}\n{AUDIO}"));
    assert_eq!(groups(&dataset, &dataset.split.validation), ["eve"]);
    noticed(&dataset, "`validate.speaker`: nothing has fay");
}

/// A speaker whose takes are on both sides, where speakers are groups.
#[test]
fn a_group_on_both_sides() {
    let desk = Desk::new();
    words(&desk);
    let error = desk.fails(&format!("{NAMES}group = \"speaker\"\nvalidate = {{ take = [\"0\", \"1\"] }}\n{AUDIO}"));
    assert!(error.starts_with("speaker `ann` stands on both sides: "), "{error}");
    assert!(error.contains("one_ann_2.wav trains, ") && error.contains("one_ann_0.wav validates"), "{error}");
    // Two fields together are another matter.
    let dataset =
        desk.works(&format!("{NAMES}group = [\"speaker\", \"take\"]\nvalidate = {{ take = [\"0\", \"1\"] }}\n{AUDIO}"));
    assert_eq!((dataset.groups.len(), dataset.groups[0].as_str()), (20, "ann, 0"));
}

#[test]
fn what_is_left_out() {
    let desk = Desk::new();
    words(&desk);
    // It is not even read.
    desk.write("in/one_ann_0.wav", "no sound");
    let left = "validate = { take = \"1\" }\nleave_out = { take = [0, 9] }";
    let dataset = desk.works(&format!("{NAMES}{left}\n{AUDIO}"));
    assert_eq!(counts(&dataset), [("one", 10, 5), ("three", 10, 5), ("two", 10, 5)]);
    assert!(dataset.report.to_string().contains("left out by `leave_out`: 5 of three\n"), "{}", dataset.report);
    noticed(&dataset, "`leave_out.take`: nothing has 9");
    desk.wav("in/one_ann_0.wav", 1, 100);
    let dataset = desk.works(&format!("{NAMES}group = \"speaker\"\nleave_out = 0.2\n{AUDIO}"));
    assert_eq!(dataset.groups.len(), 4);
    assert_eq!(dataset.report.left_out.iter().map(|left| left.count).collect::<Vec<_>>(), [4, 4, 4]);
    // The same ones, whatever validates.
    let other = desk.works(&format!("{NAMES}group = \"speaker\"\nleave_out = 0.2\nvalidate = 0.5\n{AUDIO}"));
    assert_eq!(dataset.groups, other.groups);
}

#[test]
fn labels_of_one_group() {
    let desk = Desk::new();
    words(&desk);
    desk.wav("in/four_ann_1.wav", 5000, 100);
    (0..3).for_each(|take| {
        desk.wav(&format!("in/five_bob_{take}.wav"), 6000 + take, 100);
    });
    let dataset = desk.works(&format!("{NAMES}group = \"speaker\"\n{AUDIO}"));
    noticed(&dataset, "four: one recording only, which trains; it cannot be on both sides");
    noticed(&dataset, "five: one group only, which trains; it cannot be on both sides");
    noticed(&dataset, "four: 1 examples, one has 20");
    let side = groups(&dataset, &dataset.split.validation);
    assert!(!side.contains(&"ann") && !side.contains(&"bob"), "{side:?}");
    let dataset = desk.works(&format!("{NAMES}validate = {{ speaker = \"cid\" }}\n{AUDIO}"));
    noticed(&dataset, "five: none validates");
    let error = desk.fails(&format!("{NAMES}validate = {{ speaker = \"bob\" }}\n{AUDIO}"));
    assert!(error.starts_with("nothing trains: `five` has no example"), "{error}");
    let error = desk.fails(&format!("{NAMES}validate = {{ speaker = \"zoe\" }}\n{AUDIO}"));
    assert!(error.starts_with("nothing validates: `validate` chooses none"), "{error}");
}

/// The same recording under two names.
#[test]
fn copies() {
    let desk = Desk::new();
    words(&desk);
    desk.wav("in/one_ann_9.wav", 0, 100);
    let dataset = desk.works(&format!("{NAMES}validate = {{ speaker = \"eve\" }}\n{AUDIO}"));
    noticed(&dataset, "1 files hold the same as another: ");
    desk.wav("in/one_eve_9.wav", 0, 100);
    let dataset = desk.works(&format!("{NAMES}validate = {{ speaker = \"eve\" }}\n{AUDIO}"));
    noticed(&dataset, "one_eve_9.wav, of which one trains and the other validates");
    desk.wav("in/two_ann_9.wav", 0, 100);
    let dataset = desk.works(&format!("{NAMES}validate = {{ take = \"9\" }}\n{AUDIO}"));
    noticed(&dataset, "with different labels");
}
