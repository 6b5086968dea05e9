//! Directories of `transformers`: what is read, and what is refused by its key.

mod common;

use common::skip::{Lack, skipped};
use heedful_import::graph::{HeadLayer, Model, NoTaps, Output, Pool, Positions, Sample, Stem};
use heedful_import::hf::{self, Options};
use heedful_import::weights::{Tensor, Tensors};
use heedful_import::{ImportError, graph};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

struct Weights(BTreeMap<String, Tensor>, ChaCha8Rng);

impl Weights {
    fn new() -> Self {
        Self(BTreeMap::new(), ChaCha8Rng::seed_from_u64(3))
    }

    fn add(&mut self, name: &str, shape: &[usize]) {
        let values = (0..shape.iter().product()).map(|_| self.1.random_range(-0.5f32..0.5)).collect();
        let tensor = Tensor { shape: shape.to_vec(), dtype: "F32".into(), values: Some(values) };
        self.0.insert(name.to_string(), tensor);
    }

    /// A Llama of width 8, 4 heads, 2 of keys, one layer, 11 tokens; outputs of its own.
    fn llama() -> Self {
        let mut weights = Self::new();
        weights.add("model.embed_tokens.weight", &[11, 8]);
        let shapes: [(&str, &[usize]); 9] = [
            ("self_attn.q_proj", &[8, 8]),
            ("self_attn.k_proj", &[4, 8]),
            ("self_attn.v_proj", &[4, 8]),
            ("self_attn.o_proj", &[8, 8]),
            ("mlp.gate_proj", &[12, 8]),
            ("mlp.up_proj", &[12, 8]),
            ("mlp.down_proj", &[8, 12]),
            ("input_layernorm", &[8]),
            ("post_attention_layernorm", &[8]),
        ];
        shapes.iter().for_each(|(name, shape)| weights.add(&format!("model.layers.0.{name}.weight"), shape));
        weights.add("model.norm.weight", &[8]);
        weights.add("lm_head.weight", &[11, 8]);
        weights
    }

    /// A BERT of width 8, 2 heads, one layer, without a pooler.
    fn bert() -> Self {
        let mut weights = Self::new();
        weights.add("embeddings.word_embeddings.weight", &[9, 8]);
        weights.add("embeddings.position_embeddings.weight", &[6, 8]);
        weights.add("embeddings.token_type_embeddings.weight", &[2, 8]);
        weights.add("embeddings.LayerNorm.gamma", &[8]);
        weights.add("embeddings.LayerNorm.beta", &[8]);
        let shapes: [(&str, [usize; 2]); 6] = [
            ("attention.self.query", [8, 8]),
            ("attention.self.key", [8, 8]),
            ("attention.self.value", [8, 8]),
            ("attention.output.dense", [8, 8]),
            ("intermediate.dense", [12, 8]),
            ("output.dense", [8, 12]),
        ];
        for (name, shape) in shapes {
            weights.add(&format!("encoder.layer.0.{name}.weight"), &shape);
            weights.add(&format!("encoder.layer.0.{name}.bias"), &shape[..1]);
        }
        for name in ["attention.output.LayerNorm", "output.LayerNorm"] {
            weights.add(&format!("encoder.layer.0.{name}.gamma"), &[8]);
            weights.add(&format!("encoder.layer.0.{name}.beta"), &[8]);
        }
        weights
    }
}

fn llama_config() -> Value {
    json!({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 8, "num_attention_heads": 4,
        "num_key_value_heads": 2, "num_hidden_layers": 1, "intermediate_size": 12, "vocab_size": 11,
        "hidden_act": "silu", "rms_norm_eps": 1e-5, "max_position_embeddings": 64, "rope_theta": 500.0,
        "tie_word_embeddings": false
    })
}

fn bert_config() -> Value {
    json!({
        "model_type": "bert", "architectures": ["BertModel"], "hidden_size": 8, "num_attention_heads": 2,
        "num_hidden_layers": 1, "intermediate_size": 12, "vocab_size": 9, "hidden_act": "gelu",
        "layer_norm_eps": 1e-12, "max_position_embeddings": 6, "type_vocab_size": 2
    })
}

/// With other values of some keys.
fn with(mut config: Value, changes: Value) -> Value {
    let changes = changes.as_object().unwrap().clone();
    config.as_object_mut().unwrap().extend(changes);
    config
}

fn read(weights: &Weights, config: &Value) -> Result<Model, ImportError> {
    hf::parse(Tensors::new(weights.0.clone()), &config.to_string(), &Options::default())
}

fn run(model: &Model, tokens: &[u32]) -> Vec<f32> {
    model.run(Sample::Tokens { tokens, types: &[] }, &mut NoTaps).unwrap()
}

