//! Families of models that heedful has not got.

use crate::ImportError;

/// What `model_type` may be: the start of the word, what it is, and the family that comes nearest.
const OTHERS: [[&str; 3]; 36] = [
    ["mamba", "a state-space model", "llama"],
    ["falcon_mamba", "a state-space model", "llama"],
    ["jamba", "a state-space model with attention", "llama"],
    ["rwkv", "a recurrent model", "llama"],
    ["gpt2", "a decoder with learned positions and LayerNorm", "llama"],
    ["gpt_neo", "a decoder with LayerNorm", "llama"],
    ["gptj", "a decoder with LayerNorm", "llama"],
    ["opt", "a decoder with learned positions and LayerNorm", "llama"],
    ["bloom", "a decoder with ALiBi and LayerNorm", "llama"],
    ["mpt", "a decoder with ALiBi and LayerNorm", "llama"],
    ["falcon", "a decoder with LayerNorm", "llama"],
    ["phi", "a decoder with layers side by side", "llama"],
    ["gemma", "a decoder with norms of its own", "llama"],
    ["qwen", "a decoder with biases or norms of queries and keys", "llama"],
    ["olmo", "a decoder with norms of its own", "llama"],
    ["stablelm", "a decoder with LayerNorm", "llama"],
    ["mixtral", "a mixture of experts", "mistral"],
    ["deepseek", "a mixture of experts", "llama"],
    ["roberta", "an encoder whose positions begin at 2", "bert"],
    ["xlm-roberta", "an encoder whose positions begin at 2", "bert"],
    ["distilbert", "an encoder under other names", "bert"],
    ["electra", "an encoder with a smaller embedding", "bert"],
    ["albert", "an encoder whose layers share their weights", "bert"],
    ["mobilebert", "an encoder with bottlenecks", "bert"],
    ["deberta", "an encoder with disentangled attention", "bert"],
    ["modernbert", "an encoder with RoPE and gated layers", "bert"],
    ["t5", "an encoder with a decoder", "bert"],
    ["bart", "an encoder with a decoder", "bert"],
    ["whisper", "an encoder of sound with a decoder", "audio-spectrogram-transformer"],
    ["wav2vec2", "an encoder of samples by convolutions", "audio-spectrogram-transformer"],
    ["hubert", "an encoder of samples by convolutions", "audio-spectrogram-transformer"],
    ["deit", "ViT with a token of distillation", "vit"],
    ["swin", "an encoder of images in windows", "vit"],
    ["beit", "an encoder of images with relative positions", "vit"],
    ["dinov2", "ViT with scaled layers", "vit"],
    ["clip", "an encoder of images beside one of texts", "vit"],
];

/// The families that there are.
const KNOWN: [&str; 5] = ["bert", "vit", "audio-spectrogram-transformer", "llama", "mistral"];

/// Refuses a family, with the nearest that there is: by what it is, or by its name.
pub(super) fn refuse(family: &str) -> ImportError {
    let starts = |[start, ..]: &&[&str; 3]| family.starts_with(start);
    // The longest start says the most.
    if let Some([_, what, nearest]) = OTHERS.iter().filter(starts).max_by_key(|[start, ..]| start.len()) {
        let found = format!("`model_type` {family}, {what}");
        return ImportError::Architecture { found, nearest: (*nearest).to_string() };
    }
    let near = crate::nearest::nearest(family, KNOWN);
    let near = near.map_or(String::new(), |near| format!(" (the nearest is {near})"));
    ImportError::setting("model_type", family, format!("one of {}{near}", KNOWN.join(", ")))
}
