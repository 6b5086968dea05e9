//! Language models as chains of parts: files of both versions, all patterns, and steps against whole sequences.

#[path = "support/decoder.rs"]
mod decoder;
mod support;

use decoder::{small, tiny};
use heedful::dynamic::{Decoder, Model};
use heedful::format::write::{
    AttentionModel, ChainModel, DecoderModel, InputModel, LinearModel, PartModel, PatternModel,
};
use heedful::format::{OutputKind, Softmax};
use heedful::{
    Allowed, Error, HeadScale, LanguageModel, MAX_POSITIONS, NormChannel, Pairing, ResidualScale, Scale, Steepness,
    Window, gate_table, silu,
};
use support::{Random, linear, norm, to_bytes, to_words};

heedful::language_model!(Learned = "models/learned.heed", context = 8);
heedful::language_model!(Wide = "fixtures/tiny_decoder.heed", context = 8);

const WIDTH: usize = 12;
const TOKENS: usize = 17;
const COUNT: usize = 14;

/// What one chain is made of.
struct Maker {
    random: Random,
    parts: Vec<PartModel>,
}

impl Maker {
    fn once_in(&mut self, cases: i64) -> bool {
        self.random.int(1, cases) == 1
    }

    fn linear(&mut self, inputs: usize, outputs: usize, gain: f64) -> LinearModel {
        linear(&mut self.random, inputs, outputs, gain)
    }

    fn norm(&mut self) -> PartModel {
        let rms = self.once_in(2);
        let norm = norm(&mut self.random, WIDTH);
        let carry = self.once_in(4).then(|| {
            let channels = vec![NormChannel::from_real(1.0, 0.0).unwrap(); WIDTH];
            (channels, Scale::from_real(0.02).unwrap())
        });
        PartModel::Norm { norm, rms, carry }
    }

    fn pattern(&mut self, heads: usize, head_dim: usize) -> PatternModel {
        let r = &mut self.random;
        let mut pattern = PatternModel { causal: true, ..PatternModel::default() };
        if r.int(1, 3) == 1 {
            let mut window = || Window {
                back: if r.int(1, 4) == 1 { usize::MAX } else { r.int(0, 6) as usize },
                ahead: if r.int(1, 2) == 1 { usize::MAX } else { r.int(0, 3) as usize },
                dilation: r.int(1, 3) as usize,
                sinks: r.int(0, 2) as usize,
            };
            pattern.windows = (0..heads).map(|_| window()).collect();
        }
        if r.int(1, 3) == 1 {
            pattern.slopes = (0..heads).map(|_| r.int(0, 200_000) as u32).collect();
        }
        if r.int(1, 3) == 1 {
            let span = r.int(1, 9) as usize;
            pattern.relative = Some((span, (0..heads * span).map(|_| r.int(-900, 900) as i32).collect()));
        }
        if r.int(1, 2) == 1 && head_dim > 1 {
            let pairing = [Pairing::Interleaved, Pairing::Halves, Pairing::Folded][r.int(0, 2) as usize];
            let pairs = r.int(1, head_dim as i64 / 2);
            pattern.rope = Some((pairing, (0..pairs).map(|_| r.next() as u32).collect()));
        }
        pattern
    }

    fn attention(&mut self, repeated: Option<&PatternModel>) -> AttentionModel {
        let key_heads = self.random.int(1, 3) as usize;
        let heads = key_heads * self.random.int(1, 3) as usize;
        let head_dim = self.random.int(2, 7) as usize;
        let rank = self.once_in(4).then(|| self.random.int(1, WIDTH as i64) as usize);
        let inputs = rank.unwrap_or(WIDTH);
        let mut pattern = self.pattern(heads, head_dim);
        if let (Some(repeated), true) = (repeated, pattern.rope.is_some()) {
            pattern.rope = repeated.rope.clone().filter(|(_, frequencies)| 2 * frequencies.len() <= head_dim);
        }
        let finer = if pattern.rope.is_some() { 16.0 } else { 1.0 };
        let r = &mut self.random;
        let scale = |r: &mut Random| {
            let steepness = Steepness::from_real(0.002 * (1.0 + r.uniform())).unwrap();
            HeadScale::new(steepness, Scale::from_real((1.0 + r.uniform()) / 256.0).unwrap()).unwrap()
        };
        let heads_scales = (0..heads).map(|_| scale(r)).collect();
        AttentionModel {
            heads: heads_scales,
            key_heads,
            head_dim,
            reduce: rank.map(|rank| self.linear(WIDTH, 3 * rank, 1.0)),
            query: self.linear(inputs, heads * head_dim, finer),
            key: Some(self.linear(inputs, key_heads * head_dim, finer)),
            value: self.linear(inputs, key_heads * head_dim, 1.0),
            output: self.linear(heads * head_dim, WIDTH, 4.0),
            pattern,
            memory: None,
        }
    }

