//! The norm of a gradient.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Shortens the gradient of all parameters together to a norm of at most `most`. (burn's own clipping looks at each
/// parameter alone.)
pub(crate) fn clip<M: Module>(gradients: GradientsParams, module: &M, most: f64) -> GradientsParams {
    let mut norm = Norm { gradients: &gradients, squares: 0.0 };
    module.visit(&mut norm);
    let norm = norm.squares.sqrt();
    if norm <= most {
        return gradients;
    }
    let mut shorten = Shorten { gradients, factor: (most / norm) as f32 };
    module.visit(&mut shorten);
    shorten.gradients
}

struct Norm<'a> {
    gradients: &'a GradientsParams,
    squares: f64,
}

impl ModuleVisitor for Norm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.squares += f64::from(gradient.square().sum().into_scalar::<f32>());
        }
    }
}

struct Shorten {
    gradients: GradientsParams,
    factor: f32,
}

impl ModuleVisitor for Shorten {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient.mul_scalar(self.factor));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::nn::LinearConfig;
    use burn::tensor::Device;

    #[test]
    fn all_are_shortened_together() {
        let device = Device::flex().autodiff();
        let layer = LinearConfig::new(2, 1).init(&device);
        let gradients = |most: f64| {
            // Gradients of 3 and 4 for the weights, and 12 for the bias.
            let weight = layer.weight.val().reshape([2]) * Tensor::from_floats([3.0, 4.0], &device);
            let bias = layer.bias.as_ref().map(|bias| bias.val() * 12.0);
            let loss = weight.sum() + bias.unwrap_or_else(|| unreachable!("it has one"));
            let gradients = clip(GradientsParams::from_grads(loss.backward(), &layer), &layer, most);
            let weight: Vec<f32> = gradients.get::<2>(layer.weight.id).into_iter().flat_map(numbers).collect();
            let id = layer.bias.as_ref().map(|bias| bias.id);
            let bias = id.and_then(|id| gradients.get::<1>(id)).into_iter().flat_map(numbers);
            weight.into_iter().chain(bias).collect::<Vec<f32>>()
        };
        assert_eq!(gradients(13.1), [3.0, 4.0, 12.0]);
        for (found, expected) in gradients(1.3).into_iter().zip([0.3, 0.4, 1.2]) {
            assert!((found - expected).abs() < 1e-6, "{found}");
        }
    }

    fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f32> {
        x.into_data().iter::<f32>().collect()
    }
}