#[test]
fn a_llama_with_outputs_of_its_own_and_tied() {
    let model = read(&Weights::llama(), &llama_config()).unwrap();
    assert_eq!(model.output, Output::NextToken { tied: false });
    let (short, long) = (run(&model, &[1, 2, 3]), run(&model, &[1, 2, 3, 4]));
    let same = short.iter().zip(&long).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(same, "what comes later changes nothing");

    let mut weights = Weights::llama();
    let tied = with(llama_config(), json!({"tie_word_embeddings": true}));
    let error = read(&weights, &tied).unwrap_err().to_string();
    assert!(error.starts_with("`tie_word_embeddings` is true, expected false"), "{error}");
    let table = weights.0["model.embed_tokens.weight"].clone();
    weights.0.insert("lm_head.weight".into(), table);
    let saved = read(&weights, &tied).unwrap();
    weights.0.remove("lm_head.weight");
    assert_eq!(read(&weights, &tied).unwrap(), saved);
    assert_eq!(saved.outputs(), 11);
    assert!(read(&weights, &llama_config()).unwrap_err().to_string().starts_with("tensor lm_head.weight is missing"));
}

#[test]
fn rotary_positions_of_old_and_new_files() {
    let frequencies = |changes: Value| match read(&Weights::llama(), &with(llama_config(), changes)) {
        Ok(Model { positions: Positions::Rotary { frequencies, .. }, .. }) => Ok(frequencies),
        Ok(model) => panic!("{:?}", model.positions),
        Err(error) => Err(error.to_string()),
    };
    let old = frequencies(json!({})).unwrap();
    assert_eq!(old, [1.0]);
    let scaled = frequencies(json!({"rope_scaling": {"type": "linear", "factor": 4.0}})).unwrap();
    assert_eq!(scaled, [0.25]);
    let new =
        json!({"rope_theta": null, "rope_parameters": {"rope_type": "linear", "rope_theta": 500.0, "factor": 4.0}});
    assert_eq!(frequencies(new).unwrap(), scaled);
    let yarn = json!({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}});
    assert_eq!(frequencies(yarn).unwrap_err(), "`rope_type` is yarn, expected default, linear or llama3");
    let unsaid = frequencies(json!({"rope_parameters": {"rope_type": "llama3", "factor": 8.0}}));
    assert_eq!(unsaid.unwrap_err(), "`low_freq_factor` is nothing, expected a number above 0");
}

#[test]
fn keys_that_ask_for_something_else_are_named() {
    let llama = |changes: Value| read(&Weights::llama(), &with(llama_config(), changes)).unwrap_err().to_string();
    assert_eq!(
        llama(json!({"num_attention_heads": 3, "num_key_value_heads": 3})),
        "`num_attention_heads` is 3, expected a divisor of the hidden_size 8"
    );
    assert_eq!(
        llama(json!({"num_key_value_heads": 3})),
        "`num_key_value_heads` is 3, expected a divisor of num_attention_heads, 4"
    );
    assert_eq!(llama(json!({"num_hidden_layers": 0})), "`num_hidden_layers` is 0, expected a whole number above 0");
    assert!(
        llama(json!({"num_hidden_layers": 2})).starts_with("tensor model.layers.1.self_attn.q_proj.weight is missing")
    );
    assert!(llama(json!({"hidden_act": "quick_gelu"})).starts_with("`hidden_act` is quick_gelu, expected gelu, "));
    assert!(llama(json!({"quantization_config": {"bits": 4}})).starts_with("`quantization_config` is {\"bits\":4}"));
    assert!(llama(json!({"pretraining_tp": 2})).starts_with("`pretraining_tp` is 2, expected 1"));
    let other = llama(json!({"model_type": "mamba2"}));
    let expected = "`model_type` mamba2, a state-space model: heedful has not got this; the nearest that it has: llama";
    assert_eq!(other, expected);
    let other = llama(json!({"model_type": "lama2"}));
    assert!(
        other.starts_with("`model_type` is lama2, expected one of bert, ") && other.ends_with("(the nearest is llama)")
    );
    let mut config = llama_config();
    config.as_object_mut().unwrap().remove("intermediate_size");
    let error = read(&Weights::llama(), &config).unwrap_err().to_string();
    assert_eq!(error, "`intermediate_size` is nothing, expected a whole number above 0");

    let bert = |changes: Value| read(&Weights::bert(), &with(bert_config(), changes)).unwrap_err().to_string();
    assert_eq!(
        bert(json!({"position_embedding_type": "relative_key"})),
        "`position_embedding_type` is \"relative_key\", expected absolute, or nothing"
    );
    assert!(bert(json!({"is_decoder": true})).starts_with("`is_decoder` is true"));
    assert!(bert(json!({"architectures": ["BertForMaskedLM"]})).starts_with("`architectures` is BertForMaskedLM"));
    assert!(
        hf::parse(Tensors::default(), "{\"a\": ", &Options::default()).unwrap_err().to_string().starts_with("line 1")
    );
}

