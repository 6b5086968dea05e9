//! Heads of language models: planted ones, those of chance, and those of a published model.

use crate::decoders::{POSITIONS, TOKENS, planted, random, without_heads};
use heedful::dynamic::Decoder;
use heedful::format::Softmax;
use heedful::{Row, Tokenizer, Weight, Wide};
use heedful_lab::inspect::language::repeated::repeated;
use heedful_lab::inspect::language::templates::{Relation, at_one_distance, sentences};
use heedful_lab::inspect::language::{
    Amount, Asked, LanguageError, LanguageReport, Reader, inspect, json, page, tables, text, texts, words,
};
use heedful_lab::inspect::measures::Map;

const AMOUNT: Amount = Amount { repeats: 3, span: 15, sentences: 12 };

fn look(decoder: &Decoder, texts: Option<&str>) -> Result<LanguageReport, LanguageError> {
    let texts = texts.map(str::as_bytes);
    inspect(Asked { title: "made.heed".to_owned(), decoder, texts, heads: &[], amount: AMOUNT }, &())
}

fn error(decoder: &Decoder, texts: Option<&str>) -> LanguageError {
    look(decoder, texts).err().unwrap()
}

/// A model with a tokenizer, of random weights.
fn tiny() -> Decoder {
    Decoder::load(include_bytes!("../../../tests/fixtures/tiny_decoder.heed")).unwrap()
}

#[test]
fn planted_heads_are_named() {
    for softmax in [Softmax::Wide, Softmax::Narrow] {
        let report = look(&planted(softmax), Some("3 1 4 1 5 9 2 6 5 3 5\n\n2 7 1 8 2 8")).unwrap();
        assert_eq!(report.names[..3], ["previous token", "duplicate token", "induction"], "{softmax:?}");
        let named: Vec<bool> = report.scores.iter().map(|scores| scores.name(&report.fixed).is_some()).collect();
        assert_eq!(named, [true, true, true, false]);
        assert_eq!((report.texts, report.repeats), (2, (3, 15)));
        let [previous, ..] = report.scores[0].shares().map(Option::unwrap);
        assert!(previous.share > 0.99 && previous.rows == 3 * 29, "{previous:?}");
        // By hand: a token at position 15 to 29 sees itself and all before, one of which is its twin.
        let chance = (15..30).map(|query| 1.0 / f64::from(query + 1)).sum::<f64>() / 15.0;
        let [_, duplicate, _] = report.scores[1].shares().map(Option::unwrap);
        assert!(duplicate.share > 0.9 && (duplicate.chance - chance).abs() < 1e-9, "{duplicate:?}");
        // The first token's own twin is told from it by nothing: it is the one before to itself.
        let [_, _, induction] = report.scores[2].shares().map(Option::unwrap);
        assert!(induction.share > 0.9 && induction.share < 1.0, "{induction:?}");
        // A head without a preference has what chance gives.
        for share in report.scores[3].shares().map(Option::unwrap) {
            assert!((share.share - share.chance).abs() < 1e-6, "{share:?}");
        }
    }
}

#[test]
fn chance_has_no_name() {
    for seed in 0..6 {
        let report = look(&random(seed), Some("1 2 3 4 5 6 7 8 9 10 11 12")).unwrap();
        for scores in &report.scores {
            assert_eq!(scores.name(&report.fixed), None, "{seed}: {scores:?}");
        }
    }
    let report = look(&tiny(), None).unwrap();
    for scores in &report.scores {
        assert_eq!(scores.name(&report.fixed), None, "{scores:?}");
    }
}

#[test]
fn bad_input_is_told() {
    let (numbers, words) = (planted(Softmax::Wide), tiny());
    for empty in ["", " \n\t\n"] {
        assert_eq!(error(&words, Some(empty)), LanguageError::NoTexts);
    }
    let long = vec!["1"; POSITIONS + 1].join(" ");
    let found = POSITIONS + 1;
    assert_eq!(
        error(&numbers, Some(&format!("1 2\n{long}"))),
        LanguageError::Length { line: 2, found, allowed: POSITIONS }
    );
    assert_eq!(error(&numbers, Some("\n7")), LanguageError::Length { line: 2, found: 1, allowed: POSITIONS });
    let last = TOKENS - 1;
    for found in [TOKENS, 70_000] {
        assert_eq!(error(&numbers, Some(&format!("1 {found}"))), LanguageError::Token { line: 1, found, last });
    }
    let number = error(&numbers, Some("1 two"));
    assert_eq!(number, LanguageError::Number { line: 1, found: "two".to_owned(), last });
    assert_eq!(
        number.to_string(),
        "line 1 has \"two\"; the model has no tokenizer, so a line holds numbers of tokens, 0 to 23"
    );
    assert_eq!(error(&numbers, None), LanguageError::NoTokenizer);
    assert_eq!(error(&without_heads(), Some("1 2")), LanguageError::NoHeads);
    let (reader, _) = Reader::new(&words).unwrap();
    assert_eq!(texts::read(&reader, b"abc\xFF").unwrap_err(), LanguageError::Encoding { at: 3 });
    let many = look(&numbers, Some(&"1 2 3\n".repeat(203))).unwrap();
    assert_eq!((many.texts, many.notes.last().unwrap().as_str()), (200, "the first 200 of 203 texts"));
    let line = "x".repeat(400);
    assert!(matches!(error(&words, Some(&line)), LanguageError::Length { line: 1, allowed: 256, .. }));
}

