//! 1 at the `k` largest of every line, of equals at the first. What the `k`-th largest is, and which of its
//! equals is the last to belong, is found from the highest digit to the lowest: each is one read.

use burn_core::{backend::cubecl::dtype_to_elem_type, tensor::DType};
use burn_cubecl::{cubecl, tensor::CubeTensor};
use cubecl::prelude::*;

use super::{
    bits::order_key,
    kernels::fold_lanes,
    launch::Inputs,
    lines::Lines,
    one_hot::{mark, one_hots},
    operator::{Counts, Entry, Finished, Map, Reduction, Types, Walk},
};

/// The bits of a digit.
const DIGIT: usize = 2;
/// A digit may be each of these, or 0.
const CANDIDATES: usize = (1 << DIGIT) - 1;

/// The [`order_key`]s of entries, without their lowest bits: in a dtype of half precision these are 0 but for
/// a NaN.
#[cube]
fn keys<P: Types>(x: Vector<P::A, P::N>, #[comptime] empty_bits: usize) -> Vector<P::K, P::N> {
    let digits = comptime!(-1_i64 << empty_bits);
    order_key::<P::A, P::K, P::N>(x) & Vector::new(P::K::from_int(digits))
}

/// How many bits these are.
fn empty_bits(dtype: DType) -> usize {
    match dtype {
        DType::F16 => 13,
        DType::BF16 => 16,
        _ => 0,
    }
}

/// What is known of a line.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
struct Largest<K: Int, N: Size> {
    /// The [`order_key`] of the `k`-th largest.
    level: Vector<K, N>,
    /// How many are larger.
    larger: Vector<K, N>,
    /// The index of the last equal that belongs.
    last: Vector<K, N>,
}

const NUMBERS: usize = 3;

#[cube]
impl<K: Int, N: Size> Largest<K, N> {
    /// With the digits that are found, and zeros for the others.
    fn of(known: &Sequence<Vector<K, N>>) -> Largest<K, N> {
        if comptime!(known.len() < NUMBERS) {
            Largest::<K, N> {
                level: Vector::new(K::min_value()),
                larger: Vector::new(K::from_int(0)),
                last: Vector::new(K::from_int(0)),
            }
        } else {
            Largest::<K, N> {
                level: known[0],
                larger: known[1],
                last: known[2],
            }
        }
    }

