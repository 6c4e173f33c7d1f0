use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_argmax::{
    Coordinates, Sigma, Surrogate, Weighting, nn::SoftArgmaxConfig, render_gaussian, sign_one_hot,
    soft_argmax, soft_argmax_moments, soft_argmax_over, soft_argmin, spatial_soft_argmax,
    spatial_soft_argmax_moments, straight_through_one_hot,
};
use burn_argmax_tests::{
    check::assert_panics,
    data::{tensor, values},
    device::computes,
};

use super::device;

fn small(device: &Device) -> Tensor<2> {
    tensor(&[1.0, 2.0, 3.0, 4.0], [2, 2], device)
}

#[test]
fn beta_must_be_finite_and_not_negative() {
    let Some(device) = device() else { return };
    let x = || small(&device);
    for (beta, shown) in [
        (f64::NAN, "NaN"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (-0.5, "-0.5"),
    ] {
        let message = format!("beta must be finite and >= 0, got {shown}");
        let soft = format!("soft_argmax: {message}");
        assert_panics(|| soft_argmax(x(), 1, beta), &[&soft]);

        let one_hot = format!("straight_through_one_hot: {message}");
        let surrogate = || Surrogate::Softmax { beta };
        assert_panics(
            || straight_through_one_hot(x(), 1, surrogate()),
            &[&one_hot],
        );
    }
}

#[test]
fn beta_is_checked_for_an_empty_batch() {
    let Some(device) = device() else { return };
    let x = tensor::<2>(&[], [0, 2], &device);
    let message = "soft_argmax: beta must be finite and >= 0, got NaN";
    assert_panics(|| soft_argmax(x, 1, f64::NAN), &[message]);
}

#[test]
fn minus_zero_is_a_beta() {
    let Some(device) = device() else { return };
    let index = soft_argmax(small(&device), 1, -0.0);
    assert_eq!(values(index), [0.5, 0.5]);
}

#[test]
fn dim_must_be_in_range() {
    let Some(device) = device() else { return };
    let x = || small(&device);
    for (dim, shown) in [(2, "2"), (3, "3"), (-3, "-3")] {
        let soft = ["soft_argmax: dim must be in -2..2 for shape [2, 2]", shown];
        assert_panics(|| soft_argmax(x(), dim, 1.0), &soft);

        let one_hot = ["straight_through_one_hot: dim must be in -2..2", shown];
        let surrogate = Surrogate::Identity;
        assert_panics(|| straight_through_one_hot(x(), dim, surrogate), &one_hot);

        let sign = ["sign_one_hot: dim must be in -2..2", shown];
        assert_panics(|| sign_one_hot(x(), dim), &sign);
    }
}

#[test]
fn dim_must_not_be_empty() {
    let Some(device) = device() else { return };
    for shape in [[0, 2], [0, 0]] {
        let x = || tensor::<2>(&[], shape, &device);
        let message =
            format!("dim 0 of shape {shape:?} has size 0, it must have at least one entry");

        let soft = format!("soft_argmax: {message}");
        assert_panics(|| soft_argmax(x(), 0, 1.0), &[&soft]);

        let one_hot = format!("straight_through_one_hot: {message}");
        assert_panics(
            || straight_through_one_hot(x(), 0, Surrogate::Identity),
            &[&one_hot],
        );

        let sign = format!("sign_one_hot: {message}");
        assert_panics(|| sign_one_hot(x(), 0), &[&sign]);
    }
}

/// An operator on heatmaps.
type Spatial<const D: usize> = fn(Tensor<D>, f64) -> Tensor<3>;

fn spatial<const D: usize>() -> [(&'static str, Spatial<D>); 4] {
    [
        ("spatial_soft_argmax", |x, beta| {
            spatial_soft_argmax(x, beta, Coordinates::Index)
        }),
        ("spatial_soft_argmax_moments", |x, beta| {
            spatial_soft_argmax_moments(x, beta, Coordinates::Index).mean
        }),
        ("spatial_soft_argmax", |x, beta| {
            spatial_soft_argmax(x, Weighting::softmax(beta).within(2), Coordinates::Index)
        }),
        ("spatial_soft_argmax", |x, beta| {
            spatial_soft_argmax(x, Weighting::softmax(beta).above(0.0), Coordinates::Index)
        }),
    ]
}

#[test]
fn heatmaps_of_a_wrong_rank() {
    let Some(device) = device() else { return };
    for (op, call) in spatial::<2>() {
        let parts = [
            op,
            "heatmaps must be [batch, channels, spatial...]",
            "rank 2",
            "[2, 2]",
        ];
        assert_panics(|| call(small(&device), 1.0), &parts);
    }
    for (op, call) in spatial::<6>() {
        let x = || tensor(&[1.0; 4], [1, 1, 1, 1, 2, 2], &device);
        assert_panics(
            || call(x(), 1.0),
            &[op, "1 to 3 spatial dimensions", "rank 6"],
        );
    }
}

#[test]
fn heatmaps_of_nothing() {
    let Some(device) = device() else { return };
    for (op, call) in spatial::<4>() {
        let parts = [op, "[1, 1, 0, 4]", "size 0", "at least one entry"];
        assert_panics(|| call(tensor(&[], [1, 1, 0, 4], &device), 1.0), &parts);
    }
}

#[test]
fn beta_of_the_spatial_operators() {
    let Some(device) = device() else { return };
    for (op, call) in spatial::<4>() {
        for (beta, shown) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (-1.0, "-1")] {
            let x = tensor(&[1.0; 4], [1, 1, 2, 2], &device);
            assert_panics(|| call(x, beta), &[op, "beta must be finite and >", shown]);
        }
    }
    let moments = || soft_argmax_moments(small(&device), 1, f64::NAN).mean;
    assert_panics(
        moments,
        &["soft_argmax_moments: beta must be finite and >= 0, got NaN"],
    );
    let window = || soft_argmax(small(&device), 1, Weighting::softmax(f64::NAN).within(1));
    assert_panics(
        window,
        &["soft_argmax: beta must be finite and >= 0, got NaN"],
    );
    let above = || soft_argmax(small(&device), 1, Weighting::softmax(0.0).above(0.0));
    assert_panics(
        above,
        &["soft_argmax: beta must be finite and > 0 for weights above a level, got 0"],
    );
}

#[test]
fn a_level_of_nothing() {
    let Some(device) = device() else { return };
    for (level, shown) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
        let above = || {
            let weighting = Weighting::softmax(1.0).above(level);
            soft_argmin(small(&device), 1, weighting)
        };
        let parts = [
            "soft_argmin: the level that weights are above must be finite",
            shown,
        ];
        assert_panics(above, &parts);
    }
    let given = || soft_argmax(small(&device), 1, Weighting::given().above(0.0));
    assert_panics(given, &["Weighting::above", "given"]);
}

