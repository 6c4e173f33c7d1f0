use burn_core::tensor::{AsIndex, Tensor};

use super::{Surrogate, check_dim, dispatch::dispatch, empty};

/// The row of a code book at the first maximum, with a gradient for the scores and for the code book: a vector
/// quantiser, a router.
///
/// [`discrete_choices`](crate::discrete_choices) has the scores of a quantiser.
///
/// `y = C[argmax_i x_i]`: the product of [`straight_through_one_hot`](crate::straight_through_one_hot()) and the
/// code book, of which the one-hot is never formed.
///
/// # Arguments
///
/// * `logits` - Scores, of any rank and layout. A mask is a score of `-inf`.
/// * `codebook` - `[codes, features]`, one row for each index along `dim`.
/// * `dim` - The dimension of the index; a negative one counts from the end.
/// * `surrogate` - The gradient to send back to the logits.
///
/// # Returns
///
/// The rows that were chosen, exactly: the shape of `logits` with `features` entries along `dim`, in the
/// dtype of `codebook`. Of equal maxima the first is chosen. A NaN counts as the largest score. An empty batch
/// gives an empty tensor, in the graph of the logits alone.
///
/// # Gradient
///
/// With `u_i = <g, C_i>`, what comes upstream for the one-hot:
///
/// * [`Surrogate::Identity`]: `dx = u`.
/// * [`Surrogate::Softmax`]: `dx = beta * p * (u - sum(u * p))` with `p = softmax(beta * x)`; exactly 0 at a mask,
///   and NaN in a row with a NaN or `+inf` whose `u` are not all exactly 0.
/// * For the code book, exactly that of the choice: each row gets the sum of the `g` that chose it.
///
/// An entry of the code book that is NaN or infinite counts as 0 in `u`, so that `g` that are all exactly 0 leave
/// exactly 0. What is kept is the arguments, and an integer a row; memory beside them and their gradients is that
/// of the result. On a backend that the crate was not compiled for it is that of a few tensors of the size of the
/// logits, and a score that is NaN or infinite gets no gradient.
///
/// # Panics
///
/// If `dim` is out of range or has size 0, if `codebook` has not as many rows as `dim` has entries or has no
/// column, or if the surrogate's `beta` is negative, infinite or NaN.
///
/// # Source
///
/// Bengio, Léonard and Courville 2013 (identity); Jang, Gu and Poole, ICLR 2017 (softmax).
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use burn_argmax::{Surrogate, straight_through_select};
///
/// let device = Device::flex().autodiff();
/// let logits = Tensor::<2>::from_floats([[0.0, 2.0, 1.0]], &device).require_grad();
/// let codebook = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, 1.0], [4.0, 4.0]], &device).require_grad();
/// let surrogate = Surrogate::Softmax { beta: 1.0 };
/// let code = straight_through_select(logits.clone(), codebook.clone(), 1, surrogate);
/// code.clone().into_data().assert_eq(&[[0.0f32, 1.0]].into(), false);
///
/// let gradients = (code - 3.0).powi_scalar(2).sum().backward();
/// // Nearer to [3, 3] is the third.
/// let of_logits = logits.grad(&gradients).unwrap();
/// assert!(of_logits.slice([0..1, 2..3]).into_scalar::<f32>() < 0.0);
/// let of_codes = codebook.grad(&gradients).unwrap().into_data();
/// of_codes.assert_eq(&[[0.0f32, 0.0], [-6.0, -4.0], [0.0, 0.0]].into(), false);
/// ```
#[track_caller]
pub fn straight_through_select<const D: usize>(
    logits: Tensor<D>,
    codebook: Tensor<2>,
    dim: impl AsIndex,
    surrogate: Surrogate,
) -> Tensor<D> {
    let dim = check_dim("straight_through_select", &logits, dim);
    let mut shape = logits.dims();
    let [codes, features] = codebook.dims();
    assert!(
        codes == shape[dim] && features > 0,
        "straight_through_select: codebook must have a row for each of the {} entries of dim {dim}, and at \
         least one column, got shape [{codes}, {features}]",
        shape[dim]
    );
    surrogate.check("straight_through_select");
    let codebook = codebook.dequantize();
    if logits.shape().num_elements() == 0 {
        shape[dim] = features;
        return empty(logits, shape).cast(codebook.dtype());
    }
    let lines = [&shape[..dim], &shape[dim..=dim], &shape[dim + 1..]];
    let lines = lines.map(|sizes| sizes.iter().product::<usize>());
    let logits: Tensor<3> = logits.dequantize().reshape(lines);
    let codebook = codebook.into_dispatch();
    let selected: Tensor<3> = dispatch!(straight_through_select(logits, codebook, surrogate));
    shape[dim] = features;
    selected.reshape(shape)
}