#[test]
fn text_is_escaped() {
    let report = look(&tiny(), Some("<script>alert(1)</script> & \"more\"\n<!-- </title>")).unwrap();
    let page = page(&report);
    // Two scripts of its own, and no other.
    assert_eq!((page.matches("<script").count(), page.matches("</script>").count()), (2, 2));
    assert!(!page.contains("<!--") && page.contains("line 1: &lt;script&gt;"));
    assert!(!page.contains("src=\"http") && !page.contains("href=\"http") && !page.contains("url("));
    let data = page.split_once("id=\"data\">").unwrap().1.split_once("</script>").unwrap().0;
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    let tokens = data["shown"][0]["tokens"].as_array().unwrap();
    assert_eq!(tokens[0], "<s>");
    assert!(tokens.len() > 5, "{tokens:?}");
}

#[test]
fn forms_say_it() {
    let report = look(&tiny(), None).unwrap();
    assert!(report.is_made && report.texts == 12 && report.sentences == 12);
    let said = text(&report);
    assert!(said.contains("12 made sentences, 3 times 15 random tokens said twice"), "{said}");
    assert!(said.contains("pronoun to name: most in") && said.contains("induction: most in"), "{said}");
    let page = page(&report);
    assert!(page.contains("id=\"head-1.3\"") && page.contains("verb to subject"));
    let all = json(&report);
    assert_eq!(all["heads"].as_array().unwrap().len(), 8);
    assert_eq!(all["relations"].as_array().unwrap().len(), 8 * 5);
    assert!(all["repeated"][7]["induction, chance"].as_f64().unwrap() > 0.0);
    for table in tables(&report) {
        assert!(table.rows.iter().all(|row| row.len() == table.heading.len()), "{}", table.name);
        assert!(!table.csv().unwrap().is_empty());
    }
}

#[test]
fn repeats_are_repeats() {
    let tiny = tiny();
    let (reader, _) = Reader::new(&tiny).unwrap();
    let tokens = repeated(&reader, 15, 2);
    assert_eq!((tokens.len(), tokens[0]), (31, Tokenizer::BEGIN));
    assert_eq!(tokens[1..16], tokens[16..]);
    let mut half = tokens[1..16].to_vec();
    half.sort_unstable();
    half.dedup();
    assert!(half.len() == 15 && half[0] >= 259);
    assert_eq!(tokens, repeated(&reader, 15, 2));
    assert_ne!(tokens, repeated(&reader, 15, 3));
    // As many as the vocabulary or the context has.
    let small = planted(Softmax::Wide);
    let (reader, _) = Reader::new(&small).unwrap();
    assert_eq!(repeated(&reader, 30, 0).len(), 2 * (POSITIONS / 2).min(TOKENS));
}

#[test]
fn pairs_of_sentences_are_pairs() {
    let all = sentences(60);
    let mut seen = [0; 5];
    for sentence in &all {
        for &(relation, query, key) in sentence.pairs {
            let (query, key, text) = (sentence.words[query], sentence.words[key], sentence.text());
            let key_is = |words: &[&str]| words.contains(&key.to_lowercase().as_str());
            let is_name = key.starts_with(|first: char| first.is_uppercase());
            let holds = match relation {
                Relation::Name => is_name && ["he", "she"].contains(&query.to_lowercase().as_str()),
                Relation::Article => key_is(&["a", "the"]),
                Relation::Adjective => key_is(&["big", "red", "small", "blue", "new", "pretty", "soft", "green"]),
                Relation::Subject => !key_is(&["a", "the", "in"]),
                Relation::Preposition => key_is(&["in", "near", "behind", "under", "by", "beside", "with", "to"]),
            };
            assert!(holds, "{relation}: {query} to {key} in {text}");
            seen[relation.index()] += 1;
        }
        for (span, word) in sentence.spans().into_iter().zip(&sentence.words) {
            assert_eq!(&sentence.text()[span], *word);
        }
    }
    assert!(seen.iter().all(|&count| count >= 40), "{seen:?}");
    // No distance is right for all: a head must look at what words are.
    assert!(at_one_distance(&all).iter().all(|&most| most < 0.8), "{:?}", at_one_distance(&all));
}

