use burn::tensor::{Bool, Device, Tensor};
use burn_argmax::{
    Coordinates, Sigma, Surrogate, Weighting,
    losses::{average_loss, euclidean_loss, l1_loss, mse_loss},
    render_gaussian, soft_argmax, soft_argmax_over, soft_argmin, soft_argmin_over, softmax,
    spatial_soft_argmax, spatial_softmax, straight_through_one_hot,
};
use burn_argmax_tests::golden::{Case, Ours, cases, tensor};

use super::device;

/// The coordinates of kornia.
fn coordinates(case: &Case) -> Coordinates {
    match case.flag("normalized") {
        true => Coordinates::AlignCorners,
        false => Coordinates::Index,
    }
}

fn of_maps(case: &Case, device: &Device) -> Ours {
    let x: Tensor<4> = case.x(device);
    let y = x.clone();
    let given = |coordinates| {
        spatial_soft_argmax(
            spatial_softmax(x.clone(), 1.0),
            Weighting::given(),
            coordinates,
        )
    };
    match case.op.as_str() {
        "spatial_softmax2d" => case.finish(x, spatial_softmax(y, 1.0 / case.number("temperature"))),
        "flat_softmax" => case.finish(x, spatial_softmax(y, 1.0)),
        "spatial_expectation2d(spatial_softmax2d)" => {
            let y = given(coordinates(case));
            case.finish(x, y)
        }
        "dsnt(given)" => {
            let y = given(Coordinates::CellCenters);
            case.finish(x, y)
        }
        "soft_argmax" => case.finish(x, spatial_soft_argmax(y, 1.0, Coordinates::Index)),
        other => panic!("nothing stands for {other}"),
    }
}

fn rendered<const D: usize>(
    case: &Case,
    x: Tensor<3>,
    sigma: impl Into<Sigma>,
    of: Coordinates,
) -> Ours {
    let maps: Tensor<D> = render_gaussian(x.clone(), &case.y_shape[2..], sigma, of);
    case.finish(x, maps)
}

fn of_positions(case: &Case, device: &Device) -> Ours {
    let x: Tensor<3> = case.x(device);
    let y = x.clone();
    let target = || tensor(&case.numbers("target"), &case.shape, device);
    const SIZES: [usize; 2] = [9, 7];
    match case.op.as_str() {
        "render_gaussian2d" => {
            let std = case.numbers("std");
            // A deviation is normalised as the position is.
            let pixels = match case.flag("normalized") {
                true => [6.0, 8.0].map(|last| last / 2.0),
                false => [1.0; 2],
            };
            let sigma = [std[0] * pixels[0], std[1] * pixels[1]];
            rendered::<4>(case, x, sigma, coordinates(case))
        }
        "make_gauss" => {
            let sigma = case.number("sigma");
            match case.y_shape.len() {
                4 => rendered::<4>(case, x, sigma, Coordinates::CellCenters),
                _ => rendered::<5>(case, x, sigma, Coordinates::CellCenters),
            }
        }
        "normalize_pixel_coordinates" => {
            case.finish(x, Coordinates::AlignCorners.of_index(y, &SIZES))
        }
        "denormalize_pixel_coordinates" => {
            case.finish(x, Coordinates::AlignCorners.index_of(y, &SIZES))
        }
        "euclidean_losses" => case.finish(x, euclidean_loss(y, target())),
        "l1_losses" => case.finish(x, l1_loss(y, target())),
        "mse_losses" => case.finish(x, mse_loss(y, target())),
        other => panic!("nothing stands for {other}"),
    }
}

fn of_losses(case: &Case, device: &Device) -> Ours {
    let x: Tensor<2> = case.x(device);
    let mask: Option<Tensor<2, Bool>> = case.has("mask").then(|| {
        let mask: Tensor<2> = tensor(&case.numbers("mask"), &case.shape, device);
        mask.greater_elem(0.5)
    });
    case.finish(x.clone(), average_loss(x, mask))
}

fn of_lines(case: &Case, device: &Device) -> Ours {
    let x: Tensor<3> = case.x(device);
    let y = x.clone();
    match case.op.as_str() {
        "soft_argmax(beta)" => case.finish(x, soft_argmax(y, 1, case.number("beta"))),
        "soft_argmax over bins" => {
            let bins: Tensor<1> = tensor(&case.numbers("bins"), &case.shape[1..2], device);
            case.finish(x, soft_argmax_over(y, bins, 1, 1.0))
        }
        "soft_argmin" => case.finish(x, soft_argmin(y, 1, 1.0)),
        "soft_argmin over bins" => {
            let bins: Tensor<3> = tensor(&case.numbers("bins"), &case.shape, device);
            case.finish(x, soft_argmin_over(y, bins, 1, 1.0))
        }
        "softmax" => case.finish(x, softmax(y, 1, case.number("beta"))),
        "one_hot" => case.finish(x, straight_through_one_hot(y, 1, Surrogate::Identity)),
        other => panic!("nothing stands for {other}"),
    }
}

/// The lines of `coming_from` that `spatial.json` has not.
#[test]
fn every_line() {
    let Some(device) = device() else { return };
    let cases = cases(include_str!("../../../golden/coming_from.json"));
    assert_eq!(cases.len(), 23);
    for case in &cases {
        case.assert(match case.shape[..] {
            [_, _, _, _] => of_maps(case, &device),
            [_, 7, 5] => of_lines(case, &device),
            [_, _, _] => of_positions(case, &device),
            _ => of_losses(case, &device),
        });
    }
}
