//! What cannot be used says where, what was found and what is allowed.

use super::Desk;
use heedful_import::words;

const AUDIO: &str = "[input]\nkind = \"audio\"\nrate = 1000\nseconds = 0.1\n";
const SERIES: &str = "[input]\nkind = \"series\"\ncolumns = [\"x\", \"y\"]\nsteps = 4\n";

fn refused(toml: &str) -> String {
    words::parse::<super::Config>(toml).map(|_| panic!("{toml}")).unwrap_err().to_string()
}

#[test]
fn keys_and_words() {
    let data = "[data]\nfolder = \"in\"\n";
    for (toml, expected) in [
        (
            format!("[data]\nfoldr = \"in\"\n{AUDIO}"),
            "line 2: unknown key `foldr`, did you mean `folder`?; known: folder, table,",
        ),
        (format!("{data}{AUDIO}secnds = 1\n"), "line 7: unknown key `secnds`, did you mean `seconds`?"),
        (
            format!("{data}[input]\nkind = \"sereis\"\n"),
            "unknown word `sereis`, did you mean `series`?; known: audio, series, image",
        ),
        (format!("{data}{AUDIO}steps = 4\n"), "`steps` is no key of `kind = \"audio\"`, which has: rate, seconds"),
        (format!("{data}{SERIES}height = 4\n"), "`height` is no key of `kind = \"series\"`"),
        (format!("{data}[input]\nkind = \"image\"\nheight = 4\n"), "`width` is missing"),
        (
            format!("{data}[input]\nkind = \"image\"\nheight = 4\nwidth = 4\nchannels = 2\n"),
            "`channels` is 2, expected 1",
        ),
        (format!("{data}[input]\nkind = \"audio\"\nseconds = 1\n"), "`rate` is missing"),
        (
            format!("{data}[input]\nkind = \"audio\"\nseconds = 1\nrate = 8000.5\n"),
            "`rate` is 8000.5, expected a whole number",
        ),
        (
            format!("{data}[input]\nkind = \"audio\"\nseconds = nan\nrate = 8000\n"),
            "`seconds` is NaN, expected more than 0",
        ),
        (format!("{data}{SERIES}stride = 0\n"), "`stride` is 0, expected a whole number from 1"),
        (format!("{data}{SERIES}time_unit = \"ms\"\n"), "`time_unit` is there without `time`"),
        (format!("{data}{SERIES}marks = \"a\"\nstride = 1\n"), "`stride` is there beside `marks` without `between`"),
        (format!("{data}{SERIES}between = \"a\"\nclear = 1\n"), "`between` is there without `marks`"),
        (format!("{data}{SERIES}marks = \"a\"\nbetween = \"a\"\n"), "`clear` is missing"),
        (format!("{data}{SERIES}marks = \"a\"\nclear = 1\n"), "`clear` is there without `between`"),
        (format!("{data}{SERIES}marks = \"a\"\nbetween = \"a\"\nclear = 0\n"), "`clear` is 0, expected a whole"),
        (format!("{data}{}", SERIES.replace("\"y\"", "\"x\"")), "`columns` has `x` twice"),
        (format!("{data}name = \"{{label\"\n{AUDIO}"), "line 3: the pattern `{label` has a { without a }"),
        (format!("{data}validate = \"some\"\n{AUDIO}"), "line 3: a share such as 0.2, or fields"),
    ] {
        let error = refused(&toml);
        assert!(error.contains(expected), "{toml}\n{error}");
    }
}

