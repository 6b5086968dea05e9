//! Which files there are, and what their names or a table say of them; nothing of them is read yet.

use super::config::{Data, InputConfig};
use super::files::{Listing, list, stem};
use super::notice::Notice;
use super::pattern::Pattern;
use super::rows::Rows;
use super::{DataError, LABEL};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// A file and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Values of the fields; none of what has no label.
    pub values: Vec<String>,
    /// The file of its marks.
    pub marks: Option<PathBuf>,
    /// Whether it is of the class "nothing".
    pub nothing: bool,
}

/// All files.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Names of the fields.
    pub fields: Vec<String>,
    /// The files.
    pub files: Vec<Found>,
    /// What is noticeable.
    pub notices: Vec<Notice>,
}

/// The field that is there where no pattern is: the path below the folder, without its extension.
const FILE: &str = "file";

/// Where labels come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LabelFrom {
    /// A file has one, by its name or a table.
    File,
    /// Each row has one.
    Rows,
    /// Each mark has one.
    Marks,
}

impl LabelFrom {
    pub fn of(input: &InputConfig) -> Self {
        match input {
            InputConfig::Series(series) if series.marks.is_some() => Self::Marks,
            InputConfig::Series(series) if series.label.is_some() => Self::Rows,
            _ => Self::File,
        }
    }
}

/// Looks for all files.
pub(super) fn gather(data: &Data, input: &InputConfig, root: &Path) -> Result<Gathered, DataError> {
    let labels = LabelFrom::of(input);
    let folder = data.folder.as_ref().map(|folder| root.join(folder));
    let nothing: Vec<PathBuf> = data.nothing.iter().map(|folder| root.join(folder)).collect();
    // What lies in one of the folders is not to be found again from another that it lies in.
    let mut listed = HashSet::new();
    for path in folder.iter().chain(&nothing) {
        let canonical = path.canonicalize().map_err(DataError::open(path, "folder"))?;
        if !listed.insert(canonical) {
            return Err(DataError::setting("nothing", format!("{} twice", path.display()), "different folders"));
        }
    }
    let others = |path: &Path| -> Vec<PathBuf> {
        let canonical = path.canonicalize().unwrap_or_default();
        listed.iter().filter(|other| **other != canonical).cloned().collect()
    };
    let mut gathered = match (&folder, &data.table) {
        (Some(folder), _) => {
            let listing = list(folder, input.extensions(), &others(folder))?;
            of_folder(folder, listing, data.name.as_ref(), labels)?
        }
        (_, table) => of_table(&root.join(table.as_deref().unwrap_or(Path::new(""))), data, input, labels)?,
    };
    if let InputConfig::Series(series) = input
        && let Some(marks) = &series.marks
    {
        find_marks(&mut gathered, marks)?;
    }
    for folder in &nothing {
        let listing = list(folder, input.extensions(), &others(folder))?;
        let found = |path| Found { path, values: vec![], marks: None, nothing: true };
        gathered.files.extend(listing.paths.into_iter().map(found));
    }
    Ok(gathered)
}

fn of_folder(
    folder: &Path,
    listing: Listing,
    name: Option<&Pattern>,
    labels: LabelFrom,
) -> Result<Gathered, DataError> {
    let default = Pattern::new("{label}/{}").map_err(|error| DataError::setting("name", error, ""))?;
    let pattern = if labels == LabelFrom::File { Some(name.unwrap_or(&default)) } else { name };
    let fields = pattern.map_or(vec![FILE.to_string()], |pattern| pattern.fields().to_vec());
    check_label(&fields, pattern, labels)?;
    let (mut files, mut notices, mut unlike) = (vec![], vec![], (0, None));
    for path in listing.paths {
        let stem = stem(&path, folder)?;
        let values = match pattern {
            Some(pattern) => pattern.values(&stem).map(|values| values.into_iter().map(str::to_string).collect()),
            None => Some(vec![stem]),
        };
        match values {
            Some(values) => files.push(Found { path, values, marks: None, nothing: false }),
            None => {
                unlike.0 += 1;
                unlike.1.get_or_insert(path);
            }
        }
    }
    if let (Some(pattern), (count, Some(example))) = (pattern, unlike) {
        if files.is_empty() {
            return Err(DataError::NoMatch { pattern: pattern.to_string(), example: example.display().to_string() });
        }
        notices.push(Notice::OtherNames { pattern: pattern.to_string(), count, example });
    }
    if let (count, Some(example)) = listing.others {
        notices.push(Notice::OtherFiles { count, example });
    }
    notices.extend(listing.empty.into_iter().map(|path| Notice::EmptyFolder { path }));
    Ok(Gathered { fields, files, notices })
}

