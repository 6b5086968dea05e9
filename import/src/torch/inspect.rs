//! What a state dict tells of its model: the TOML as far as it can be told.

use super::BlockNames;
use super::layout::Layout;
use crate::weights::{Tensor, Tensors};
use std::collections::BTreeSet;
use std::fmt::Write;

/// The tensors as comments, then the TOML; what cannot be told is left out, with a comment that asks for it.
#[must_use]
pub fn inspect(tensors: &Tensors) -> String {
    let mut out = list(tensors);
    let [own, cross] = ["self_attn", "multihead_attn"].map(|attention| {
        let names = BlockNames::of(attention);
        (Layout::candidates(tensors, &[&names.in_proj, &names.query]), names)
    });
    let memory = own.0.is_empty() && !cross.0.is_empty();
    let (layouts, names) = if memory { cross } else { own };
    let Some(layout) = layouts.first() else {
        out += "\n# No layers of nn.TransformerEncoder were found: name them by `layers` in [names],\n\
                # and what is inside by [names.block]: in_proj or query, key, value; out_proj, norm1, norm2, linear1,\n\
                # linear2, gate.\n";
        return out;
    };
    if layouts.len() > 1 {
        let prefixes: Vec<String> = layouts.iter().map(|layout| layout.block(0)).collect();
        _ = writeln!(out, "\n# Several lists of layers: {}. This is about the first.", prefixes.join(", "));
    }
    let guess = Guess::new(tensors, layout, &names);
    out += &guess.model();
    out += &guess.input();
    if memory {
        out += "\n[memory]\n# steps =     # open: rows of the memory\n";
        let key = tensors.shape(&format!("{}{}_weight", layout.block(0), names.key));
        _ = writeln!(out, "channels = {}", key.and_then(|shape| shape.get(1)).unwrap_or(&guess.width));
    }
    out += &guess.names(layout);
    out
}

/// Name, shape, type and range of each.
fn list(tensors: &Tensors) -> String {
    let mut out = String::new();
    let wide = tensors.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, Tensor { shape, dtype, values }) in tensors.iter() {
        let shape = format!("{shape:?}");
        let range = values.as_ref().filter(|values| !values.is_empty()).map(|values| {
            let least = values.iter().copied().fold(f32::INFINITY, f32::min);
            let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let odd = values.iter().filter(|x| !x.is_finite()).count();
            let odd = if odd > 0 { format!(", {odd} not finite") } else { String::new() };
            format!("{least:.4} to {most:.4}{odd}")
        });
        _ = writeln!(out, "# {name:wide$}  {shape:18}  {dtype:4}  {}", range.unwrap_or_default());
    }
    out
}

/// What the tensors outside of the layers may be.
struct Guess {
    width: usize,
    layers: usize,
    hidden: usize,
    embedding: Option<(String, Vec<usize>)>,
    positions: Option<(String, usize)>,
    class_token: Option<(String, usize)>,
    final_norm: Option<String>,
    embedding_norm: Option<String>,
    /// The last has so many outputs.
    head: Vec<(String, usize)>,
    /// Layers and parameters that have no place.
    left: Vec<String>,
}

impl Guess {
    fn new(tensors: &Tensors, layout: &Layout, names: &BlockNames) -> Self {
        let start = layout.block(0);
        let length = |name: &str, at: usize| {
            let name = tensors.full_name(&format!("{start}{name}"), "weight");
            tensors.shape(&name).and_then(|shape| shape.get(at)).copied().unwrap_or(0)
        };
        let (width, hidden) = (length(&names.norm1, 0), length(&names.linear1, 0));
        let inside: Vec<String> = (0..layout.count).map(|index| layout.block(index)).collect();
        let mut guess = Self {
            width,
            hidden,
            layers: layout.count,
            embedding: None,
            positions: None,
            class_token: None,
            final_norm: None,
            embedding_norm: None,
            head: Vec::new(),
            left: Vec::new(),
        };
        let mut seen = BTreeSet::new();
        for (name, tensor) in tensors.iter().filter(|(name, _)| !inside.iter().any(|start| name.starts_with(start))) {
            if matches!(name.rsplit('.').next(), Some("num_batches_tracked" | "position_ids" | "token_type_ids")) {
                continue;
            }
            let layer = name.strip_suffix(".weight").or(name.strip_suffix(".bias")).unwrap_or(name);
            if seen.insert(layer.to_string()) {
                let weight = tensors.shape(&format!("{layer}.weight")).unwrap_or(&tensor.shape);
                guess.place(layer, weight.to_vec(), layout);
            }
        }
        guess
    }

    /// Finds the place of a layer or a parameter by its name and its shape.
    fn place(&mut self, name: &str, shape: Vec<usize>, layout: &Layout) {
        let lower = name.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let (last, count) = (shape.last().copied().unwrap_or(0), shape.iter().product::<usize>());
        let rows = count / self.width.max(1);
        if shape.len() == 1 && last == self.width && says(&["norm", "ln"]) {
            let place = if says(&["emb", "input"]) { &mut self.embedding_norm } else { &mut self.final_norm };
            if place.is_none() || name == layout.beside("norm") {
                *place = Some(name.to_string());
                return;
            }
        } else if last == self.width && says(&["cls", "class_token", "dist"]) && rows < 4 {
            return self.class_token = Some((name.to_string(), rows));
        } else if last == self.width && says(&["pos", "pe"]) && self.positions.is_none() && rows > 1 {
            return self.positions = Some((name.to_string(), rows));
        } else if shape.len() > 1 && says(&["emb", "patch", "input", "stem", "proj_in"]) && self.embedding.is_none() {
            return self.embedding = Some((name.to_string(), shape));
        } else if shape.len() == 2 && says(&["class", "head", "fc", "out", "decoder", "pool"]) {
            let outputs = shape[0];
            if last == self.head.last().map_or(self.width, |(_, outputs)| *outputs) {
                return self.head.push((name.to_string(), outputs));
            }
        }
        self.left.push(format!("{name} {shape:?}"));
    }

