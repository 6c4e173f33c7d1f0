use burn::tensor::*;
use burn_argmax::*;

fn rng(seed: &mut u64) -> f64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    (*seed >> 11) as f64 / (1u64 << 53) as f64
}

struct Oracle {
    y: f64,
    max: f64,
    sum: f64,
    c: f64,
    off: f64,
}
fn oracle(row: &[f32], beta: f64) -> Oracle {
    let bad = row.iter().any(|x| x.is_nan() || *x == f32::INFINITY)
        || row.iter().all(|x| *x == f32::NEG_INFINITY);
    if bad {
        return Oracle {
            y: f64::NAN,
            max: f64::NAN,
            sum: f64::NAN,
            c: f64::NAN,
            off: f64::NAN,
        };
    }
    let max = row.iter().cloned().fold(f32::NEG_INFINITY, f32::max) as f64;
    let c = row.iter().position(|x| *x as f64 == max).unwrap() as f64;
    let w = |x: f32| {
        if x == f32::NEG_INFINITY {
            0.0
        } else {
            (beta.min(f32::MAX as f64) * (x as f64 - max)).exp()
        }
    };
    let sum: f64 = row.iter().map(|&x| w(x)).sum();
    let off = row
        .iter()
        .enumerate()
        .map(|(i, &x)| (i as f64 - c) * w(x))
        .sum::<f64>()
        / sum;
    Oracle {
        y: c + off,
        max,
        sum,
        c,
        off,
    }
}