fn of_table(path: &Path, data: &Data, input: &InputConfig, labels: LabelFrom) -> Result<Gathered, DataError> {
    let mut rows = Rows::open(path)?;
    let file = rows.column(FILE)?;
    if labels == LabelFrom::File {
        rows.column(LABEL)?;
    }
    let mut fields = rows.header.clone();
    if let Some(name) = &data.name {
        if let Some(twice) = name.fields().iter().find(|field| fields.contains(field)) {
            let found = format!("`{name}`, but the table has a column `{twice}`, too");
            return Err(DataError::setting("name", found, "fields that are no columns"));
        }
        fields.extend(name.fields().iter().cloned());
    }
    check_label(&fields, None, labels)?;
    let below = path.parent().unwrap_or(Path::new(""));
    let (mut files, mut lines, mut wrong) = (vec![], HashMap::new(), vec![]);
    while rows.next()? {
        let found = below.join(rows.text(file));
        let mut values: Vec<String> = rows.row.iter().map(str::to_string).collect();
        if let Some(empty) = values.iter().position(|value| value.is_empty())
            && (empty == file || rows.header[empty] == LABEL)
        {
            return Err(rows.wrong(format!("`{}` is empty", rows.header[empty])));
        }
        if let Some(name) = &data.name {
            let stem = stem(Path::new(rows.text(file)), Path::new(""))?;
            let more = name.values(&stem);
            let more = more.ok_or_else(|| rows.wrong(format!("{stem} is not named as `{name}` says")))?;
            values.extend(more.into_iter().map(str::to_string));
        }
        let extension = found.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        if !input.extensions().contains(&extension.as_str()) {
            let expected = input.extensions().join(", ");
            return Err(rows.wrong(format!("{} is no file that can be read: {expected}", rows.text(file))));
        }
        let Ok(canonical) = found.canonicalize() else {
            wrong.push(rows.wrong(DataError::missing(&found, "file")));
            continue;
        };
        if let Some(first) = lines.insert(canonical, rows.line) {
            let file = rows.text(file).to_string();
            return Err(DataError::Twice { path: path.to_owned(), first, second: rows.line, file });
        }
        files.push(Found { path: found, values, marks: None, nothing: false });
    }
    match (wrong.is_empty(), files.is_empty()) {
        (false, _) => Err(DataError::several(wrong)),
        (_, true) => Err(DataError::file(path, "no rows below the header")),
        _ => Ok(Gathered { fields, files, notices: vec![] }),
    }
}

/// Refuses two sources of labels, or none.
fn check_label(fields: &[String], pattern: Option<&Pattern>, labels: LabelFrom) -> Result<(), DataError> {
    let named = fields.iter().any(|field| field == LABEL);
    let found = pattern.map_or("a table".to_string(), Pattern::to_string);
    match labels {
        LabelFrom::File if !named => Err(DataError::setting("name", found, "one with `{label}`")),
        LabelFrom::Rows | LabelFrom::Marks if named => {
            let expected = "no label of files where `[input]` names labels of rows or marks";
            Err(DataError::setting("name", format!("{found}, which has a label"), expected))
        }
        _ => Ok(()),
    }
}

/// The file of marks of each file; what is such a file is no recording itself.
fn find_marks(gathered: &mut Gathered, marks: &str) -> Result<(), DataError> {
    let wrong = |reason: String| DataError::setting("marks", format!("`{marks}`"), reason);
    let pattern = Pattern::new(marks).map_err(wrong)?;
    for file in &mut gathered.files {
        let value = |name: &str| {
            let at = gathered.fields.iter().position(|field| field == name)?;
            file.values.get(at).map(String::as_str)
        };
        let filled = pattern
            .fill(value)
            .map_err(|field| DataError::unknown("marks", "field", field, gathered.fields.iter().map(String::as_str)))?;
        // A path below the folder is that of the file, too.
        let name = filled.rsplit('/').next().unwrap_or_default();
        file.marks = Some(file.path.with_file_name(name));
    }
    let all: HashSet<PathBuf> = gathered.files.iter().filter_map(|file| file.marks.clone()).collect();
    gathered.files.retain(|file| !all.contains(&file.path));
    let lacking = gathered.files.iter().filter_map(|file| file.marks.as_ref()).filter(|path| !path.is_file());
    let lacking: Vec<_> = lacking.map(|path| DataError::missing(path, "file")).collect();
    match (lacking.is_empty(), gathered.files.is_empty()) {
        (false, _) => Err(DataError::several(lacking)),
        (_, true) => Err(wrong("files of marks beside the recordings, not the recordings themselves".into())),
        _ => Ok(()),
    }
}
