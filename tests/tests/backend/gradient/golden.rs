use burn::tensor::{Device, Tensor, TensorData};
use burn_argmax::{
    Coordinates, Surrogate, losses, spatial_soft_argmax, spatial_softmax, straight_through_one_hot,
};
use burn_argmax_tests::{
    check::{assert_within, largest},
    data::values,
};
use serde::Deserialize;
use serde_json::Value;

use super::device;

/// See `tests/golden/README.md`.
#[derive(Deserialize)]
struct Case {
    op: String,
    args: Value,
    shape: Vec<usize>,
    x: Vec<f64>,
    up: Vec<f64>,
    y_shape: Vec<usize>,
    y: Vec<f64>,
    g: Vec<f64>,
}

impl Case {
    fn number(&self, name: &str) -> f64 {
        self.args[name].as_f64().expect("a number")
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        let list = self.args[name].as_array().expect("a list");
        list.iter().map(|x| x.as_f64().expect("a number")).collect()
    }

    fn is_normalized(&self) -> bool {
        self.args["normalized_coordinates"]
            .as_bool()
            .expect("a flag")
    }

    /// The call that stands for the other library's, and its gradient.
    fn run<const D: usize>(&self, device: &Device) -> (Vec<f64>, Vec<f64>) {
        let x: Tensor<D> = from(&self.x, &self.shape, device).require_grad();
        match self.op.as_str() {
            "spatial_soft_argmax2d" => {
                let coordinates = match self.is_normalized() {
                    true => Coordinates::AlignCorners,
                    false => Coordinates::Index,
                };
                let beta = 1.0 / self.number("temperature");
                self.finish(x.clone(), spatial_soft_argmax(x, beta, coordinates))
            }
            "dsnt(flat_softmax)" | "dsnt(flat_softmax) 3d" => {
                let coordinates = match self.is_normalized() {
                    true => Coordinates::CellCenters,
                    false => Coordinates::Index,
                };
                self.finish(x.clone(), spatial_soft_argmax(x, 1.0, coordinates))
            }
            "variance_reg_losses(flat_softmax)" => {
                let sigma = self.number("sigma_t");
                let loss = losses::variance_loss(spatial_softmax(x.clone(), 1.0), sigma);
                self.finish(x, loss)
            }
            "js_reg_losses(flat_softmax)" | "kl_reg_losses(flat_softmax)" => {
                let loss = match self.op.as_str() {
                    "js_reg_losses(flat_softmax)" => losses::jensen_shannon_loss::<D>,
                    _ => losses::kl_divergence_loss::<D>,
                };
                let centers = [self.shape[0], self.shape[1], D - 2];
                let centers = from(&self.numbers("mu_t"), &centers, device);
                let sigma = self.number("sigma_t");
                let heatmaps = spatial_softmax(x.clone(), 1.0);
                self.finish(x, loss(heatmaps, centers, sigma, Coordinates::CellCenters))
            }
            "conv_soft_argmax2d" => {
                for (name, want) in [("kernel_size", 3.0), ("stride", 1.0), ("padding", 1.0)] {
                    assert_eq!(self.numbers(name), [want; 2]);
                }
                assert!(!self.is_normalized());
                let beta = 1.0 / self.number("temperature");
                self.finish(x.clone(), windows_of_three(x, beta))
            }
            "gumbel straight-through, noise given" => {
                let noise = from(&self.numbers("noise"), &self.shape, device);
                let beta = 1.0 / self.number("tau");
                let one_hot =
                    straight_through_one_hot(x.clone() + noise, 1, Surrogate::Softmax { beta });
                self.finish(x, one_hot)
            }
            other => panic!("nothing stands for {other}"),
        }
    }

    fn finish<const D: usize, const E: usize>(
        &self,
        x: Tensor<D>,
        y: Tensor<E>,
    ) -> (Vec<f64>, Vec<f64>) {
        assert_eq!(y.dims().to_vec(), self.y_shape, "{}", self.op);
        let upstream: Tensor<E> = from(&self.up, &self.y_shape, &y.device());
        let gradients = (y.clone() * upstream).backward();
        (values(y), values(x.grad(&gradients).expect("x is a leaf")))
    }
}

fn from<const D: usize>(values: &[f64], shape: &[usize], device: &Device) -> Tensor<D> {
    let values: Vec<f32> = values.iter().map(|&x| x as f32).collect();
    Tensor::from_data(TensorData::new(values, shape.to_vec()), device)
}

/// The soft-argmax of the 3x3 window about every pixel, `[batch, channels, 2, height, width]`.
/// Beyond the border there is nothing.
fn windows_of_three<const D: usize>(x: Tensor<D>, beta: f64) -> Tensor<5> {
    let shape = x.dims();
    let [b, c, h, w] = [shape[0], shape[1], shape[2], shape[3]];
    let nothing = Tensor::<4>::full([b, c, h + 2, w + 2], f64::NEG_INFINITY, &x.device());
    let inside = [0..b, 0..c, 1..h + 1, 1..w + 1];
    let padded = nothing.slice_assign(inside, x.reshape([b, c, h, w]));
    let positions = (0..h * w).map(|position| {
        let (top, left) = (position / w, position % w);
        let window = padded
            .clone()
            .slice([0..b, 0..c, top..top + 3, left..left + 3]);
        let corner = [left as f32 - 1.0, top as f32 - 1.0];
        let corner = Tensor::<1>::from_floats(corner, &padded.device()).reshape([1, 1, 2]);
        let at = spatial_soft_argmax(window, beta, Coordinates::Index) + corner;
        at.reshape([b, c, 2, 1])
    });
    Tensor::cat(positions.collect(), 3).reshape([b, c, 2, h, w])
}

#[test]
fn every_case_of_other_libraries() {
    let Some(device) = device() else { return };
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../../golden/spatial.json")).expect("valid cases");
    assert_eq!(cases.len(), 48);
    for (number, case) in cases.iter().enumerate() {
        println!("case {number}: {} {:?}", case.op, case.shape);
        let (y, g) = match case.shape.len() {
            2 => case.run::<2>(&device),
            4 => case.run::<4>(&device),
            5 => case.run::<5>(&device),
            rank => panic!("no case has rank {rank}"),
        };
        let scale = largest(&case.y).max(1.0);
        assert_within(&y, &case.y, |_| 1e-5 * scale);
        let scale = largest(&case.g);
        assert_within(&g, &case.g, |_| 1e-5 * scale);
    }
}