    fn layers(&mut self) -> PartModel {
        let hidden = self.random.int(1, 20) as usize;
        match self.random.int(0, 2) {
            0 => PartModel::FeedForward {
                expand: self.linear(WIDTH, hidden, 1.0),
                activation: heedful::table(heedful::gelu, 1.0 / 32.0, 1.0 / 32.0),
                contract: self.linear(hidden, WIDTH, 4.0),
            },
            1 => PartModel::FineFeedForward {
                expand: self.linear(WIDTH, hidden, 60.0),
                table: std::array::from_fn(|i| (i as i16 - 128) * 200),
                contract: self.linear(hidden, WIDTH, 4.0),
            },
            _ => PartModel::Gated {
                gate: self.linear(WIDTH, hidden, 1.0),
                up: self.linear(WIDTH, hidden, 1.0),
                table: gate_table(silu, 0.03, 0.001),
                product: Scale::from_real(0.0015).unwrap(),
                down: self.linear(hidden, WIDTH, 4.0),
                hidden15: self.once_in(2),
            },
        }
    }
}

/// A chain of any parts that can take a token at a time.
fn chain(seed: u64, softmax: Softmax, learned: bool) -> ChainModel {
    let mut maker = Maker { random: Random(seed), parts: Vec::new() };
    let tied = maker.once_in(2);
    let count = COUNT * WIDTH;
    let values = if learned { (0..count).map(|_| maker.random.int(-800, 800) as i16).collect() } else { vec![] };
    maker.parts.push(PartModel::Positions { count: COUNT, width: WIDTH, class_tokens: 0, values });
    let layer = maker.linear(WIDTH, TOKENS, 16.0);
    maker.parts.push(PartModel::Embedding { class_tokens: 0, factor: 60, layer });
    let mut first: Option<PatternModel> = None;
    let alike = maker.once_in(2);
    for _ in 0..maker.random.int(1, 3) {
        let norm = maker.norm();
        maker.parts.push(norm);
        let attention = maker.attention(first.as_ref().filter(|_| alike));
        first.get_or_insert_with(|| attention.pattern.clone());
        maker.parts.push(PartModel::Attention(attention));
        let norm = maker.norm();
        maker.parts.push(norm);
        if maker.once_in(3) {
            maker.parts.push(PartModel::Residual { width: WIDTH, scale: ResidualScale::from_real(20.0).unwrap() });
        }
        let layers = maker.layers();
        maker.parts.push(layers);
    }
    let norm = maker.norm();
    maker.parts.push(norm);
    if maker.once_in(3) {
        let layer = maker.linear(WIDTH, WIDTH, 1.0);
        maker.parts.push(PartModel::Dense { layer, activation: None });
    }
    let (logit, step) = (Steepness::from_real(0.001).unwrap(), 0.001);
    let output = if tied {
        PartModel::TiedOutput { width: WIDTH, outputs: TOKENS, logit, step }
    } else {
        let layer = Some(maker.linear(WIDTH, TOKENS, 16.0));
        PartModel::Output { width: WIDTH, kind: OutputKind::NextToken, logit, step, layer }
    };
    maker.parts.push(output);
    let input = InputModel::Tokens { positions: COUNT, vocabulary: TOKENS };
    ChainModel { softmax, input, parts: maker.parts, labels: vec![], unit: String::new(), tokens: vec![] }
}

fn text(seed: u64, length: usize) -> Vec<u16> {
    let mut random = Random(seed);
    // One more token than there are: none.
    (0..length).map(|_| random.int(0, TOKENS as i64) as u16).collect()
}

/// Step by step, a chain gives what it gives at every position of a whole sequence.
#[test]
fn steps_are_the_positions_of_a_sequence() {
    let mut distinct = 0;
    for seed in 0..if cfg!(miri) { 3 } else { 200 } {
        let softmax = [Softmax::Wide, Softmax::Narrow][seed as usize % 2];
        let bytes = chain(seed, softmax, seed % 3 == 0).to_bytes().unwrap();
        let (whole, steps) = (Model::load(&bytes).unwrap(), Decoder::load(&bytes).unwrap());
        let tokens = text(seed, COUNT);
        let expected = whole.infer_tokens(&tokens);
        let expected: Vec<&[i16]> = expected.logits().chunks(TOKENS).collect();
        assert_eq!(expected.len(), COUNT);
        distinct += usize::from(expected[COUNT - 1] != expected[COUNT - 2]);
        let words = to_words(&bytes);
        let aligned = heedful::bytemuck::cast_slice(&words);
        let mut memory = vec![u32::MAX; LanguageModel::memory(aligned, COUNT).unwrap() / 4];
        let mut loaded = LanguageModel::load(aligned, COUNT, &mut memory).unwrap();
        // Longer contexts than the text do nothing.
        let mut session = steps.session(COUNT + seed as usize % 4);
        for (i, &token) in tokens.iter().enumerate() {
            assert_eq!(session.step(token.into()), expected[i], "seed {seed}, position {i}");
            if i % 4 == 1 {
                loaded.push(token);
            } else {
                assert_eq!(loaded.step(token), expected[i], "seed {seed}, position {i}");
            }
        }
        assert_eq!(steps.memory(COUNT), LanguageModel::memory(aligned, COUNT).unwrap());
    }
    assert!(cfg!(miri) || distinct > 160, "{distinct}");
}

