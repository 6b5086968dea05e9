//! What the names of files say: `{label}_{speaker}_{take}`.

use serde::{Deserialize, Serialize};

/// A pattern of paths below a folder, without extensions.
///
/// `{x}` is a field and reaches to the next character that is not in braces, `{x:2}` is a field of two characters, `{}`
/// is left aside. A field ends at `/`, which parts folders; `{}` does not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    pieces: Vec<Piece>,
    fields: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    /// Index of the field, if it has a name; its characters, if they are counted.
    Hole(Option<usize>, Option<usize>),
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Pattern {
    /// Takes a pattern apart.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("the pattern `{text}` {what}");
        let (mut pieces, mut fields, mut rest): (Vec<Piece>, Vec<String>, _) = (vec![], vec![], text);
        while !rest.is_empty() {
            let (literal, hole) = rest.split_once('{').map_or((rest, None), |(before, after)| (before, Some(after)));
            if literal.contains('}') {
                return Err(wrong("has a } without a {"));
            }
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.to_string()));
            }
            let Some(hole) = hole else { break };
            let (inside, after) = hole.split_once('}').ok_or_else(|| wrong("has a { without a }"))?;
            let (name, width) = inside.split_once(':').map_or((inside, None), |(name, width)| (name, Some(width)));
            let width = match width.map(str::parse) {
                None => None,
                Some(Ok(width @ 1..)) => Some(width),
                Some(_) => return Err(wrong("has a field that is no `{name}`, `{name:2}` or `{}`")),
            };
            if let Some(Piece::Hole(_, None)) = pieces.last() {
                return Err(wrong("has two fields with nothing between, of which the first has no width"));
            }
            if fields.iter().any(|field| field == name) {
                return Err(wrong(&format!("has `{{{name}}}` twice")));
            }
            if name.contains(['{', '/']) {
                return Err(wrong("has a field whose name has a { or /"));
            }
            let index = (!name.is_empty()).then(|| {
                fields.push(name.to_string());
                fields.len() - 1
            });
            pieces.push(Piece::Hole(index, width));
            rest = after;
        }
        if pieces.is_empty() {
            return Err("the pattern is empty, expected one such as `{label}/{}`".into());
        }
        Ok(Self { text: text.to_string(), pieces, fields })
    }

    /// Names of the fields, in the order they come in.
    #[must_use]
    pub fn fields(&self) -> &[String] {
        &self.fields
    }

    /// Values of the fields in a path, if it is as the pattern says.
    #[must_use]
    pub fn values<'a>(&self, path: &'a str) -> Option<Vec<&'a str>> {
        let (mut values, mut rest) = (vec![""; self.fields.len()], path);
        let mut pieces = self.pieces.as_slice();
        // What a pattern ends with is what the name ends with, though it may come earlier in it, too.
        if let [before @ .., Piece::Literal(end)] = pieces {
            rest = rest.strip_suffix(end.as_str())?;
            pieces = before;
        }
        for (n, piece) in pieces.iter().enumerate() {
            let taken = match piece {
                Piece::Literal(literal) => {
                    rest = rest.strip_prefix(literal.as_str())?;
                    continue;
                }
                Piece::Hole(_, Some(width)) => {
                    let mut ends = rest.char_indices().map(|(at, c)| at + c.len_utf8());
                    ends.nth(width - 1)?
                }
                Piece::Hole(_, None) => match pieces.get(n + 1) {
                    Some(Piece::Literal(literal)) => rest.find(literal.as_str())?,
                    _ => rest.len(),
                },
            };
            let value;
            (value, rest) = rest.split_at(taken);
            if let Piece::Hole(Some(field), _) = piece {
                if value.is_empty() || value.contains('/') {
                    return None;
                }
                values[*field] = value;
            }
        }
        rest.is_empty().then_some(values)
    }

    /// The text with values in its fields; `Err` names a field without a value.
    pub(super) fn fill<'a>(&'a self, value: impl Fn(&str) -> Option<&'a str>) -> Result<String, &'a str> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text += literal,
                Piece::Hole(Some(field), _) => {
                    let name = self.fields[*field].as_str();
                    text += value(name).ok_or(name)?;
                }
                Piece::Hole(None, _) => return Err(""),
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    fn values<'a>(pattern: &str, path: &'a str) -> Option<Vec<&'a str>> {
        Pattern::new(pattern).unwrap().values(path)
    }

    #[test]
    fn fields_of_names() {
        assert_eq!(values("{label}_{speaker}_{take}", "7_theo_12"), Some(vec!["7", "theo", "12"]));
        assert_eq!(values("{label}/{fold:1}{}", "rain/1-17367-A"), Some(vec!["rain", "1"]));
        assert_eq!(values("{label}/{}_{person}", "ring/ring_hyw"), Some(vec!["ring", "hyw"]));
        assert_eq!(values("{label}/{}", "a b, c/d/e"), Some(vec!["a b, c"]));
        assert_eq!(values("{record}_beats", "a_beats_beats"), Some(vec!["a_beats"]));
        assert_eq!(values("{a:2}{b:1}", "äöü"), Some(vec!["äö", "ü"]));
        assert_eq!(values("x{}", "x"), Some(vec![]));
    }

    #[test]
    fn other_names() {
        for (pattern, path) in [
            ("{label}_{take}", "7"),
            ("{label}_{take}", "_7"),
            ("{label}_{take}", "7_"),
            ("{label}_{take}", "a/7_1"),
            ("{label}_{take}", "7_a/1"),
            ("{label}/{}", "7"),
            ("{label}/{fold:1}{}", "a/"),
            ("{label}/{fold:2}", "a/123"),
            ("{a:2}", "ä"),
            ("{label}x", "7y"),
        ] {
            assert_eq!(values(pattern, path), None, "{pattern} {path}");
        }
    }

    #[test]
    fn wrong_patterns() {
        for (pattern, reason) in [
            ("", "is empty"),
            ("{label", "{ without a }"),
            ("label}", "} without a {"),
            ("{a}{b}", "nothing between"),
            ("{}{b}", "nothing between"),
            ("{a}_{a}", "`{a}` twice"),
            ("{a:0}", "no `{name}`"),
            ("{a:x}", "no `{name}`"),
        ] {
            let error = Pattern::new(pattern).unwrap_err();
            assert!(error.contains(reason), "{pattern}: {error}");
        }
    }

    #[test]
    fn filled() {
        let pattern = Pattern::new("{record}_beats.csv").unwrap();
        assert_eq!(pattern.fill(|name| (name == "record").then_some("106")), Ok("106_beats.csv".to_string()));
        assert_eq!(pattern.fill(|_| None), Err("record"));
    }
}
