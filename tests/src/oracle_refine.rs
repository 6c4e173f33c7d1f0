//! The refined maximum of one map, in `f64`.

/// The position along each axis, first the last of `sizes`: one Newton step from the first maximum.
pub fn refined(map: &[f64], sizes: &[usize]) -> Vec<f64> {
    let axes = sizes.len();
    let peak = (0..map.len()).fold(0, |top, i| if map[i] > map[top] { i } else { top });
    let strides: Vec<usize> = (0..axes)
        .map(|axis| sizes[axes - axis..].iter().product())
        .collect();
    let size = |axis: usize| sizes[axes - 1 - axis];
    let place = |axis: usize| peak / strides[axis] % size(axis);
    let at = |offsets: &[(usize, isize)]| {
        let offset: isize = offsets
            .iter()
            .map(|&(axis, by)| by * strides[axis] as isize)
            .sum();
        map[(peak as isize + offset) as usize] - map[peak]
    };
    let (mut slopes, mut bends) = (vec![0.0; axes], vec![vec![0.0; axes]; axes]);
    let mut is_flat = vec![false; axes];
    for a in 0..axes {
        bends[a][a] = -1.0;
        is_flat[a] = place(a) == 0 || place(a) == size(a) - 1;
        if !is_flat[a] {
            let [before, after] = [at(&[(a, -1)]), at(&[(a, 1)])];
            is_flat[a] = before + after >= 0.0 || !(before + after).is_finite();
            if !is_flat[a] {
                (slopes[a], bends[a][a]) = ((after - before) / 2.0, before + after);
            }
        }
    }
    for a in 0..axes {
        for b in (0..axes).filter(|&b| b != a && !is_flat[a] && !is_flat[b]) {
            let corner = |of_a, of_b| at(&[(a, of_a), (b, of_b)]);
            let twist = corner(1, 1) - corner(1, -1) - corner(-1, 1) + corner(-1, -1);
            bends[a][b] = if twist.is_finite() { twist / 4.0 } else { 0.0 };
        }
    }
    let alone: Vec<f64> = (0..axes).map(|a| -slopes[a] / bends[a][a]).collect();
    let step = solve(&bends, &slopes).unwrap_or(alone);
    (0..axes)
        .map(|axis| place(axis) as f64 + step[axis].clamp(-0.5, 0.5))
        .collect()
}

/// The `s` for which `bends * s = -slopes`, if the bends are negative definite.
fn solve(bends: &[Vec<f64>], slopes: &[f64]) -> Option<Vec<f64>> {
    let n = slopes.len();
    let mut rows = bends.to_vec();
    let mut right: Vec<f64> = slopes.iter().map(|slope| -slope).collect();
    for pivot in 0..n {
        if rows[pivot][pivot] >= 0.0 {
            return None;
        }
        let above = rows[pivot].clone();
        for row in pivot + 1..n {
            let factor = rows[row][pivot] / above[pivot];
            for (entry, above) in rows[row].iter_mut().zip(&above) {
                *entry -= factor * above;
            }
            right[row] -= factor * right[pivot];
        }
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n)
            .map(|column| rows[row][column] * right[column])
            .sum();
        right[row] = (right[row] - known) / rows[row][row];
    }
    Some(right)
}