/// The last tokens of a whole sequence under windows as long as the context are those of a full cache.
#[test]
fn a_full_cache_is_a_window() {
    for seed in 0..if cfg!(miri) { 2 } else { 60 } {
        let mut model = chain(1000 + seed, Softmax::Wide, false);
        for part in &mut model.parts {
            if let PartModel::Attention(attention) = part {
                attention.pattern.windows.clear();
            }
        }
        let context = 1 + seed as usize % 5;
        let steps = Decoder::load(&model.to_bytes().unwrap()).unwrap();
        for part in &mut model.parts {
            if let PartModel::Attention(attention) = part {
                attention.pattern.windows = vec![Window::back(context - 1); attention.heads.len()];
            }
        }
        let tokens = text(seed, COUNT);
        let whole = Model::load(&model.to_bytes().unwrap()).unwrap().infer_tokens(&tokens);
        let mut session = steps.session(context);
        for (&token, expected) in tokens.iter().zip(whole.logits().chunks(TOKENS)) {
            assert_eq!(session.step(token.into()), expected, "seed {seed}");
        }
    }
}

/// Learned positions begin anew beyond their last.
#[test]
fn learned_positions_begin_anew() {
    let mut model = chain(5, Softmax::Wide, true);
    for part in &mut model.parts {
        if let PartModel::Attention(attention) = part {
            let windows = vec![Window::back(0); attention.heads.len()];
            attention.pattern = PatternModel { causal: true, windows, ..PatternModel::default() };
        }
    }
    let model = Decoder::load(&model.to_bytes().unwrap()).unwrap();
    let mut session = model.session(3);
    let first: Vec<Vec<i16>> = (0..COUNT).map(|_| session.step(4).to_vec()).collect();
    assert!(first.windows(2).any(|pair| pair[0] != pair[1]));
    for _ in 0..2 {
        assert!(first.iter().all(|expected| session.step(4) == expected));
    }
}

fn words_of(model: &DecoderModel) -> [Vec<u32>; 2] {
    let new = ChainModel::from(model.clone());
    [to_words(&model.to_bytes().unwrap()), to_words(&new.to_bytes().unwrap())]
}

/// Both versions of the format, read in place and from anywhere: the same bits and tokens.
#[test]
fn versions_agree() {
    for model in [tiny(), small()] {
        let [old, new] = words_of(&model);
        let read = [&old, &new].map(|words| Decoder::load(&to_bytes(words)).unwrap());
        assert_eq!(read[0].shape(), read[1].shape());
        assert_eq!(read[0].tokenizer(), read[1].tokenizer());
        let tokens = read[0].shape().outputs;
        for context in [1, 5, 16] {
            let mut sessions = read.each_ref().map(|model| model.session(context));
            let bytes: [&[u8]; 2] = [heedful::bytemuck::cast_slice(&old), heedful::bytemuck::cast_slice(&new)];
            let needs = LanguageModel::memory(bytes[0], context).unwrap();
            assert_eq!(LanguageModel::memory(bytes[1], context), Ok(needs));
            let mut memories = [vec![0; needs / 4], vec![7; needs / 4 + 9]];
            let [first, second] = &mut memories;
            let mut loaded = [
                LanguageModel::load(bytes[0], context, first).unwrap(),
                LanguageModel::load(bytes[1], context, second).unwrap(),
            ];
            assert_eq!(loaded[0].tokenizer(), read[0].tokenizer());
            for i in 0..30 {
                let token = (i * 7 + 3) % (tokens + 1);
                let [expected, other] = sessions.each_mut().map(|session| session.step(token).to_vec());
                assert_eq!(other, expected);
                for loaded in &mut loaded {
                    if i % 5 == 4 {
                        loaded.push(9);
                        loaded.rewind(i as u64).unwrap();
                    }
                    assert_eq!(loaded.step(token as u16), expected);
                    assert_eq!(loaded.seen(), i as u64 + 1);
                }
            }
        }
    }
}