#[test]
fn settings() {
    let desk = Desk::new();
    desk.wav("in/a/1.wav", 0, 100).wav("in/b/1.wav", 1, 100).wav("in/b/2.wav", 2, 100);
    for (toml, expected) in [
        ("[data]\n", "`folder` is missing, expected `folder` or `table`"),
        ("[data]\nfolder = \"in\"\ntable = \"x.csv\"\n", "`folder` is there beside `table`, expected one of both"),
        ("[data]\nfolder = \"in\"\nvalidate = 1\n", "`validate` is 1, expected a share above 0 and below 1, or fields"),
        ("[data]\nfolder = \"in\"\nleave_out = 0.0\n", "`leave_out` is 0, expected a share"),
        ("[data]\nfolder = \"in\"\nvalidate = { a = [] }\n", "`validate` is without values"),
        ("[data]\nfolder = \"in\"\nname = \"{a}/{b}\"\n", "`name` is {a}/{b}, expected one with `{label}`"),
        ("[data]\nfolder = \"in\"\nname = \"{label}-{b}\"\n", "no file is named as `{label}-{b}` says, such as "),
        (
            "[data]\nfolder = \"in\"\ngroup = \"lable\"\n",
            "group: there is no field `lable`, did you mean `label`?; there is: label",
        ),
        ("[data]\nfolder = \"in\"\nvalidate = { who = 1 }\n", "validate: there is no field `who`; there is: label"),
        ("[data]\nfolder = \"in\"\nnothing = \"in\"\n", "`nothing` is "),
        ("[data]\nfolder = \"inn\"\n", "inn: there is no such folder, did you mean `in`?"),
        ("[data]\nfolder = \"in\"\nnothing = \"in/aa\"\n", "in/aa: there is no such folder, did you mean `a`?"),
        ("labels = [\"a\", \"c\"]\n[data]\nfolder = \"in\"\n", "labels: there is no label `c`; there are: a, b"),
        ("labels = [\"a\", \"a\"]\n[data]\nfolder = \"in\"\n", "`labels` is `a` twice"),
        (
            "labels = [\"b\"]\n[data]\nfolder = \"in\"\n",
            "only one label, `b`: expected two or more, or one and `nothing`",
        ),
        (
            "labels = [\"nothing\", \"a\"]\n[data]\nfolder = \"in\"\nnothing = \"in/b\"\n",
            "`labels` is `nothing` among others",
        ),
        ("[data]\nfolder = \"in\"\nleave_out = { label = [\"a\", \"b\"] }\n", "nothing trains: all of it is left out"),
    ] {
        let error = desk.fails(&format!("{toml}{AUDIO}"));
        assert!(error.contains(expected), "{toml}\n{error}");
    }
    // Of one file each, none can validate.
    std::fs::remove_file(desk.path("in/b/2.wav")).unwrap();
    let error = desk.fails(&format!("[data]\nfolder = \"in\"\n{AUDIO}"));
    assert!(error.starts_with("nothing validates: "), "{error}");
    let label = "x".repeat(256);
    let error = desk.fails(&format!("[data]\nfolder = \"in\"\nrename = {{ a = \"{label}\" }}\n{AUDIO}"));
    assert_eq!(error, "`label` is 256 bytes long, expected 1 to 255 bytes without control characters");
}

#[test]
fn folders_without_sounds() {
    let desk = Desk::new();
    desk.write("in/a/1.csv", "x").write("in/b/1.txt", "x");
    let error = desk.fails(&format!("[data]\nfolder = \"in\"\n{AUDIO}"));
    assert!(error.contains("in: no file to read among 2 files; read are wav, "), "{error}");
    desk.wav("in/a/1.wav", 0, 100).write("street/x.md", "x");
    let error = desk.fails(&format!("[data]\nfolder = \"in\"\nnothing = \"street\"\n{AUDIO}"));
    assert!(error.contains("street: no file to read among 1 files"), "{error}");
}

/// All that are wrong are told at once.
#[test]
fn sounds_that_cannot_be_read() {
    let desk = Desk::new();
    for n in 0..15 {
        desk.wav(&format!("in/a/{n}.wav"), n, 100).wav(&format!("in/b/{n}.wav"), 100 + n, 100);
    }
    desk.write("in/a/3.wav", "");
    let toml = format!("[data]\nfolder = \"in\"\n{AUDIO}");
    let error = desk.fails(&toml);
    assert!(error.contains("a/3.wav: empty file"), "{error}");
    desk.write("in/a/4.wav", "RIFF");
    let error = desk.fails(&toml);
    assert!(error.starts_with("2 files cannot be used:\n  ") && error.contains("a/4.wav: "), "{error}");
    (0..12).for_each(|n| {
        desk.write(&format!("in/b/{n}.wav"), "x");
    });
    let error = desk.fails(&toml);
    assert!(error.starts_with("14 files cannot be used:\n") && error.ends_with("\n  and 4 more"), "{error}");
}