#[test]
fn words_of_several_tokens() {
    // Two tokens of the middle word.
    let map = Map::causal(4, 4, &[1.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.25, 0.5, 0.25, 0.0, 0.1, 0.2, 0.3, 0.4]);
    let by_words = words::by_words(&map.unwrap(), &[0, 1, 1, 2]);
    let expected = [[1.0, 0.0, 0.0], [0.375, 0.625, 0.0], [0.1, 0.5, 0.4]];
    for (query, row) in expected.iter().enumerate() {
        assert!(by_words.row(query).iter().zip(row).all(|(a, b)| (a - b).abs() < 1e-12), "{by_words:?}");
    }
    let tiny = tiny();
    let (tokenizer, sentence) = (tiny.tokenizer().unwrap(), &sentences(1)[0]);
    let tokens = texts::encode(&tokenizer, &sentence.text());
    let words = words::words(&tokenizer, &tokens, &sentence.spans());
    assert_eq!((words.len(), words[0], words[1]), (tokens.len(), 0, 1));
    assert_eq!(words.last(), Some(&sentence.words.len()));
    assert!(words.windows(2).all(|pair| pair[1] == pair[0] || pair[1] == pair[0] + 1), "{words:?}");
}

/// The published model, as integers.
fn stories() -> Option<Decoder> {
    use heedful_import::{Checkpoint, Tokenizer, calibrate::own_texts, quantise::quantise};
    let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/stories260k");
    let folder = std::env::var_os("HEEDFUL_STORIES").map_or(beside, std::path::PathBuf::from);
    let Ok(bytes) = std::fs::read(folder.join("stories260K.bin")) else {
        let why = format!("no stories260K.bin in {}; HEEDFUL_STORIES names another folder", folder.display());
        crate::skip::skipped(crate::skip::Lack::Data, why);
        return None;
    };
    let checkpoint = Checkpoint::parse(&bytes).unwrap();
    let tokenizer = Tokenizer::parse(&std::fs::read(folder.join("tok512.bin")).unwrap()).unwrap();
    let model = quantise(&checkpoint, &tokenizer, &own_texts(&checkpoint, 1, 1)).unwrap();
    Some(Decoder::load(&model.to_bytes().unwrap()).unwrap())
}

/// The scores of the published model are those of the rows themselves.
#[test]
fn scores_of_a_published_model() {
    let Some(decoder) = stories() else { return };
    assert_eq!(decoder.shape().softmax, Softmax::Wide);
    let (title, texts) = ("stories".to_owned(), Some(&b"Once upon a time, there was a little girl named Lily."[..]));
    // Sentences are tested elsewhere; here they would take long.
    let amount = Amount { sentences: 0, ..AMOUNT };
    let report = inspect(Asked { title, decoder: &decoder, texts, heads: &[], amount }, &()).unwrap();
    let (reader, _) = Reader::new(&decoder).unwrap();
    // Sums of shares, and queries, by head: on the token before, and on what followed the twin.
    let mut sums = vec![[0.0; 4]; report.heads.len()];
    for number in 0..AMOUNT.repeats as u64 {
        let tokens = repeated(&reader, AMOUNT.span, number);
        let mut session = decoder.session(tokens.len());
        for (at, &token) in tokens.iter().enumerate() {
            let mut rows = vec![vec![0.0; at + 1]; report.heads.len()];
            session.push_observed(token.into(), &mut |row: Row<'_, Wide>| {
                let head = report.heads.iter().position(|own| (own.block, own.head) == (row.layer, row.head));
                for (index, &weight) in row.weights.iter().enumerate() {
                    rows[head.unwrap()][row.first + index * row.dilation.max(1)] = f64::from(weight.to_int());
                }
            });
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let all: f64 = row.iter().sum();
                if at > 0 {
                    sums[0] += row[at - 1] / all;
                    sums[1] += 1.0;
                }
                if at > AMOUNT.span {
                    // The twin is one span before; what followed it comes next.
                    sums[2] += row[at - AMOUNT.span + 1] / all;
                    sums[3] += 1.0;
                }
            }
        }
    }
    let mut largest = [0.0f64; 2];
    for (scores, sums) in report.scores.iter().zip(&sums) {
        let [previous, _, induction] = scores.shares().map(Option::unwrap);
        assert!((previous.share - sums[0] / sums[1]).abs() < 1e-9 && previous.rows as f64 == sums[1]);
        assert!((induction.share - sums[2] / sums[3]).abs() < 1e-9 && induction.rows as f64 == sums[3]);
        largest = [largest[0].max(previous.share), largest[1].max(induction.share)];
    }
    assert!(largest[0] > 0.3, "{largest:?}");
}
