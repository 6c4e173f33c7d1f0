use burn::tensor::{Device, Tensor};
use burn_argmax::{Surrogate, sign_one_hot, soft_argmax, straight_through_one_hot};
use burn_argmax_tests::{
    check::{assert_exact, assert_index},
    data::{
        SHORT, extreme_lines, long_extreme_lines, side_by_side, tensor, uniform, values, widen,
        widths,
    },
    oracle,
};

use super::device;

/// Short lines of every kind: fewer than are worked on together, and more, but no multiple of it.
#[test]
fn short() {
    let Some(device) = device() else { return };
    for n in SHORT {
        assert_every_operator(&extreme_lines(10, n), n, &device);
        assert_every_operator(&extreme_lines(37, n), n, &device);
    }
}

/// So many that threads share them.
#[test]
fn very_many() {
    let Some(device) = device() else { return };
    assert_every_operator(&extreme_lines(50_000, 3), 3, &device);
    assert_every_operator(&extreme_lines(20_000, 10), 10, &device);
}

/// Lines whose weights are summed block by block, and others in pieces, which threads share.
#[test]
fn long() {
    let Some(device) = device() else { return };
    for n in [600, 5003, 70_003] {
        assert_every_operator(&long_extreme_lines(10, n), n, &device);
    }
}

/// Few enough side by side to be laid out as rows, and tables smaller than what is moved at a time.
#[test]
fn few_side_by_side() {
    let Some(device) = device() else { return };
    for width in [2, 3, 4, 7, 15] {
        for n in [3, 37] {
            assert_side_by_side(&extreme_lines(9 * width, n), n, &[width], &device);
        }
    }
}

/// The first part that is summed has nothing but masks, a NaN among them, or all that weighs.
#[test]
fn that_begin_with_masks() {
    let Some(device) = device() else { return };
    let n = 300;
    let mut lines = uniform(31, 20 * n);
    for line in lines.chunks_mut(n).take(10) {
        line[..140].fill(f32::NEG_INFINITY);
    }
    lines[n + 5] = f32::NAN;
    lines[2 * n..3 * n - 1].fill(f32::NEG_INFINITY);
    lines[12 * n + 3] = f32::NAN;
    lines[13 * n + 1] = 90.0;
    assert_every_operator(&lines, n, &device);
}

/// One after the other, and side by side.
#[track_caller]
fn assert_every_operator(lines: &[f32], n: usize, device: &Device) {
    assert_side_by_side(lines, n, &widths(lines.len() / n), device);
}

#[track_caller]
fn assert_side_by_side(lines: &[f32], n: usize, widths: &[usize], device: &Device) {
    let count = lines.len() / n;
    let wide = widen(lines);
    let index = |beta| -> Vec<f64> {
        let lines = wide.chunks(n);
        lines.map(|line| oracle::soft_argmax(line, beta)).collect()
    };
    let index = [0.0, 1.0, 1e10].map(|beta| (beta, index(beta)));
    let one_hot: Vec<_> = wide.chunks(n).flat_map(first_peak).collect();
    let sign: Vec<_> = wide.chunks(n).flat_map(oracle::sign_one_hot).collect();

    for &width in widths {
        println!("{count} lines of {n}, {width} side by side");
        let x = tensor(
            &side_by_side(lines, n, width),
            [count / width, n, width],
            device,
        );
        let values_of = |op: &dyn Fn(Tensor<3>) -> Tensor<3>| values(op(x.clone()));
        for (beta, want) in &index {
            println!("beta {beta}");
            let got = values_of(&|x| soft_argmax(x, 1, *beta));
            assert_index(&got, want, n);
        }
        let got = values_of(&|x| straight_through_one_hot(x, 1, Surrogate::Identity));
        assert_exact(&got, &side_by_side(&one_hot, n, width));
        let got = values_of(&|x| sign_one_hot(x, 1));
        assert_exact(&got, &side_by_side(&sign, n, width));
    }
}

/// The one-hot of the first NaN, else of the first maximum.
fn first_peak(line: &[f64]) -> Vec<f64> {
    let Some(nan) = line.iter().position(|x| x.is_nan()) else {
        return oracle::one_hot(line);
    };
    (0..line.len())
        .map(|place| f64::from(u8::from(place == nan)))
        .collect()
}
