//! Sentences of known grammar: what refers to what is known without a parser.

use crate::augment::{Draw, draw};
use rand::seq::IndexedRandom;
use std::fmt;
use std::ops::Range;

/// How two words belong together; the later one is the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// A pronoun to the name that it stands for.
    Name,
    /// A noun to its article.
    Article,
    /// A noun to its adjective.
    Adjective,
    /// A verb to its subject.
    Subject,
    /// The object of a preposition to that.
    Preposition,
}

impl Relation {
    /// All of them, in the order of [`Self::index`].
    pub const ALL: [Self; 5] = [Self::Name, Self::Article, Self::Adjective, Self::Subject, Self::Preposition];

    /// Its place in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "pronoun to name",
            Self::Article => "noun to article",
            Self::Adjective => "noun to adjective",
            Self::Subject => "verb to subject",
            Self::Preposition => "object to preposition",
        })
    }
}

/// Two words that belong together: query and key, by their place.
pub type Pair = (Relation, usize, usize);

/// A sentence or two, and the pairs in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Its words and punctuation.
    pub words: Vec<&'static str>,
    /// Which of them belong together.
    pub pairs: &'static [Pair],
}

impl Sentence {
    /// The text: a space before each word but the first, none before punctuation.
    #[must_use]
    pub fn text(&self) -> String {
        let spans = self.spans();
        let mut text = String::new();
        for (word, span) in self.words.iter().zip(spans) {
            text.extend(std::iter::repeat_n(' ', span.start - text.len()));
            text.push_str(word);
        }
        text
    }

    /// Where the words are in the text, in bytes.
    #[must_use]
    pub fn spans(&self) -> Vec<Range<usize>> {
        let mut end = 0;
        let span = |word: &&str| {
            let start = if end == 0 || [".", ","].contains(word) { end } else { end + 1 };
            end = start + word.len();
            start..end
        };
        self.words.iter().map(span).collect()
    }
}

/// A word of a template.
enum Slot {
    This(&'static str),
    Any(&'static [&'static str]),
}

use Slot::{Any, This};

struct Template {
    words: &'static [Slot],
    pairs: &'static [Pair],
}

// Common words of children's stories, which small models know; none begins with a vowel, for the article.
const GIRL: Slot = Any(&["Lily", "Mia", "Sue", "Amy", "Sara", "Lucy", "Anna"]);
const BOY: Slot = Any(&["Tom", "Ben", "Max", "Tim", "Sam", "Jack", "Bob"]);
const ANIMAL: Slot = Any(&["dog", "cat", "bird", "bear", "rabbit", "frog", "mouse"]);
const THING: Slot = Any(&["box", "ball", "tree", "car", "table", "bed", "toy", "hat"]);
const TOY: Slot = Any(&["car", "train", "boat", "box", "bear"]);
const PLACE: Slot = Any(&["park", "house", "garden", "forest", "kitchen", "shop", "farm"]);
const ADJECTIVE: Slot = Any(&["big", "red", "small", "blue", "new", "pretty", "soft", "green"]);
const MOOD: Slot = Any(&["happy", "sad", "tired", "scared", "hungry"]);
const VERB: Slot = Any(&["sat", "played", "ran", "slept", "jumped", "waited"]);
const PREPOSITION: Slot = Any(&["near", "behind", "under", "by", "beside"]);

macro_rules! pairs {
    ($($relation:ident $query:literal $key:literal),* $(,)?) => { &[$((Relation::$relation, $query, $key)),*] };
}

