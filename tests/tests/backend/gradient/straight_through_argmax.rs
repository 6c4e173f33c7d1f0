use burn::tensor::{DType, Tensor, TensorData};
use burn_argmax::{
    Coordinates, Weighting, soft_argmax, spatial_soft_argmax, straight_through_argmax,
    straight_through_spatial_argmax,
};
use burn_argmax_tests::{
    check::{assert_exact, assert_within},
    data::{tensor, uniform, values, widen},
    device::computes,
    gradient::gradient,
};

use super::device;

const WEIGHTINGS: [Weighting; 4] = [
    Weighting::softmax(0.5),
    Weighting::softmax(2.0).within(2),
    Weighting::softmax(1.0).above(0.0),
    Weighting::entmax(1.5, 1.0),
];

/// The first maximum, whatever the weighting; the gradient of the soft-argmax, bit for bit.
#[test]
fn of_lines() {
    let Some(device) = device() else { return };
    for n in [1, 7, 64, 100_003] {
        let mut line = uniform(n as u64, 2 * n);
        // A tie.
        let top = line[n..].iter().copied().fold(f32::MIN, f32::max);
        line[2 * n - 1] = top;
        let first =
            |line: &[f32]| (0..n).fold(0, |top, i| if line[i] > line[top] { i } else { top });
        let want = [first(&line[..n]) as f64, first(&line[n..]) as f64];
        let x: Tensor<2> = tensor(&line, [2, n], &device);
        let upstream: Tensor<2> = tensor(&[0.75, -2.0], [2, 1], &device);
        for weighting in WEIGHTINGS {
            assert_exact(
                &values(straight_through_argmax(x.clone(), 1, weighting)),
                &want,
            );
            let by = |op: fn(Tensor<2>, i32, Weighting) -> Tensor<2>| {
                values(gradient(x.clone(), upstream.clone(), |x| {
                    op(x, 1, weighting)
                }))
            };
            assert_exact(&by(straight_through_argmax), &by(soft_argmax));
        }
    }
}

#[test]
fn of_maps() {
    let Some(device) = device() else { return };
    for [height, width] in [[256, 256], [5, 3]] {
        let mut maps = uniform(7, 2 * height * width);
        let place = 3 * width + 2;
        maps[place] = 9.0;
        maps[height * width + place] = 9.0;
        let x: Tensor<4> = tensor(&maps, [1, 2, height, width], &device);
        let upstream: Tensor<3> = tensor(&[0.75, -2.0, 1.0, 0.5], [1, 2, 2], &device);
        for weighting in WEIGHTINGS {
            let got = straight_through_spatial_argmax(x.clone(), weighting, Coordinates::Index);
            assert_exact(&values(got), &[2.0, 3.0, 2.0, 3.0]);
            let by = |op: fn(Tensor<4>, Weighting, Coordinates) -> Tensor<3>| {
                let op = |x| op(x, weighting, Coordinates::CellCenters);
                let x = x.clone().require_grad();
                let gradients = (op(x.clone()) * upstream.clone()).backward();
                values(x.grad(&gradients).expect("a leaf"))
            };
            assert_exact(
                &by(straight_through_spatial_argmax),
                &by(spatial_soft_argmax),
            );
        }
    }
}

#[test]
fn broken_rows() {
    let Some(device) = device() else { return };
    let inf = f32::INFINITY;
    let rows = [
        [0.0, f32::NAN, 1.0],
        [0.0, inf, 1.0],
        [-inf; 3],
        [-inf, 1.0, 1.0],
    ];
    let x = tensor(rows.as_flattened(), [4, 3], &device).require_grad();
    let got = straight_through_argmax(x.clone(), 1, 1.0);
    let nan = f64::NAN;
    assert_exact(&values(got.clone()), &[nan, nan, nan, 1.0]);
    let gradients = got.slice([3..4, 0..1]).sum().backward();
    let slopes = values(x.grad(&gradients).expect("a leaf"));
    assert_exact(&slopes, &[vec![0.0; 10], widen(&[-0.25, 0.25])].concat());

    let empty = tensor(&[], [0, 3], &device).require_grad();
    let got = straight_through_argmax(empty.clone(), 1, 1.0);
    assert_eq!(got.dims(), [0, 1]);
    assert_eq!(
        empty.grad(&got.sum().backward()).expect("a leaf").dims(),
        [0, 3]
    );
}

/// The soft-argmax of a long line may be more than half precision has, where the first maximum is not.
#[test]
fn a_long_line_in_half_precision() {
    let Some(device) = device() else { return };
    if !computes(&device, DType::F16) {
        return;
    }
    let mut line = vec![0.0f32; 140_001];
    line[5] = 1.0;
    let data = TensorData::new(line, [1, 140_001]).convert_dtype(DType::F16);
    let x = Tensor::<2>::from_data(data, (&device, DType::F16));
    assert_exact(&values(straight_through_argmax(x, 1, 0.0)), &[5.0]);

    // Its gradient is that of the soft-argmax, whose value half precision has not.
    let mut line = vec![0.0f32; 70_000];
    line[69_000] = 40.0;
    line[68_000] = 39.0;
    let data = TensorData::new(line, [1, 70_000]).convert_dtype(DType::F16);
    let x = Tensor::<2>::from_data(data, (&device, DType::F16)).require_grad();
    let loss = straight_through_argmax(x.clone(), 1, 1.0);
    let slopes = values(x.grad(&loss.backward()).expect("a leaf"));
    let p = 1.0 / (1.0 + 1f64.exp());
    assert_within(
        &slopes[68_000..=68_000],
        &[-1000.0 * p * (1.0 - p)],
        |slope| 1e-3 * slope.abs(),
    );
}