    fn model(&self) -> String {
        let mut out = String::from("\n[model]\n");
        let mut say = |line: String| {
            out += &line;
            out.push('\n');
        };
        say(format!("# {} layers of width {}, feed-forward {}.", self.layers, self.width, self.hidden));
        let divisors: Vec<String> =
            (1..=self.width).filter(|d| self.width.is_multiple_of(*d)).map(|d| d.to_string()).collect();
        say(format!("# heads =          # open: one of {}", divisors.join(", ")));
        let hint = match &self.final_norm {
            Some(name) => format!("{name} is there, which mostly stands after pre-norm layers: true?"),
            None => "there is no final norm, which mostly stands after pre-norm layers: false?".to_string(),
        };
        say(format!("# norm_first =     # open: {hint}"));
        say("# activation =     # open: \"relu\" (PyTorch's default), \"gelu\", \"gelu_tanh\", \"silu\"?".to_string());
        say("eps = 1e-5         # PyTorch's default; another layer_norm_eps?".to_string());
        say("causal = false     # was the model trained with a mask?".to_string());
        match &self.positions {
            Some(_) => say("positions = \"learned\"".to_string()),
            None => say("# positions =      # open: \"sinusoidal\", \"rope\", \"alibi\", \"none\"?".to_string()),
        }
        match &self.class_token {
            Some((_, count)) => {
                say("pool = \"first\"     # there is a class token; is it what the head reads?".to_string());
                if *count > 1 {
                    say(format!("pool_tokens = {count}"));
                }
            }
            None => say("# pool =           # open: \"mean\", \"first\", \"last\", \"max\", \"every\"?".to_string()),
        }
        let outputs = self.head.last().map_or(self.width, |(_, outputs)| *outputs);
        say(format!(
            "# output =         # open: \"classes\", \"labels\", \"values\", \"embedding\"? There are {outputs}."
        ));
        say(format!("# labels = []      # names of the {outputs} results"));
        out
    }

    fn input(&self) -> String {
        let class = self.class_token.as_ref().map_or(0, |(_, count)| *count);
        let tokens = self.positions.as_ref().map(|(_, rows)| rows.saturating_sub(class));
        let steps = |key: &str| match tokens {
            Some(tokens) => format!("{key} = {tokens}         # as there are positions\n"),
            None => format!("# {key} =          # open\n"),
        };
        let shape = self.embedding.as_ref().map(|(_, shape)| &**shape);
        let text = match shape {
            Some([outputs, channels]) if *outputs == self.width => {
                format!(
                    "kind = \"series\"    # or \"image\" of flat patches, with `kernel` in [stem]\n{}\
                     channels = {channels}\n",
                    steps("steps")
                )
            }
            Some([rows, width]) if *width == self.width => {
                format!("kind = \"tokens\"    # a vocabulary of {rows}\n{}", steps("length"))
            }
            Some([_, channels, kernel]) => format!(
                "kind = \"series\"\n# steps =          # open\nchannels = {channels}\n\n[stem]\n\
                 # stride =         # open: by default the kernel, {kernel}\n"
            ),
            Some([_, channels, rows, columns]) => format!(
                "kind = \"image\"\n# height =         # open\n# width =          # open\nchannels = {channels}\n\n\
                 [stem]\n\
                 # stride =         # open: by default the kernel, [{rows}, {columns}]\n"
            ),
            _ => format!(
                "# kind =           # open: \"series\", \"image\", \"tokens\"?\n{}# channels =       # open\n",
                steps("steps")
            ),
        };
        format!("\n[input]\n{text}")
    }

    fn names(&self, layout: &Layout) -> String {
        let mut out = String::from("\n[names]\n");
        let list = layout.block(0);
        let list = list.trim_end_matches('.');
        let list = list.rsplit_once('.').map_or("", |(list, number)| if number == "0" { list } else { "" });
        if !list.is_empty() {
            _ = writeln!(out, "layers = \"{list}\"");
        }
        let named = [
            ("embedding", self.embedding.as_ref().map(|(name, _)| name)),
            ("class_token", self.class_token.as_ref().map(|(name, _)| name)),
            ("positions", self.positions.as_ref().map(|(name, _)| name)),
            ("embedding_norm", self.embedding_norm.as_ref()),
            ("final_norm", self.final_norm.as_ref()),
        ];
        for (key, name) in named {
            match name {
                Some(name) => _ = writeln!(out, "{key} = \"{name}\""),
                None if key == "embedding" => out += "# embedding =      # open: what makes tokens of the input?\n",
                None => {}
            }
        }
        let head: Vec<String> = self.head.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        match &*head {
            [] => out += "# head =           # open: the layers after the pooling, if there are any\n",
            [one] => _ = writeln!(out, "head = {one}"),
            several => {
                _ = writeln!(out, "head = [{}] # open: in this order? activations between them?", several.join(", "));
            }
        }
        if !self.left.is_empty() {
            out += "# open: what are these? Name them here, or in `ignore = []`.\n";
            self.left.iter().for_each(|name| _ = writeln!(out, "#   {name}"));
        }
        out
    }
}
