//! Numbers of other libraries. See `tests/golden/README.md`.

use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    check::{assert_within, largest},
    data::values,
};

/// A call of another library, its result, and the gradient of its input.
#[derive(Deserialize)]
pub struct Case {
    /// The call.
    pub op: String,
    args: Value,
    /// Along which it runs, where that is not in its name.
    pub dim: Option<usize>,
    /// The shape of the input.
    pub shape: Vec<usize>,
    x: Vec<f64>,
    up: Vec<f64>,
    /// The shape of the result.
    pub y_shape: Vec<usize>,
    y: Vec<f64>,
    g: Vec<f64>,
}

/// What an operator of ours gives for a case: its result, and the gradient of its input.
pub struct Ours(Vec<f64>, Vec<f64>);

/// The cases of a file.
pub fn cases(json: &str) -> Vec<Case> {
    serde_json::from_str(json).expect("valid cases")
}

impl Case {
    /// The input, as a leaf.
    pub fn x<const D: usize>(&self, device: &Device) -> Tensor<D> {
        tensor(&self.x, &self.shape, device).require_grad()
    }

    /// Whether the call has an argument of this name.
    pub fn has(&self, name: &str) -> bool {
        self.args.get(name).is_some()
    }

    /// An argument that is a number.
    pub fn number(&self, name: &str) -> f64 {
        self.args[name].as_f64().expect("a number")
    }

    /// An argument that is a list of numbers.
    pub fn numbers(&self, name: &str) -> Vec<f64> {
        let list = self.args[name].as_array().expect("a list");
        list.iter().map(|x| x.as_f64().expect("a number")).collect()
    }

    /// An argument that is true or false.
    pub fn flag(&self, name: &str) -> bool {
        self.args[name].as_bool().expect("a flag")
    }

    /// What `y` is, and what the case's upstream gradient leaves in the input that it is of.
    #[track_caller]
    pub fn finish<const D: usize, const E: usize>(&self, x: Tensor<D>, y: Tensor<E>) -> Ours {
        assert_eq!(y.dims().to_vec(), self.y_shape, "{}", self.op);
        let upstream: Tensor<E> = tensor(&self.up, &self.y_shape, &y.device());
        let gradients = (y.clone() * upstream).backward();
        Ours(values(y), values(x.grad(&gradients).expect("x is a leaf")))
    }

    /// Both are the other library's within 1e-5 of the largest.
    #[track_caller]
    pub fn assert(&self, Ours(y, g): Ours) {
        println!("{} {:?}", self.op, self.shape);
        let scale = largest(&self.y).max(1.0);
        assert_within(&y, &self.y, |_| 1e-5 * scale);
        let scale = largest(&self.g);
        assert_within(&g, &self.g, |_| 1e-5 * scale);
    }
}

/// Numbers of a file as a tensor.
pub fn tensor<const D: usize>(values: &[f64], shape: &[usize], device: &Device) -> Tensor<D> {
    let values: Vec<f32> = values.iter().map(|&x| x as f32).collect();
    Tensor::from_data(TensorData::new(values, shape.to_vec()), device)
}
