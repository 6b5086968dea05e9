//! Integers of pooling, the head and the outputs.

use super::layer::{least_output, linear, scale, steepness};
use super::scales::{COARSER, MOST_RATIO};
use super::{Chain, ConvertError};
use crate::graph::{Activation, Dense, HeadLayer, Output, Place, Pool, Site, Stem};
use heedful::format::write::PartModel;
use heedful::{HeadScale, PoolKind, Steepness};
use std::f64::consts::LOG2_E;

/// Scores of pooling, in both directions.
const SCORES: f64 = 64.0;

impl Chain<'_> {
    pub(super) fn head(&mut self) -> Result<(), ConvertError> {
        let width = self.model.width();
        let mut input = self.ensure_rows(self.before_pooling())?;
        if let Some((kind, count)) = self.pooled()? {
            let mut factor = 0.1;
            if let PoolKind::Mean = kind {
                let pooled = self.scales.at(Place::Pooled).max(COARSER * input / count as f64);
                factor = input / (count as f64 * pooled);
                input = pooled;
                self.round(Place::Pooled, [pooled]);
            }
            self.parts.push(PartModel::Pool { width, kind, count, scale: scale("pooling", factor)? });
        }
        if let Pool::Weighted(dense) = &self.model.pool {
            input = self.weighted_pool(dense, input)?;
        }
        self.rows = Some(input);
        self.residual = false;
        self.read = Place::Pooled;
        let mut layers = self.model.head.iter().enumerate().peekable();
        let mut outputs = None;
        while let Some((index, layer)) = layers.next() {
            let name = format!("layer {index} of the head");
            match layer {
                HeadLayer::Norm(norm) => {
                    self.ensure_residual()?;
                    self.norm(&name, norm, Place::Head(index))?;
                    self.read = Place::Head(index);
                    self.residual = false;
                }
                HeadLayer::Dense(dense) => {
                    let activation = match layers.peek() {
                        Some((_, HeadLayer::Activation(activation))) => Some(*activation),
                        None => {
                            outputs = Some(dense.clone());
                            break;
                        }
                        Some(_) => None,
                    };
                    self.dense(&name, index, dense, activation)?;
                    self.read = Place::Head(index + usize::from(activation.is_some()));
                    if activation.is_some() {
                        layers.next();
                    }
                }
                HeadLayer::Activation(_) => {
                    return Err(ConvertError::Unsupported("an activation of the head that follows no dense layer"));
                }
            }
        }
        if let (Output::NextToken { tied: true }, Stem::Embedding { tokens, .. }) =
            (&self.model.output, &self.model.stem)
        {
            outputs = Some(Dense { weight: tokens.clone(), bias: None });
        }
        self.output(outputs)
    }

    /// What the rows before the pooling are like: where a mean is taken, larger than it.
    fn before_pooling(&self) -> Place {
        match (&self.model.pool, self.model.blocks.len().checked_sub(1)) {
            (Pool::Mean | Pool::First(2..) | Pool::Weighted(_), Some(last)) => Place::Block(last, Site::AfterFeed),
            _ => Place::Pooled,
        }
    }

    /// Pooling by the softmax of a score for each row; gives the scale of the mean.
    fn weighted_pool(&mut self, dense: &Dense, input: f64) -> Result<f64, ConvertError> {
        // A score's range is not known; 16 octaves below the largest, a row weighs nothing.
        let step = least_output(dense, input).max(SCORES / 32_767.0);
        let layer = linear("scores of the pooling", dense, &[], input, |_| step)?;
        let pooled = self.scales.at(Place::Pooled).max(input / MOST_RATIO);
        let scale = HeadScale::from_real(step * LOG2_E, input / pooled).result();
        let scale = scale.map_err(|error| ConvertError::scale("pooling", error))?;
        self.round(Place::Pooled, [pooled]);
        self.parts.push(PartModel::WeightedPool { layer, scale });
        Ok(pooled)
    }

    /// Means of what the next layer of the head reads; none where they are not known.
    fn means(&self, inputs: usize) -> Result<Vec<f64>, ConvertError> {
        let means = self.ranges.means(self.read)?;
        Ok(if means.len() == inputs { means } else { vec![] })
    }

    /// A layer of the head, and what follows it.
    fn dense(
        &mut self,
        name: &str,
        index: usize,
        dense: &Dense,
        activation: Option<Activation>,
    ) -> Result<(), ConvertError> {
        let input = self.rows.unwrap_or(1.0);
        let output = self.scales.at(Place::Head(index)).max(least_output(dense, input));
        let layer = linear(name, dense, &self.means(dense.inputs())?, input, |_| output)?;
        let after = activation.map(|activation| (activation, self.scales.at(Place::Head(index + 1))));
        let table = after.map(|(activation, after)| heedful::table(|x| activation.of(x), output, after));
        self.round(Place::Head(index), [output]);
        if let Some((_, after)) = after {
            self.round(Place::Head(index + 1), [after]);
        }
        self.parts.push(PartModel::Dense { layer, activation: table });
        self.rows = Some(after.map_or(output, |(_, after)| after));
        Ok(())
    }

    fn output(&mut self, dense: Option<Dense>) -> Result<(), ConvertError> {
        let input = self.rows.unwrap_or(1.0);
        let (step, layer, width) = match &dense {
            Some(dense) => {
                let step = self.scales.logits.max(least_output(dense, input));
                (step, Some(linear("output", dense, &self.means(dense.inputs())?, input, |_| step)?), dense.inputs())
            }
            None => (input, None, self.model.outputs()),
        };
        let logit = match self.model.output {
            Output::Classes(_) | Output::Labels(_) | Output::NextToken { .. } => steepness("logits", step * LOG2_E)?,
            // Not used.
            Output::Values { .. } | Output::Embedding { .. } => Steepness::from_real(0.01).unwrap(),
        };
        self.parts.push(PartModel::Output { width, kind: self.kind(), logit, step: step as f32, layer });
        Ok(())
    }
}
