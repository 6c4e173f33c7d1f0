use burn::tensor::{Device, Tensor};
use burn_argmax::{
    Coordinates, Surrogate, losses, spatial_soft_argmax, spatial_softmax, straight_through_one_hot,
};
use burn_argmax_tests::golden::{Case, Ours, cases, tensor};

use super::device;

/// The call that stands for the other library's, and its gradient.
fn run<const D: usize>(case: &Case, device: &Device) -> Ours {
    let x: Tensor<D> = case.x(device);
    match case.op.as_str() {
        "spatial_soft_argmax2d" => {
            let coordinates = match case.flag("normalized_coordinates") {
                true => Coordinates::AlignCorners,
                false => Coordinates::Index,
            };
            let beta = 1.0 / case.number("temperature");
            case.finish(x.clone(), spatial_soft_argmax(x, beta, coordinates))
        }
        "dsnt(flat_softmax)" | "dsnt(flat_softmax) 3d" => {
            let coordinates = match case.flag("normalized_coordinates") {
                true => Coordinates::CellCenters,
                false => Coordinates::Index,
            };
            case.finish(x.clone(), spatial_soft_argmax(x, 1.0, coordinates))
        }
        "variance_reg_losses(flat_softmax)" => {
            let sigma = case.number("sigma_t");
            let loss = losses::variance_loss(spatial_softmax(x.clone(), 1.0), sigma);
            case.finish(x, loss)
        }
        "js_reg_losses(flat_softmax)" | "kl_reg_losses(flat_softmax)" => {
            let loss = match case.op.as_str() {
                "js_reg_losses(flat_softmax)" => losses::jensen_shannon_loss::<D>,
                _ => losses::kl_divergence_loss::<D>,
            };
            let centers = [case.shape[0], case.shape[1], D - 2];
            let centers = tensor(&case.numbers("mu_t"), &centers, device);
            let sigma = case.number("sigma_t");
            let heatmaps = spatial_softmax(x.clone(), 1.0);
            case.finish(x, loss(heatmaps, centers, sigma, Coordinates::CellCenters))
        }
        "conv_soft_argmax2d" => {
            for (name, want) in [("kernel_size", 3.0), ("stride", 1.0), ("padding", 1.0)] {
                assert_eq!(case.numbers(name), [want; 2]);
            }
            assert!(!case.flag("normalized_coordinates"));
            let beta = 1.0 / case.number("temperature");
            case.finish(x.clone(), windows_of_three(x, beta))
        }
        "gumbel straight-through, noise given" => {
            let noise = tensor(&case.numbers("noise"), &case.shape, device);
            let beta = 1.0 / case.number("tau");
            let one_hot =
                straight_through_one_hot(x.clone() + noise, 1, Surrogate::Softmax { beta });
            case.finish(x, one_hot)
        }
        other => panic!("nothing stands for {other}"),
    }
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
    let cases = cases(include_str!("../../../golden/spatial.json"));
    assert_eq!(cases.len(), 48);
    for case in &cases {
        case.assert(match case.shape.len() {
            2 => run::<2>(case, &device),
            4 => run::<4>(case, &device),
            5 => run::<5>(case, &device),
            rank => panic!("no case has rank {rank}"),
        });
    }
}
