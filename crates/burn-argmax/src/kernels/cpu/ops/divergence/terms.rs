//! What the divergences sum, and its slopes.

use crate::{
    kernels::cpu::{
        Accumulator,
        log::{log, log_one_plus},
        simd::{larger, smaller},
    },
    losses::TINY,
};

/// What is summed over a map, of a probability, the one that it should be, and the logarithm of that.
/// `FAR` says that the second is 0, as in most of a map that has one peak.
pub(super) trait Term {
    fn value<A: Accumulator, const FMA: bool, const FAR: bool>(p: A, q: A, log_q: A) -> A;

    /// Along `p`.
    fn slope<A: Accumulator, const FMA: bool, const FAR: bool>(p: A, q: A, log_q: A) -> A;

    /// Along `log_q`.
    fn slope_of_log<A: Accumulator, const FMA: bool>(p: A, q: A, log_q: A) -> A;
}

/// `p log((p + t) / (q + t))`.
pub(super) struct KullbackLeibler;

impl KullbackLeibler {
    /// `log((p + t) / (q + t))`.
    #[inline(always)]
    fn log_ratio<A: Accumulator, const FMA: bool>(p: A, log_q: A) -> A {
        use std::f64::consts::LOG2_E;

        let log_p = log::<A, FMA>(p.add(A::from_f64(TINY)));
        // From the larger of q and t up.
        let floor = A::from_f64(TINY.ln());
        let above = log_q > floor;
        let distance = if above {
            floor.sub(log_q)
        } else {
            log_q.sub(floor)
        };
        let high = A::from_f64(LOG2_E);
        let rest = distance.exp2::<FMA>(high, A::from_f64(LOG2_E - high.to_f64()));
        let log_q = if above { log_q } else { floor };
        log_p.sub(log_q.add(log_one_plus::<A, FMA>(rest)))
    }
}

impl Term for KullbackLeibler {
    #[inline(always)]
    fn value<A: Accumulator, const FMA: bool, const FAR: bool>(p: A, _q: A, log_q: A) -> A {
        p.mul(Self::log_ratio::<A, FMA>(p, log_q))
    }

    #[inline(always)]
    fn slope<A: Accumulator, const FMA: bool, const FAR: bool>(p: A, _q: A, log_q: A) -> A {
        let share = p.div(p.add(A::from_f64(TINY)));
        Self::log_ratio::<A, FMA>(p, log_q).add(share)
    }

    #[inline(always)]
    fn slope_of_log<A: Accumulator, const FMA: bool>(p: A, q: A, _log_q: A) -> A {
        let share = q.div(q.add(A::from_f64(TINY)));
        A::ZERO.sub(p.mul(share))
    }
}

/// `(p log(p / m) + q log(q / m)) / 2` about the middle `m`.
pub(super) struct JensenShannon;

/// The middle, and how far p leans from it: `p = m (1 + lean)` and `q = m (1 - lean)`.
#[inline(always)]
fn middle<A: Accumulator>(p: A, q: A) -> (A, A) {
    let sum = p.add(q).add(A::from_f64(2.0 * TINY));
    (sum.mul(A::from_f64(0.5)), p.sub(q).div(sum))
}

/// `log(x / m)` for `x = m (1 + lean)`.
#[inline(always)]
fn log_ratio<A: Accumulator, const FMA: bool>(x: A, middle: A, lean: A) -> A {
    // Where little is left of x, its distance from m does not tell how much.
    let ratio = x.add(A::from_f64(TINY)).div(middle);
    let (exponent, rest) = ratio.split_for_log();
    let near = lean > A::from_f64(-0.5);
    let log = log_one_plus::<A, FMA>(if near { lean } else { rest });
    let exponent = if near { A::ZERO } else { exponent };
    exponent.mul_add::<FMA>(A::from_f64(std::f64::consts::LN_2), log)
}

impl Term for JensenShannon {
    #[inline(always)]
    fn value<A: Accumulator, const FMA: bool, const FAR: bool>(p: A, q: A, _log_q: A) -> A {
        if FAR {
            let (_, lean) = middle(p, A::ZERO);
            let of_p = log_one_plus::<A, FMA>(lean);
            return p.mul(of_p).mul(A::from_f64(0.5));
        }
        let (large, small) = (larger(p, q), smaller(p, q));
        let (middle, lean) = middle(large, small);
        let of_large = log_one_plus::<A, FMA>(lean);
        let of_small = log::<A, FMA>(small.add(A::from_f64(TINY)).div(middle));
        let far = small.mul_add::<FMA>(of_small, large.mul(of_large));

        // The two are nearly opposite where p and q are nearly equal: there their sum is m times
        // lean^2 + lean^4 / 6 + lean^6 / 15 + ...
        let square = lean.mul(lean);
        let limit = A::from_f64(0.25);
        let is_near = square < limit;
        let square = if is_near { square } else { limit };
        let mut series = A::ZERO;
        for term in (0..A::ENTROPY_TERMS).rev() {
            let coefficient = A::from_f64(1.0 / ((term + 1) * (2 * term + 1)) as f64);
            series = series.mul_add::<FMA>(square, coefficient);
        }
        let near = middle.mul(square.mul(series));
        (if is_near { near } else { far }).mul(A::from_f64(0.5))
    }

    #[inline(always)]
    fn slope<A: Accumulator, const FMA: bool, const FAR: bool>(p: A, q: A, _log_q: A) -> A {
        let (middle, lean) = middle(p, if FAR { A::ZERO } else { q });
        let of_p = match FAR {
            true => log_one_plus::<A, FMA>(lean),
            false => log_ratio::<A, FMA>(p, middle, lean),
        };
        of_p.mul(A::from_f64(0.5))
    }

    #[inline(always)]
    fn slope_of_log<A: Accumulator, const FMA: bool>(p: A, q: A, _log_q: A) -> A {
        let (middle, lean) = middle(p, q);
        let slope = log_ratio::<A, FMA>(q, middle, A::ZERO.sub(lean));
        q.mul(slope).mul(A::from_f64(0.5))
    }
}