#[test]
fn a_bert_with_old_names_of_norms() {
    let model = read(&Weights::bert(), &bert_config()).unwrap();
    assert_eq!((model.pool.clone(), model.head.len()), (Pool::Every, 0));
    assert_eq!(run(&model, &[1, 2]).len(), 16);
    let wrong = |tokens: &[u32], types: &[u32]| {
        model.run(Sample::Tokens { tokens, types }, &mut NoTaps).unwrap_err().to_string()
    };
    assert_eq!(wrong(&[1, 9], &[]), "token 1 of the input is 9, expected below 9");
    assert_eq!(wrong(&[1, 2], &[0, 2]), "token type 1 of the input is 2, expected below 2");
    assert_eq!(wrong(&[1; 7], &[]), "the input has 7 values, expected 1 to 6");
    assert_eq!(wrong(&[], &[]), "the input has 0 values, expected 1 to 6");

    let mut weights = Weights::bert();
    weights.add("pooler.dense.weight", &[8, 8]);
    let model = read(&weights, &bert_config()).unwrap();
    assert!(matches!(model.head[..], [HeadLayer::Dense(_), HeadLayer::Activation(graph::Activation::Tanh)]));
}

/// A directory of `sentence-transformers`, made of the small BERT.
#[test]
fn sentences_are_pooled_as_the_directory_says() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sentences");
    std::fs::create_dir_all(directory.join("1_Pooling")).unwrap();
    let write = |name: &str, value: Value| std::fs::write(directory.join(name), value.to_string()).unwrap();
    let mut weights = Weights::bert();
    weights.add("pooler.dense.weight", &[8, 8]);
    let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = weights
        .0
        .iter()
        .map(|(name, tensor)| {
            let bytes = tensor.values.as_ref().unwrap().iter().flat_map(|x| x.to_le_bytes()).collect();
            (name.clone(), tensor.shape.clone(), bytes)
        })
        .collect();
    let views = bytes.iter().map(|(name, shape, bytes)| {
        (name, safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).unwrap())
    });
    let file = safetensors::serialize(views, None).unwrap();
    std::fs::write(directory.join("model.safetensors"), file).unwrap();
    write("config.json", bert_config());
    let module = |kind: &str, path: &str| json!({"type": format!("sentence_transformers.models.{kind}"), "path": path});
    write("modules.json", json!([module("Transformer", ""), module("Pooling", "1_Pooling"), module("Normalize", "2")]));
    write("sentence_bert_config.json", json!({"max_seq_length": 5}));
    write("1_Pooling/config.json", json!({"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}));
    let model = hf::read(&directory, &Options::default()).unwrap();
    assert_eq!((&model.pool, &model.output), (&Pool::Mean, &Output::Embedding { normalised: true }));
    assert_eq!(model.tokens().unwrap(), 5);
    assert_eq!(run(&model, &[1, 2, 3]).len(), 8);

    write("1_Pooling/config.json", json!({"pooling_mode_mean_sqrt_len_tokens": true}));
    let error = hf::read(&directory, &Options::default()).unwrap_err().to_string();
    assert!(error.starts_with("`pooling_mode_mean_sqrt_len_tokens` is on"), "{error}");
    write("modules.json", json!([module("Dense", "1")]));
    let error = hf::read(&directory, &Options::default()).unwrap_err().to_string();
    assert!(error.starts_with("`modules.json: type` is sentence_transformers.models.Dense"), "{error}");
}

/// all-MiniLM-L6-v2, where it is at hand: texts that say the like lie near each other.
#[test]
fn sentences_that_say_the_like_are_near() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/minilm");
    let folder = std::env::var_os("HEEDFUL_MINILM").map_or(beside, PathBuf::from);
    if !folder.join("model.safetensors").exists() {
        let why = "no model.safetensors of all-MiniLM-L6-v2 in";
        return skipped(Lack::Data, format_args!("{why} {}; HEEDFUL_MINILM names another folder", folder.display()));
    }
    let model = hf::read(&folder, &Options::default()).unwrap();
    let Stem::Embedding { tokens, .. } = &model.stem else { panic!("no embedding") };
    assert_eq!((tokens.rows, model.width(), model.blocks.len()), (30_522, 384, 6));
    assert_eq!((&model.pool, &model.output), (&Pool::Mean, &Output::Embedding { normalised: true }));
    let vocabulary = std::fs::read_to_string(folder.join("vocab.txt")).unwrap();
    let embed = |text: &str| {
        let token = |word| vocabulary.lines().position(|line| line == word).unwrap() as u32;
        let tokens: Vec<u32> = ["[CLS]"].into_iter().chain(text.split(' ')).chain(["[SEP]"]).map(token).collect();
        run(&model, &tokens)
    };
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let cosine = |a: &[f32], b: &[f32]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    let [cat, kitten, tax] =
        ["a cat sits on the mat .", "the cat is resting on the carpet .", "we pay taxes to the state ."].map(embed);
    println!("alike {:.3}, unlike {:.3}", cosine(&cat, &kitten), cosine(&cat, &tax));
    assert!(cosine(&cat, &kitten) > 0.5 && cosine(&cat, &tax) < 0.2);
}
