//! Part of `cargo xtask count`: what an encoder block spends on everything that is no product.

use crate::report::{grouped, layout};
use crate::shape::macs;
use serde_json::{Value, json};

/// One encoder block, pre-norm, whose feed-forward layers are twice as wide as the model.
#[derive(Debug)]
struct Encoder {
    /// Positions, width, heads, head dimension.
    shape: [u64; 4],
    total: u64,
    /// Projections, scores, weighted sums and feed-forward layers, requantisation and residual included.
    products: u64,
    softmax: u64,
    norms: u64,
    table: u64,
}

/// A linear layer, to int8 and added to the residual stream.
#[derive(Debug)]
struct Layer {
    /// Rows, inputs, outputs.
    shape: [u64; 3],
    store: u64,
    add: u64,
}

/// What a target's output says about encoder blocks.
#[derive(Debug, Default)]
pub struct Encoders {
    blocks: Vec<Encoder>,
    layers: Vec<Layer>,
}

/// What one result costs besides its products, as far as that does not grow with their number.
#[derive(Clone, Copy, Debug)]
struct PerResult {
    store: f64,
    add: f64,
}

impl Encoders {
    /// Reads the lines `encoder 32,32,8,32 total=1 products=2 …` and `layer 128,32,64 store=1 add=2`; others are left
    /// out.
    pub fn parse(printed: &str) -> Self {
        let mut all = Self::default();
        for line in printed.lines() {
            if let Some(block) = line.strip_prefix("encoder ").and_then(encoder) {
                all.blocks.push(block);
            } else if let Some(layer) = line.strip_prefix("layer ").and_then(layer) {
                all.layers.push(layer);
            }
        }
        all
    }

    /// How many blocks were counted.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// From one layer with `n` inputs and one with `2n`: twice the first less the second is what `n = 0` would cost.
    fn per_result(&self) -> Option<PerResult> {
        let [narrow, wide] = self.layers.as_slice() else { return None };
        let [rows, inputs, outputs] = narrow.shape;
        if wide.shape != [rows, 2 * inputs, outputs] {
            return None;
        }
        let rest = |narrow: u64, wide: u64| (2.0 * narrow as f64 - wide as f64) / (rows * outputs) as f64;
        Some(PerResult { store: rest(narrow.store, wide.store), add: rest(narrow.add, wide.add) })
    }

    /// A Markdown table and a sentence.
    pub fn text(&self) -> String {
        let per_result = self.per_result();
        let head = [
            "shape S,E,H,P",
            "instructions",
            "per MAC",
            "products",
            "softmax",
            "norms",
            "table",
            "norms",
            "table",
            "results",
        ];
        let mut rows = vec![head.map(String::from).to_vec()];
        for block in &self.blocks {
            let sizes = block.shape.map(|size| size.to_string()).join(",");
            let mut row = vec![sizes, grouped(block.total), format!("{:.3}", block.total as f64 / block.macs() as f64)];
            row.extend([block.products, block.softmax, block.norms, block.table].map(grouped));
            row.extend([block.norms, block.table].map(|part| percent(part as f64, block.total)));
            row.push(per_result.map_or(String::new(), |cost| percent(block.results(cost), block.total)));
            rows.push(row);
        }
        let mut text = layout(&rows);
        if let Some(PerResult { store, add }) = per_result {
            text += &format!(
                "\nA result of a layer costs {store:.1} besides its products, \
                 {add:.1} if it is added to the residual stream.\n"
            );
        }
        text
    }

    /// For machines.
    pub fn json(&self, target: &str) -> Vec<Value> {
        let json = |block: &Encoder| {
            json!({
                "target": target,
                "kernel": "encoder",
                "shape": block.shape,
                "macs": block.macs(),
                "instructions": block.total,
                "per_mac": (block.total as f64 / block.macs() as f64 * 1e4).round() / 1e4,
                "stages": {
                    "products": block.products,
                    "softmax": block.softmax,
                    "norms": block.norms,
                    "table": block.table,
                },
                "competitor": null,
                "ratio": null,
            })
        };
        self.blocks.iter().map(json).collect()
    }
}

impl Encoder {
    fn macs(&self) -> u64 {
        let [s, e, ..] = self.shape;
        macs(&self.shape) + 4 * s * e * e
    }

    /// Of the projections and the feed-forward layers: three projections and one layer to int8, two to the residual
    /// stream.
    fn results(&self, cost: PerResult) -> f64 {
        let [s, e, h, p] = self.shape;
        let (stored, added) = (s * (3 * h * p + 2 * e), s * 2 * e);
        stored as f64 * cost.store + added as f64 * cost.add
    }
}

fn percent(part: f64, whole: u64) -> String {
    format!("{:.1} %", 100.0 * part / whole as f64)
}

/// `32,32,8,32 total=1 products=2 softmax=3 norms=4 table=5`
fn encoder(text: &str) -> Option<Encoder> {
    let (shape, [total, products, softmax, norms, table]) =
        figures(text, ["total", "products", "softmax", "norms", "table"])?;
    Some(Encoder { shape, total, products, softmax, norms, table })
}

/// `128,32,64 store=1 add=2`
fn layer(text: &str) -> Option<Layer> {
    let (shape, [store, add]) = figures(text, ["store", "add"])?;
    Some(Layer { shape, store, add })
}

/// Sizes with commas between, then `name=figure` in this order.
fn figures<const N: usize, const M: usize>(text: &str, names: [&str; M]) -> Option<([u64; N], [u64; M])> {
    let mut words = text.split(' ');
    let sizes: Vec<u64> = words.next()?.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
    let mut figures = [0; M];
    for (figure, name) in figures.iter_mut().zip(names) {
        *figure = words.next()?.strip_prefix(name)?.strip_prefix('=')?.parse().ok()?;
    }
    Some((sizes.try_into().ok()?, figures))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "block 2,3,1,4 total=9\n\
        encoder 2,3,1,4 total=2000 products=1500 softmax=200 norms=80 table=20\n\
        product 128,64,64 total=7\nlayer 4,32,8 store=1600 add=1664\nlayer 4,64,8 store=2880 add=2944\ncount done";

    #[test]
    fn reads_what_the_firmware_prints() {
        let encoders = Encoders::parse(PRINTED);
        assert_eq!(encoders.len(), 1);
        assert_eq!(encoders.blocks[0].macs(), 4 * 2 * 3 * 4 + 2 * 4 * 4 + 4 * 2 * 9);
        let cost = encoders.per_result().unwrap();
        assert_eq!((cost.store, cost.add), (10.0, 12.0));
        assert_eq!(encoders.blocks[0].results(cost), 2.0 * 18.0 * 10.0 + 2.0 * 6.0 * 12.0);
        assert!(encoders.text().contains(" 4.0 % | 1.0 % |  25.2 % |"), "{}", encoders.text());
    }

    #[test]
    fn leaves_out_what_it_cannot_read() {
        assert_eq!(Encoders::parse("encoder 2,3,1 total=2 products=1 softmax=1 norms=1 table=1").len(), 0);
        assert_eq!(Encoders::parse("encoder 2,3,1,4 total=2 softmax=1 norms=1 table=1").len(), 0);
        let one = Encoders::parse("layer 4,32,8 store=1 add=2");
        assert!(one.per_result().is_none());
    }
}