fn check(name: &str, shape: [usize; 3], dim: usize, beta: f64, data: Vec<f32>) {
    let device = Device::wgpu(DeviceKind::DefaultDevice).autodiff();
    let x = Tensor::<3>::from_data(TensorData::new(data.clone(), shape), &device).require_grad();
    let n = shape[dim];
    let inner: usize = shape[dim + 1..].iter().product();
    let outer: usize = shape[..dim].iter().product();
    let y = soft_argmax(x.clone(), dim, beta);
    let grads = y.clone().sum().backward();
    let g = x.grad(&grads).unwrap().into_data().to_vec::<f32>().unwrap();
    let y = y.into_data().to_vec::<f32>().unwrap();
    // surrogate
    let mut seed = 77;
    let up: Vec<f32> = (0..data.len())
        .map(|_| rng(&mut seed) as f32 - 0.5)
        .collect();
    let x2 = x.clone().detach().require_grad();
    let h = straight_through_one_hot(x2.clone(), dim, Surrogate::Softmax { beta });
    let upt = Tensor::<3>::from_data(TensorData::new(up.clone(), shape), &device);
    let gs = x2
        .grad(&(h.clone() * upt).sum().backward())
        .unwrap()
        .into_data()
        .to_vec::<f32>()
        .unwrap();
    let h = h.into_data().to_vec::<f32>().unwrap();
    let s = sign_one_hot(x.clone().detach(), dim)
        .into_data()
        .to_vec::<f32>()
        .unwrap();
    let s_ref = reference::sign_one_hot(x.clone().detach(), dim)
        .into_data()
        .to_vec::<f32>()
        .unwrap();
    let h_ref = reference::straight_through_one_hot(x.clone().detach(), dim, Surrogate::Identity)
        .into_data()
        .to_vec::<f32>()
        .unwrap();
    for (k, (a, b)) in s.iter().zip(&s_ref).enumerate() {
        assert!(
            a == b || a.is_nan() && b.is_nan(),
            "{name} sign {k}: {a} {b}"
        );
    }
    for (k, (a, b)) in h.iter().zip(&h_ref).enumerate() {
        if a != b {
            println!(
                "{name} one-hot differs at row {} index {}: {a} reference {b}",
                k / n,
                k % n
            );
        }
    }
    let (mut worst_y, mut worst_g, mut worst_s) = (0f64, 0f64, 0f64);
    for o in 0..outer { for l in 0..inner {
        let row: Vec<f32> = (0..n).map(|i| data[(o * n + i) * inner + l]).collect();
        let k = match row.iter().position(|x| x.is_nan()) {
            Some(k) => k,
            None => { let m = row.iter().cloned().fold(f32::NEG_INFINITY, f32::max); row.iter().position(|x| *x == m).unwrap() }
        };
        let got = (0..n).map(|i| h[(o * n + i) * inner + l]).position(|v| v == 1.0);
        if got != Some(k) { println!("{name} ONEHOT line {o},{l}: {got:?} want {k}"); }
    } }
    for o in 0..outer {
        for l in 0..inner {
            let at = |i: usize| (o * n + i) * inner + l;
            let row: Vec<f32> = (0..n).map(|i| data[at(i)]).collect();
            let w = oracle(&row, beta);
            let got = y[o * inner + l] as f64;
            if w.y.is_nan() {
                assert!(got.is_nan(), "{name} {o} {l}: {got}");
                for i in 0..n {
                    assert!(g[at(i)].is_nan(), "{name}");
                    assert!(gs[at(i)].is_nan(), "{name} surrogate");
                }
                continue;
            }
            let err = (got - w.y).abs() / (1e-6 * w.y.abs() + 4e-7 * n as f64);
            if err > 0.1 {
                println!("{name} line {o},{l}: {got} want {}", w.y);
            }
            worst_y = worst_y.max(err);
            assert!(err <= 1.0, "{name} {o} {l}: {got} {}", w.y);
            let p = |i: usize| {
                if row[i] == f32::NEG_INFINITY {
                    0.0
                } else {
                    (beta.min(f32::MAX as f64) * (row[i] as f64 - w.max)).exp() / w.sum
                }
            };
            let want: Vec<f64> = (0..n)
                .map(|i| {
                    let d = p(i) * ((i as f64 - w.c) - w.off);
                    if d == 0.0 {
                        0.0
                    } else {
                        d * beta.min(f32::MAX as f64)
                    }
                })
                .collect();
            let mean: f64 = (0..n).map(|i| p(i) * up[at(i)] as f64).sum();
            let k = w.c as usize;
            let uk = up[at(k)] as f64;
            let dmean: f64 = (0..n).map(|i| p(i) * (up[at(i)] as f64 - uk)).sum();
            let _ = mean;
            let wants: Vec<f64> = (0..n)
                .map(|i| {
                    let d = p(i) * ((up[at(i)] as f64 - uk) - dmean);
                    if d == 0.0 {
                        0.0
                    } else {
                        d * beta.min(f32::MAX as f64)
                    }
                })
                .collect();
            for (w, g, worst, what) in [
                (&want, &g, &mut worst_g, "grad"),
                (&wants, &gs, &mut worst_s, "surrogate"),
            ] {
                let big = w.iter().fold(0f64, |a, b| a.max(b.abs())).max(1e-30);
                if big > 3e38 {
                    continue;
                }
                for i in 0..n {
                    let e = (g[at(i)] as f64 - w[i]).abs() / big;
                    assert!(
                        e <= 2e-4,
                        "{name} {what} {o} {l} {i}: {} {} (big {big})",
                        g[at(i)],
                        w[i]
                    );
                    *worst = worst.max(e);
                    if row[i] == f32::NEG_INFINITY {
                        assert_eq!(g[at(i)], 0.0);
                    }
                }
            }
        }
    }
    println!("{name}: y {worst_y:.2e} of tolerance, grad {worst_g:.1e}, surrogate {worst_s:.1e}");
}

#[test]
fn scratch_wgpu() {
    let mut seed = 0x1234567u64;
    for shape in [
        [3, 5, 7],
        [1, 1, 1],
        [2, 64, 33],
        [1, 3, 1023],
        [3, 1025, 1],
        [2, 1000, 4],
        [1, 1, 100_003],
        [1, 100_003, 2],
        [3, 2, 65_537],
        [700, 3, 64],
        [3, 64, 700],
        [3, 700, 64],
        [1, 300_000, 4],
    ] {
        for dim in 0..3 {
            for beta in [0.0, 1.0, 30.0, 1e10] {
                let len = shape.iter().product();
                let data: Vec<f32> = (0..len)
                    .map(|_| (rng(&mut seed) * 10.0 - 5.0) as f32)
                    .collect();
                check(
                    &format!("random {shape:?} {dim} {beta}"),
                    shape,
                    dim,
                    beta,
                    data,
                );
            }
        }
    }
}