#[test]
fn a_window_of_nothing() {
    let Some(device) = device() else { return };
    let line = || soft_argmax(small(&device), 1, Weighting::softmax(1.0).within(0));
    assert_panics(line, &["soft_argmax: radius must be at least 1, got 0"]);
    let x = || tensor(&[1.0; 4], [1, 1, 2, 2], &device);
    let square = || spatial_soft_argmax(x(), Weighting::softmax(1.0).within(0), Coordinates::Index);
    assert_panics(
        square,
        &["spatial_soft_argmax: radius must be at least 1, got 0"],
    );
}

#[test]
fn bins_of_a_wrong_length() {
    let Some(device) = device() else { return };
    let call = || soft_argmax_over(small(&device), tensor(&[1.0; 3], [3], &device), 1, 1.0);
    let parts = [
        "soft_argmax_over: bins must be [2]",
        "along dim 1",
        "got shape [3]",
    ];
    assert_panics(call, &parts);
}

#[test]
fn a_width_or_units_of_other_axes() {
    let Some(device) = device() else { return };
    let centers = || tensor(&[1.0; 2], [1, 1, 2], &device);
    let render = |sigma: Sigma| -> Tensor<4> {
        render_gaussian(centers(), &[3, 4], sigma, Coordinates::Index)
    };
    assert_panics(
        || render([1.0, 2.0, 3.0].into()),
        &[
            "render_gaussian: sigma must be one number, or one for each of 2 axes, got [1.0, 2.0, 3.0]",
        ],
    );
    assert_panics(
        || render([1.0, -2.0].into()),
        &["render_gaussian: sigma must be finite and > 0, got -2"],
    );
    assert_panics(
        || Coordinates::Index.of_index(centers(), &[3]),
        &["Coordinates::of_index: index must have one entry along dim 2 for each of sizes [3]"],
    );
    assert_panics(
        || Coordinates::CellCenters.index_of(centers(), &[3, 0]),
        &[
            "Coordinates::index_of: sizes must be numbers of at least 1",
            "got [3, 0]",
        ],
    );
}

#[test]
fn a_level_that_is_none() {
    let Some(device) = device() else { return };
    let half = TensorData::new(vec![0.0f32, 1.0], [1, 2]).convert_dtype(DType::F16);
    for level in [f64::NAN, f64::INFINITY, 1e39] {
        let weighting = Weighting::softmax(1.0).above(level);
        assert_panics(
            || soft_argmax(small(&device), 1, weighting),
            &["soft_argmax: the level that weights are above must be finite in F32"],
        );
        assert_panics(
            || {
                let config = SoftArgmaxConfig::new().with_weighting(weighting);
                let module = config.with_learnable(true).init(&device);
                module.forward(small(&device))
            },
            &["SoftArgmax: the level that weights are above must be finite"],
        );
    }
    if computes(&device, DType::F16) {
        assert_panics(
            || {
                let half = Tensor::<2>::from_data(half.clone(), (&device, DType::F16));
                soft_argmax(half, 1, Weighting::softmax(1.0).above(1e5))
            },
            &["soft_argmax: the level that weights are above must be finite in F16, got 1e5"],
        );
    }
    for weighting in [
        Weighting::softmax(0.0).above(0.0),
        Weighting::softmax(1.0).within(0),
    ] {
        let config = SoftArgmaxConfig::new().with_weighting(weighting);
        assert_panics(
            || config.init(&device).forward(small(&device)),
            &["SoftArgmax: ", "must be"],
        );
    }
}
