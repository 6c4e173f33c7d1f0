//! Which of a line are the `k` largest, found in the memory of the host.

use core::cmp::Ordering;

/// The `k`-th largest of a line, and the index of the last of its equals that is among the `k`. A NaN is
/// larger than any number.
pub(crate) fn level(line: &[f64], k: usize, scratch: &mut Vec<f64>) -> (f64, usize) {
    let level = largest(line, k, scratch);
    let above = line.iter().filter(|x| descending(x, &level).is_lt());
    let room = k - above.count();
    let equal = (0..line.len()).filter(|&index| descending(&line[index], &level).is_eq());
    let last = equal.take(room).last().expect("the level is in the line");
    (level, last)
}

/// Whether an entry is among them.
pub(crate) fn marks(value: f64, index: usize, (level, last): (f64, usize)) -> bool {
    match descending(&value, &level) {
        Ordering::Less => true,
        Ordering::Equal => index <= last,
        Ordering::Greater => false,
    }
}

fn largest(line: &[f64], k: usize, scratch: &mut Vec<f64>) -> f64 {
    scratch.clear();
    scratch.extend_from_slice(line);
    *scratch.select_nth_unstable_by(k - 1, descending).1
}

fn descending(a: &f64, b: &f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => b.partial_cmp(a).expect("numbers"),
        (a, b) => b.cmp(&a),
    }
}

/// How far a threshold is below its score from which all are 1.
const ALL: f64 = 4.0;

/// What a distance from the level, times beta, is at most on either side: enough for 0, and for 1.
pub(crate) const FAR: f64 = 2.0;

/// A score, and how far the threshold is below it, such that `clip(beta * (x - score) + threshold, 0, 1)`
/// sum to `k`. Where there are no more scores than that, all are 1. Both numbers are NaN where a line has a
/// NaN or `+inf`, or masks alone.
pub(crate) fn soft_level(line: &[f64], k: usize, beta: f64, scratch: &mut Vec<f64>) -> [f64; 2] {
    let max = line.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !max.is_finite() || line.iter().any(|x| x.is_nan()) {
        return [f64::NAN; 2];
    }
    let scores = line.iter().filter(|&&x| x != f64::NEG_INFINITY).count();
    if scores <= k {
        return [max, ALL];
    }
    let level = largest(line, k, scratch);
    // The level itself is between 0 and 1, so that what is farther from it is not.
    let mut ones = 0;
    scratch.clear();
    for &x in line.iter().filter(|&&x| x != f64::NEG_INFINITY) {
        let distance = beta * (x - level).clamp(-f64::MAX, f64::MAX);
        if distance >= 1.0 {
            ones += 1;
        } else if distance > -1.0 {
            scratch.push(distance);
        }
    }
    [level, threshold(scratch, (k - ones) as f64)]
}

/// What to add to values, of which `count` are at least 0, for `clip(value + threshold, 0, 1)` to sum to `count`.
fn threshold(values: &[f64], count: f64) -> f64 {
    /// Each step halves the interval at least, and most find the pieces of the sum that meet at the threshold.
    const STEPS: usize = 64;

    let (mut low, mut high) = (0.0, 1.0);
    let mut threshold = 1.0;
    for _ in 0..STEPS {
        let (mut sum, mut slope) = (0.0, 0.0);
        for value in values {
            let weight = value + threshold;
            sum += weight.clamp(0.0, 1.0);
            slope += f64::from(weight > 0.0 && weight < 1.0);
        }
        let excess = sum - count;
        if excess == 0.0 {
            break;
        }
        if excess > 0.0 {
            high = threshold;
        } else {
            low = threshold;
        }
        let next = threshold - excess / slope;
        let is_inside = next > low && next < high;
        let next = if is_inside { next } else { (low + high) / 2.0 };
        if next == threshold {
            break;
        }
        threshold = next;
    }
    threshold
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_ties() {
        let line = [1.0, 3.0, f64::NEG_INFINITY, 3.0, 2.0, 3.0, f64::NAN];
        let of = |k| level(&line, k, &mut Vec::new());
        assert!(of(1).0.is_nan() && of(1).1 == 6);
        assert_eq!(
            [2, 3, 4, 5, 6, 7].map(of),
            [
                (3.0, 1),
                (3.0, 3),
                (3.0, 5),
                (2.0, 4),
                (1.0, 0),
                (f64::NEG_INFINITY, 2)
            ]
        );
    }

    #[test]
    fn sums_of_soft_levels() {
        let lines: [&[f64]; 4] = [
            &[0.0; 9],
            &[5.0, 4.9, 4.8, 0.0, 4.7, -1e300],
            &[0.1, 0.2, 0.3, 0.4, 0.5, 1e300],
            &[0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5],
        ];
        for line in lines {
            for k in 1..line.len() {
                let [level, threshold] = soft_level(line, k, 1.0, &mut Vec::new());
                let weight = |x: &f64| (x - level + threshold).clamp(0.0, 1.0);
                let sum: f64 = line.iter().map(weight).sum();
                assert!((sum - k as f64).abs() < 1e-14, "{line:?} {k}: {sum}");
            }
        }
        // A distance that no number has, times nothing.
        let [_, threshold] = soft_level(&[1e308, -1e308], 1, 0.0, &mut Vec::new());
        assert_eq!(threshold, 0.5);
    }
}