#[test]
fn scratch_special_wgpu() {
    let (inf, nan) = (f32::INFINITY, f32::NAN);
    for beta in [0.0, 0.5, 7.0, 1e10, 1e300] {
        for n in [4usize, 5, 64, 1023, 70_000] {
            let mut rows: Vec<Vec<f32>> = vec![];
            let flat = vec![0.25f32; n];
            let with = |base: f32, set: &[(usize, f32)]| {
                let mut r = vec![base; n];
                for &(i, v) in set {
                    r[i] = v;
                }
                r
            };
            rows.push(flat.clone());
            rows.push((0..n).map(|i| i as f32 * 1e-3).collect());
            rows.push((0..n).map(|i| -(i as f32) * 1e-3).collect());
            rows.push(with(0.0, &[(1, nan)]));
            rows.push(with(0.0, &[(n - 1, -nan)]));
            rows.push(with(0.0, &[(2, inf)]));
            rows.push(with(-inf, &[]));
            rows.push(with(-inf, &[(n - 1, 3.0)]));
            rows.push(with(-inf, &[(n - 1, f32::MIN)]));
            rows.push(with(-inf, &[(1, 3.0), (n - 1, 3.0)]));
            rows.push(with(f32::MIN, &[(1, f32::MAX), (3, f32::MAX)]));
            rows.push(with(f32::MIN, &[]));
            rows.push(with(-1e30, &[(2, 1e30)]));
            rows.push(with(0.0, &[(0, -0.0), (1, -inf)]));
            rows.push(with(-0.0, &[(1, 0.0)]));
            rows.push(with(0.0, &[(0, inf), (1, nan), (2, -inf)]));
            rows.push(flat);
            let r = rows.len();
            check(
                &format!("special rows {n} {beta}"),
                [1, r, n],
                2,
                beta,
                rows.concat(),
            );
            let columns: Vec<f32> = (0..n)
                .flat_map(|i| rows.iter().map(move |row| row[i]))
                .collect();
            check(
                &format!("special columns {n} {beta}"),
                [1, n, r],
                1,
                beta,
                columns,
            );
        }
    }
}

#[test]
fn scratch_views_wgpu() {
    let device = Device::wgpu(DeviceKind::DefaultDevice);
    let mut seed = 99u64;
    let data: Vec<f32> = (0..64 * 96 * 8)
        .map(|_| (rng(&mut seed) * 10.0 - 5.0) as f32)
        .collect();
    let x = Tensor::<3>::from_data(TensorData::new(data, [8, 64, 96]), &device);
    let views = [
        x.clone().swap_dims(1, 2),
        x.clone().swap_dims(0, 2),
        x.clone().slice([2..6, 0..64, 0..96]),
        x.clone().slice([0..8, 16..48, 0..96]),
        x.clone().slice([0..8, 0..64, 32..64]),
        x.clone().slice([0..8, 0..64, 3..64]),
        x.clone().slice([0..1, 0..64, 0..96]).expand([5, 64, 96]),
        x.clone().slice([0..8, 0..1, 0..96]).expand([8, 7, 96]),
    ];
    for v in views {
        let copy = Tensor::<3>::from_data(v.clone().into_data(), &device);
        for dim in 0..3 {
            assert_eq!(
                soft_argmax(v.clone(), dim, 2.0).into_data(),
                soft_argmax(copy.clone(), dim, 2.0).into_data()
            );
            assert_eq!(
                sign_one_hot(v.clone(), dim).into_data(),
                sign_one_hot(copy.clone(), dim).into_data()
            );
            let h = |t: &Tensor<3>| {
                straight_through_one_hot(t.clone(), dim, Surrogate::Identity).into_data()
            };
            assert_eq!(h(&v), h(&copy));
        }
    }
    // Sharp peak far out.
    let mut row = vec![0f32; 1_200_000];
    row[1_000_000] = 50.0;
    let y = soft_argmax(Tensor::<1>::from_floats(&row[..], &device), 0, 1.0).into_scalar::<f32>();
    assert_eq!(y, 1_000_000.0);
}