#[test]
fn tables() {
    let desk = Desk::new();
    desk.wav("in/1.wav", 0, 100).wav("in/2.wav", 1, 100).write("in/x.doc", "x");
    let read = |table: &str, more: &str| {
        desk.write("in/table.csv", table);
        desk.fails(&format!("[data]\ntable = \"in/table.csv\"\n{more}{AUDIO}"))
    };
    for (table, expected) in [
        ("", "table.csv: the file is empty"),
        ("file,label\n", "table.csv: no rows below the header"),
        ("file,lable\n1.wav,a\n", "there is no column `label`, did you mean `lable`?; there are: file, lable"),
        ("file,label\n1.wav,a\n2.wav\n", "table.csv, line 3: 1 values, expected 2 as in the header"),
        ("file,label\n1.wav,a\n2.wav,\n", "table.csv, line 3: `label` is empty"),
        ("file,label\n1.wav,a\n,b\n", "table.csv, line 3: `file` is empty"),
        ("file,label\n1.wav,a\n3.wav,b\n", "table.csv, line 3: "),
        ("file,label\n1.wav,a\n3.wav,b\n", "in/3.wav: there is no such file, did you mean `"),
        ("file,label\n3.wav,a\n4.wav,b\n", "2 files cannot be used:\n"),
        ("file,label\n1.wav,a\nx.doc,b\n", "table.csv, line 3: x.doc is no file that can be read: wav, "),
        ("file,label\n1.wav,a\n2.wav,b\n../in/1.wav,b\n", "table.csv, lines 2 and 4: both name ../in/1.wav"),
        (
            "file,label\n1.wav,a\n2.wav,\"b\nc\"\n",
            "2.wav: `label` is \"b\\nc\", expected 1 to 255 bytes without control",
        ),
    ] {
        let error = read(table, "");
        assert!(error.contains(expected), "{table}\n{error}");
    }
    let table = "file,label\n1.wav,a\n2.wav,b\n";
    assert!(read(table, "name = \"{label}\"\n").contains("the table has a column `label`, too"));
    assert!(read(table, "name = \"{take}_\"\n").contains("line 2: 1 is not named as `{take}_` says"));
    assert!(
        read(table, "group = \"speaker\"\n").contains("group: there is no field `speaker`; there are: file, label")
    );
    let error = desk.fails(&format!("[data]\ntable = \"in/tabel.csv\"\n{AUDIO}"));
    assert!(error.contains("tabel.csv: there is no such file, did you mean `table.csv`?"), "{error}");
}

#[test]
fn series() {
    let desk = Desk::new();
    let good = "x,y\n1,2\n3,4\n";
    for n in 0..3 {
        desk.write(&format!("in/a/{n}.csv"), good).write(&format!("in/b/{n}.csv"), good);
    }
    let toml = format!("[data]\nfolder = \"in\"\n{SERIES}");
    for (text, expected) in [
        ("", "a/1.csv: the file is empty, expected a header and rows"),
        ("x,y\n", "a/1.csv: no rows, expected at least one"),
        ("x,z\n1,2\n", "a/1.csv: there is no column `y`"),
        ("x,yy\n1,2\n", "a/1.csv: there is no column `y`, did you mean `yy`?; there are: x, yy"),
        ("1,2\n3,4\n", "a/1.csv, line 1: the first row is 1,2, expected names of columns"),
        ("x,y\n1,2\n3,4,5\n", "a/1.csv, line 3: 3 values, expected 2 as in the header"),
        ("x,y\n1,NaN\n", "a/1.csv, line 2: `y` is \"NaN\", expected a finite number"),
        ("x,y\n1,2\n-inf,2\n", "a/1.csv, line 3: `x` is \"-inf\", expected a finite number"),
        ("x,y\n1,1e39\n", "a/1.csv, line 2: `y` is \"1e39\", expected a finite number"),
        ("x,y\n1,\n", "a/1.csv, line 2: `y` is empty, expected a finite number"),
    ] {
        desk.write("in/a/1.csv", text);
        let error = desk.fails(&toml);
        assert!(error.contains(expected), "{text}\n{error}");
    }
    // Columns that are not named are all there are.
    desk.write("in/a/1.csv", "x,y,z\n1,2,3\n");
    let error = desk.fails(&toml.replace("columns = [\"x\", \"y\"]\n", ""));
    assert!(error.contains("a/1.csv: 3 channels, ") && error.ends_with("a/0.csv has 2"), "{error}");
    let error = desk.fails(&format!("{toml}label = \"who\"\n"));
    assert!(error.contains("there is no column `who`"), "{error}");
    let named = toml.replace("[input]", "name = \"{label}/{n}\"\n[input]");
    let error = desk.fails(&format!("{named}label = \"x\"\n"));
    assert!(error.starts_with("`name` is {label}/{n}, which has a label, expected no label of files"), "{error}");
}