/// Distances differ from one template to the next, so that no fixed one is enough, and so does whom a pronoun means.
const TEMPLATES: [Template; 6] = [
    Template {
        words: &MEETING_HER,
        pairs: pairs![
            Name 8 0, Article 6 4, Article 13 12, Adjective 6 5, Subject 1 0, Subject 10 8, Preposition 6 3,
            Preposition 13 11,
        ],
    },
    Template {
        words: &[
            BOY,
            This("gave"),
            GIRL,
            This("a"),
            ADJECTIVE,
            This("toy"),
            TOY,
            This("."),
            This("He"),
            VERB,
            PREPOSITION,
            This("the"),
            ADJECTIVE,
            PLACE,
            This("."),
        ],
        pairs: pairs![
            Name 8 0, Article 6 3, Article 13 11, Adjective 6 4, Adjective 13 12, Subject 1 0, Subject 9 8,
            Preposition 13 10,
        ],
    },
    Template {
        words: &[
            This("The"),
            ADJECTIVE,
            ANIMAL,
            PREPOSITION,
            This("the"),
            THING,
            VERB,
            This("."),
            This("A"),
            ANIMAL,
            This("in"),
            This("the"),
            PLACE,
            VERB,
            This("with"),
            GIRL,
            This("because"),
            This("she"),
            This("was"),
            MOOD,
            This("."),
        ],
        pairs: pairs![
            Name 17 15, Article 2 0, Article 5 4, Article 9 8, Article 12 11, Adjective 2 1, Subject 6 2, Subject 13 9,
            Subject 18 17, Preposition 5 3, Preposition 12 10, Preposition 15 14,
        ],
    },
    Template {
        words: &MEETING_HIM,
        pairs: pairs![
            Name 8 2, Article 6 4, Article 13 12, Adjective 6 5, Subject 1 0, Subject 10 8, Preposition 6 3,
            Preposition 13 11,
        ],
    },
    Template {
        words: &[
            BOY,
            This("gave"),
            GIRL,
            This("a"),
            ADJECTIVE,
            This("toy"),
            TOY,
            This("."),
            This("She"),
            VERB,
            PREPOSITION,
            This("the"),
            PLACE,
            This("."),
        ],
        pairs: pairs![
            Name 8 2, Article 6 3, Article 12 11, Adjective 6 4, Subject 1 0, Subject 9 8, Preposition 12 10,
        ],
    },
    Template {
        words: &[
            This("In"),
            This("the"),
            PLACE,
            This(","),
            BOY,
            VERB,
            PREPOSITION,
            This("a"),
            THING,
            This("."),
            GIRL,
            This("was"),
            MOOD,
            This(","),
            This("so"),
            This("he"),
            This("went"),
            This("to"),
            This("the"),
            ADJECTIVE,
            PLACE,
            This("."),
        ],
        pairs: pairs![
            Name 15 4, Article 2 1, Article 8 7, Article 20 18, Adjective 20 19, Subject 5 4, Subject 11 10,
            Subject 16 15, Preposition 2 0, Preposition 8 6, Preposition 20 17,
        ],
    },
];

const MEETING_HER: [Slot; 15] = meeting("She");
const MEETING_HIM: [Slot; 15] = meeting("He");

const fn meeting(pronoun: &'static str) -> [Slot; 15] {
    [
        GIRL,
        This("met"),
        BOY,
        This("in"),
        This("the"),
        ADJECTIVE,
        PLACE,
        This("."),
        This(pronoun),
        This("soon"),
        VERB,
        PREPOSITION,
        This("the"),
        THING,
        This("."),
    ]
}

/// The number of the draws.
const SEED: u64 = 0x7465_6d70;

/// So many sentences, each template in its turn, the same ones every time.
#[must_use]
pub fn sentences(count: usize) -> Vec<Sentence> {
    let of = |draw: &mut Draw, slot: &Slot| match slot {
        This(word) => word,
        Any(words) => words.choose(draw).copied().unwrap_or_default(),
    };
    let one = |number: usize| {
        let template = &TEMPLATES[number % TEMPLATES.len()];
        let draw = &mut draw(SEED, 0, number as u64);
        Sentence { words: template.words.iter().map(|slot| of(draw, slot)).collect(), pairs: template.pairs }
    };
    (0..count).map(one).collect()
}

/// What a head would hit that always looks the same distance back, for each relation: the share of its pairs that
/// are the commonest distance apart (Voita et al. 2019, section 5.1).
#[must_use]
pub fn at_one_distance(sentences: &[Sentence]) -> [f64; 5] {
    Relation::ALL.map(|relation| {
        let pairs = sentences.iter().flat_map(|sentence| sentence.pairs).filter(|pair| pair.0 == relation);
        let distances: Vec<usize> = pairs.map(|&(_, query, key)| query - key).collect();
        let count = |distance: &usize| distances.iter().filter(|other| *other == distance).count();
        let most = distances.iter().map(count).max().unwrap_or(0);
        most as f64 / distances.len().max(1) as f64
    })
}