#[test]
fn compiled_files_of_both_versions() {
    let bytes = include_bytes!("models/learned.heed");
    let read = Decoder::load(bytes).unwrap();
    assert_eq!((*read.shape(), read.flash()), (Learned::SHAPE, Learned::FLASH));
    assert_eq!(Learned::TOKENIZER, None);
    let mut model = Learned::new();
    let mut session = read.session(8);
    for token in text(3, 40) {
        assert_eq!(model.step(token), session.step(token.into()));
    }
    let state = size_of::<Learned>();
    let ring = size_of::<[usize; 4]>() + size_of::<[u64; 2]>();
    assert_eq!(state, (read.memory(8) + ring).next_multiple_of(align_of::<Learned>()));
    assert_eq!(Wide::SHAPE, *Decoder::load(include_bytes!("fixtures/tiny_decoder.heed")).unwrap().shape());
}

/// The committed file is what the writer writes; `HEEDFUL_BLESS=1` writes it anew.
#[test]
fn committed_chain_is_current() {
    let bytes = chain(39, Softmax::Narrow, true).to_bytes().unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/models/learned.heed");
    if std::env::var_os("HEEDFUL_BLESS").is_some() {
        std::fs::write(path, &bytes).unwrap();
    }
    assert!(std::fs::read(path).is_ok_and(|found| found == bytes), "{path} is not current");
}

/// One copy of the weights.
#[test]
fn tied_outputs_cost_nothing() {
    let [old, new] = words_of(&tiny());
    assert!(new.len() < old.len() + 80, "{} words, before {}", new.len(), old.len());
}

#[test]
fn what_cannot_be_loaded() {
    let words = &words_of(&small())[1];
    let bytes: &[u8] = heedful::bytemuck::cast_slice(words);
    let expected = LanguageModel::memory(bytes, 5).unwrap();
    let mut memory = vec![0; expected / 4 - 1];
    assert_eq!(LanguageModel::load(bytes, 5, &mut memory).err(), Some(Error::Memory { expected, found: expected - 4 }));
    let (what, allowed) = ("positions of the cache", Allowed::Between(1, MAX_POSITIONS));
    for found in [0, MAX_POSITIONS + 1] {
        assert_eq!(LanguageModel::load(bytes, found, &mut []).err(), Some(Error::Shape { what, allowed, found }));
    }
    let cut = &bytes[..bytes.len() - 4];
    assert!(matches!(LanguageModel::load(cut, 5, &mut []), Err(Error::Truncated { .. })));
}

/// What the reader says of a changed chain.
fn refusal(change: impl FnOnce(&mut ChainModel)) -> Error {
    let mut model = chain(1, Softmax::Wide, true);
    change(&mut model);
    match model.to_bytes().map(|bytes| Decoder::load(&bytes)) {
        Ok(Err(error)) | Err(error) => error,
        Ok(Ok(_)) => panic!("accepted"),
    }
}

#[test]
fn chains_that_cannot_step() {
    let part = |error| match error {
        Error::Part { what, .. } => what,
        other => panic!("{other}"),
    };
    let attention = |model: &mut ChainModel, change: fn(&mut AttentionModel)| {
        for part in &mut model.parts {
            if let PartModel::Attention(attention) = part {
                change(attention);
            }
        }
    };
    assert_eq!(part(refusal(|m| attention(m, |a| a.pattern.causal = false))), "heads that look ahead");
    let fused = |a: &mut AttentionModel| {
        let heads = a.heads.len();
        let random = &mut Random(8);
        (a.key, a.reduce, a.key_heads, a.pattern.rope) = (None, None, heads, None);
        a.query = linear(random, WIDTH, heads * WIDTH, 1.0);
        a.value = linear(random, WIDTH, heads * a.head_dim, 1.0);
    };
    assert_eq!(part(refusal(|m| attention(m, fused))), "heads with fused weights in a language model");
    let pool = PartModel::Pool {
        width: WIDTH,
        kind: heedful::PoolKind::Last,
        count: 1,
        scale: Scale::from_real(0.2).unwrap(),
    };
    let error = refusal(|m| {
        let last = m.parts.len() - 1;
        m.parts.insert(last, pool);
    });
    assert_eq!(part(error), "parts that a language model cannot have");
    let error = refusal(|m| {
        let logit = Steepness::from_real(0.001).unwrap();
        let layer = Some(linear(&mut Random(8), WIDTH, 3, 1.0));
        m.parts.pop();
        m.parts.push(PartModel::Output { width: WIDTH, kind: OutputKind::Classes, logit, step: 1.0, layer });
    });
    assert_eq!(error, Error::Kind { expected: "a language model", found: "a classifier" });
    let tied = |outputs, width| {
        refusal(move |m| {
            let logit = Steepness::from_real(0.001).unwrap();
            m.parts.pop();
            m.parts.push(PartModel::TiedOutput { width, outputs, logit, step: 1.0 });
        })
    };
    assert_eq!(part(tied(TOKENS - 1, WIDTH)), "outputs that are tokens");
    assert_eq!(part(tied(TOKENS, WIDTH - 1)), "values of a row");
}
