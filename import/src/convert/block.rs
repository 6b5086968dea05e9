//! Integers of feed-forward layers.

use super::balance::feed_input;
use super::layer::{least_output, linear, scale, shift_inputs, shift_outputs};
use super::scales::{positive, table_scale};
use super::{Chain, ConvertError};
use crate::graph::{Activation, Dense, FeedForward, Place, Site};
use heedful::format::write::{DecoderBlockModel, PartModel};

/// The coarsest step of 16-bit arguments: entries of their table are 256 steps apart, and straight lines between
/// entries that are further apart than this miss the bend of an activation by more than 8-bit arguments do. ReLU bends
/// at an entry.
const COARSEST: f64 = 0.5 / 256.0;

impl Chain<'_> {
    pub(super) fn feed_forward(&mut self, index: usize, f: &FeedForward) -> Result<(), ConvertError> {
        let (s, at) = (self.scales, |site| Place::Block(index, site));
        let name = |part: &str| format!("{part} of block {index}");
        let input = self.ensure_rows(at(Site::FeedInput))?;
        let from = feed_input(&self.model.blocks[index], index);
        let read = |layer: &Dense| s.balance.reader(layer, from);
        let means = s.balance.means(&self.ranges.means(from)?, from);
        let hidden_means = self.ranges.means(at(Site::Hidden))?;
        let last = name("last feed-forward layer");
        // A quarter of room above what was seen.
        let [least, most] = self.ranges.ends(at(Site::Gate))?;
        let fine_step = positive(1.25 * most.max(-least) / 32_767.0).max(least_output(&read(&f.up), input));
        let straight = matches!(f.activation, Activation::Relu | Activation::Identity);
        let fine = self.settings.fine_activations && (straight || fine_step <= COARSEST);
        let part = match &f.gate {
            None if fine => {
                let (after, first, step) = (s.affine(at(Site::Hidden)), read(&f.up), fine_step);
                self.round_affine(at(Site::Hidden), after);
                let expand = linear(&name("first feed-forward layer"), &first, &means, input, |_| step)?;
                let mut contract = linear(&last, &f.down, &hidden_means, after.step, |_| self.stream())?;
                shift_inputs(&mut contract, after.zero);
                let table = after.table(|x| f.activation.of(x), step);
                PartModel::FineFeedForward { expand, table, contract }
            }
            None => {
                let (before, after) = (s.affine(at(Site::Gate)), s.affine(at(Site::Hidden)));
                self.round_affine(at(Site::Gate), before);
                self.round_affine(at(Site::Hidden), after);
                let mut expand =
                    linear(&name("first feed-forward layer"), &read(&f.up), &means, input, |_| before.step)?;
                shift_outputs(&mut expand, before.zero.into());
                let mut contract = linear(&last, &f.down, &hidden_means, after.step, |_| self.stream())?;
                shift_inputs(&mut contract, after.zero);
                let value = |index: usize| f.activation.of(before.real(i32::from(index as u8 as i8)));
                let activation = std::array::from_fn(|index| after.integer(value(index)));
                PartModel::FeedForward { expand, activation, contract }
            }
            Some(layer) => {
                let (gate, hidden) = (s.at(at(Site::Gate)), s.at(at(Site::Hidden)));
                let down = linear(&last, &f.down, &hidden_means, hidden, |_| self.stream())?;
                let (up, entry) = (s.at(at(Site::Up)), table_scale(f.activation, gate));
                let product = scale(&name("gate"), entry * up / hidden)?;
                let hidden15 = DecoderBlockModel::may_have_hidden15(product, &down);
                self.round(at(Site::Gate), [gate]);
                self.round(at(Site::Up), [up]);
                if !hidden15 {
                    self.round(at(Site::Hidden), [hidden]);
                }
                PartModel::Gated {
                    hidden15,
                    gate: linear(&name("gate"), &read(layer), &means, input, |_| gate)?,
                    up: linear(&name("layer beside the gate"), &read(&f.up), &means, input, |_| up)?,
                    table: heedful::gate_table(|x| f.activation.of(x), gate, entry),
                    product,
                    down,
                }
            }
        };
        self.parts.push(part);
        Ok(())
    }
}