    /// What a digit is looked for in.
    fn sought(&self, #[comptime] number: Number) -> Vector<K, N> {
        match comptime!(number) {
            Number::Level => self.level,
            Number::Last => self.last,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Number {
    Level,
    Last,
}

/// One digit of a number.
#[derive(CubeType, CubeLaunch)]
struct Digit {
    k: InputScalar,
    /// 1 in the place of the digit.
    unit: InputScalar,
    #[cube(comptime)]
    number: Number,
    #[cube(comptime)]
    empty_bits: usize,
}

/// The number with each digit but 0 in the place.
#[cube]
fn candidates<K: Int, N: Size>(number: Vector<K, N>, unit: K) -> Sequence<Vector<K, N>> {
    let one = Vector::<K, N>::new(unit);
    // By bits: the highest is a sign.
    let two = one << Vector::new(K::from_int(1));
    let mut candidates = Sequence::<Vector<K, N>>::new();
    candidates.push(number ^ one);
    candidates.push(number ^ two);
    candidates.push(number ^ one ^ two);
    candidates
}

/// How many entries pass each candidate.
#[derive(CubeType)]
struct Passing<K: Int, N: Size> {
    counts: Sequence<Vector<K, N>>,
}

#[cube]
impl<K: Int, N: Size> Passing<K, N> {
    fn none() -> Passing<K, N> {
        let mut counts = Sequence::<Vector<K, N>>::new();
        #[unroll]
        for _digit in 0..CANDIDATES {
            counts.push(Vector::new(K::from_int(0)));
        }
        Passing::<K, N> { counts }
    }

    fn add(&mut self, counts: &Sequence<Vector<K, N>>) {
        #[unroll]
        for digit in 0..CANDIDATES {
            self.counts[digit] += counts[digit];
        }
    }
}

/// The same, and what they are compared with.
#[derive(CubeType)]
struct PassingLanes<K: Int, N: Size> {
    passing: Passing<K, N>,
    largest: Largest<K, N>,
    candidates: Sequence<Vector<K, N>>,
}

#[cube]
impl Reduction for Digit {
    type Lanes<P: Types> = PassingLanes<P::K, P::N>;
    type Sums<P: Types> = Passing<P::K, P::M>;

    fn empty<P: Types>(
        op: &Self,
        known: &Sequence<Vector<P::K, P::N>>,
        _walk: &Walk,
    ) -> Self::Lanes<P> {
        let largest = Largest::<P::K, P::N>::of(known);
        let sought = largest.sought(op.number);
        PassingLanes::<P::K, P::N> {
            passing: Passing::<P::K, P::N>::none(),
            largest,
            candidates: candidates::<P::K, P::N>(sought, op.unit.get::<P::K>()),
        }
    }

    fn observe<P: Types>(op: &Self, lanes: &mut Self::Lanes<P>, entry: &Entry<P>) {
        let key = keys::<P>(entry.x, op.empty_bits);
        let zero = Vector::<P::K, P::N>::new(P::K::from_int(0));
        let one = Vector::<P::K, P::N>::new(P::K::from_int(1));
        let equal = key.equal(&lanes.largest.level);
        #[unroll]
        for digit in 0..CANDIDATES {
            let candidate = lanes.candidates[digit];
            let passes = match comptime!(op.number) {
                Number::Level => key.greater_equal(&candidate),
                Number::Last => equal.vec_and(entry.index.less_than(&candidate)),
            };
            lanes.passing.counts[digit] += select_many(passes, one, zero);
        }
    }

    fn fold<P: Types>(op: &Self, lanes: Self::Lanes<P>) -> Self::Sums<P> {
        fold_lanes::<P, Digit>(op, &lanes.passing.counts)
    }

    fn merge<P: Types>(_op: &Self, sums: &mut Self::Sums<P>, other: &Self::Sums<P>) {
        sums.add(&other.counts);
    }

    fn store<P: Types>(_op: &Self, sums: &Self::Sums<P>) -> Sequence<Vector<P::K, P::M>> {
        let mut numbers = Sequence::<Vector<P::K, P::M>>::new();
        #[unroll]
        for digit in 0..CANDIDATES {
            numbers.push(sums.counts[digit]);
        }
        numbers
    }

    fn load<P: Types>(_op: &Self, numbers: &Sequence<Vector<P::K, P::M>>) -> Self::Sums<P> {
        let mut sums = Passing::<P::K, P::M>::none();
        sums.add(numbers);
        sums
    }

    fn finish<P: Types>(
        op: &Self,
        sums: &Self::Sums<P>,
        known: &Sequence<Vector<P::K, P::M>>,
    ) -> Finished<P> {
        let k = Vector::<P::K, P::M>::new(op.k.get::<P::K>());
        let mut largest = Largest::<P::K, P::M>::of(known);
        let sought = largest.sought(op.number);
        let candidates = candidates::<P::K, P::M>(sought, op.unit.get::<P::K>());
        #[unroll]
        for digit in 0..CANDIDATES {
            let count = sums.counts[digit];
            match comptime!(op.number) {
                // The largest that enough reach. What reaches the smallest that too few reach is larger.
                Number::Level => {
                    let enough = count.greater_equal(&k);
                    largest.level = select_many(enough, candidates[digit], largest.level);
                    let above = select_many(enough, largest.larger, count);
                    largest.larger = max(largest.larger, above);
                }
                // The largest before which too few are.
                Number::Last => {
                    let too_few = count.less_than(&(k - largest.larger));
                    largest.last = select_many(too_few, candidates[digit], largest.last);
                }
            }
        }
        let mut state = Sequence::<Vector<P::K, P::M>>::new();
        state.push(largest.level);
        state.push(largest.larger);
        state.push(largest.last);
        Finished::<P> {
            state,
            result: Sequence::<Vector<P::A, P::M>>::new(),
        }
    }
}

#[derive(CubeType, CubeLaunch)]
struct TopK {
    #[cube(comptime)]
    empty_bits: usize,
}

#[cube]
impl Map for TopK {
    type Line<P: Types> = Largest<P::K, P::N>;

    fn line<P: Types>(
        _op: &Self,
        state: &Sequence<Vector<P::K, P::N>>,
        _upstream: &Sequence<Vector<P::A, P::N>>,
        _walk: &Walk,
    ) -> Self::Line<P> {
        Largest::<P::K, P::N>::of(state)
    }

    fn map<P: Types>(op: &Self, line: &mut Self::Line<P>, entry: &Entry<P>) -> Vector<P::A, P::N> {
        let key = keys::<P>(entry.x, op.empty_bits);
        let equal = key.equal(&line.level);
        let belongs = equal.vec_and(entry.index.less_equal(&line.last));
        mark::<P>(key.greater_than(&line.level).or(belongs))
    }
}

/// See [`ArgmaxOps::top_k`](crate::ArgmaxOps::top_k).
pub(crate) fn top_k(values: CubeTensor, k: usize, dim: usize) -> CubeTensor {
    let lines = Lines::new("top_k", "values", &values, dim);
    let values = Inputs::of(lines.view(values));
    if k == 1 {
        return one_hots(&lines, values);
    }
    let counts = Counts {
        sums: CANDIDATES,
        state: NUMBERS,
        result: 0,
    };
    let (integer, empty_bits) = (dtype_to_elem_type(lines.bits()), empty_bits(lines.dtype));
    let digit = |known, number, shift: usize| {
        let inputs = Inputs {
            known,
            ..values.clone()
        };
        let op = || {
            let (k, unit) = (k as u64, 1_u64 << shift);
            let [k, unit] = [k, unit].map(|number| InputScalar::new(number, integer));
            DigitLaunch::new(k, unit, number, empty_bits)
        };
        Some(lines.reduce::<Digit>(inputs, counts, op).0)
    };
    let shifts = |first: usize, bits: usize| {
        let digits = first / DIGIT..bits.div_ceil(DIGIT);
        digits.rev().map(|digit| digit * DIGIT)
    };
    let known = shifts(empty_bits, 8 * lines.bits().size())
        .fold(None, |known, shift| digit(known, Number::Level, shift));
    let bits = lines.length().next_power_of_two().ilog2() as usize;
    let known = shifts(0, bits).fold(known, |known, shift| digit(known, Number::Last, shift));
    lines.map::<TopK>(values, known, None, TopKLaunch::new(empty_bits))
}