#[test]
fn scratch_more_wgpu() {
    let device = Device::wgpu(DeviceKind::DefaultDevice).autodiff();
    let mut seed = 99u64;
    let data: Vec<f32> = (0..64 * 96 * 8)
        .map(|_| (rng(&mut seed) * 10.0 - 5.0) as f32)
        .collect();
    let x = Tensor::<3>::from_data(TensorData::new(data, [8, 64, 96]), &device);
    let views = [
        x.clone(),
        x.clone().swap_dims(1, 2),
        x.clone().swap_dims(0, 2),
        x.clone().slice([2..6, 0..64, 0..96]),
        x.clone().slice([0..8, 16..48, 0..96]),
        x.clone().slice([0..8, 0..64, 32..64]),
        x.clone().slice([0..8, 0..64, 3..64]),
        x.clone().slice([0..1, 0..64, 0..96]).expand([5, 64, 96]),
        x.clone().slice([0..8, 0..1, 0..96]).expand([8, 7, 96]),
    ];
    for v in views {
        let v = v.detach();
        let grad = |x: &Tensor<3>, dim: usize, soft: bool| {
            let x = x.clone().require_grad();
            let y = if soft {
                soft_argmax(x.clone(), dim, 2.0)
            } else {
                straight_through_one_hot(x.clone(), dim, Surrogate::Softmax { beta: 2.0 })
                    * x.clone().detach()
            };
            x.grad(&y.powi_scalar(2).sum().backward())
                .unwrap()
                .into_data()
        };
        let copy = Tensor::<3>::from_data(v.clone().into_data(), &device);
        for dim in 0..3 {
            assert_eq!(grad(&v, dim, true), grad(&copy, dim, true));
            assert_eq!(grad(&v, dim, false), grad(&copy, dim, false));
            for dtype in [FloatDType::F16] {
                let (y, want) = (
                    soft_argmax(v.clone().cast(dtype), dim, 2.0),
                    soft_argmax(v.clone().cast(dtype).cast(FloatDType::F32), dim, 2.0).cast(dtype),
                );
                assert_eq!(y.dtype(), DType::F16);
                assert_eq!(y.into_data(), want.into_data());
                let h = straight_through_one_hot(v.clone().cast(dtype), dim, Surrogate::Identity)
                    .cast(FloatDType::F32)
                    .into_data();
                assert_eq!(
                    h,
                    straight_through_one_hot(
                        v.clone().cast(dtype).cast(FloatDType::F32),
                        dim,
                        Surrogate::Identity
                    )
                    .into_data()
                );
                let g = grad(&v.clone().cast(dtype), dim, true)
                    .convert::<f32>()
                    .to_vec::<f32>()
                    .unwrap();
                let w = grad(&v.clone().cast(dtype).cast(FloatDType::F32), dim, true)
                    .to_vec::<f32>()
                    .unwrap();
                for (g, w) in g.iter().zip(&w) {
                    assert!((g - w).abs() <= 0.02 * w.abs().max(1e-3), "{g} {w}");
                }
            }
        }
    }
    println!("views and halves ok");
}

#[test]
fn scratch_wide_wgpu() {
    let device = Device::wgpu(DeviceKind::DefaultDevice).autodiff();
    let (rows, n) = (66_000usize, 515usize);
    let x = Tensor::<2>::zeros([rows, n], (&device, DType::F16)).detach();
    let peak = Tensor::<2>::full([rows, 1], 8.0, (&device, DType::F16));
    let x = x.slice_assign([0..rows, 300..301], peak).require_grad();
    let y = soft_argmax(x.clone(), 1, 1.0);
    let g = x.grad(&y.sum().backward()).unwrap().into_data().convert::<f32>().to_vec::<f32>().unwrap();
    assert!(g.iter().any(|g| *g != 0.0));
    for row in g.chunks(n) { assert_eq!(row, &g[..n]); }
    let h = straight_through_one_hot(x.clone().detach(), 1, Surrogate::Identity).into_data().convert::<f32>().to_vec::<f32>().unwrap();
    for row in h.chunks(n) { for (i, v) in row.iter().enumerate() { assert_eq!(*v, (i == 300) as u8 as f32); } }
    let h = sign_one_hot(x.detach(), 1).into_data().convert::<f32>().to_vec::<f32>().unwrap();
    for row in h.chunks(n) { for (i, v) in row.iter().enumerate() { assert_eq!(*v, (i == 300) as u8 as f32); } }
}
