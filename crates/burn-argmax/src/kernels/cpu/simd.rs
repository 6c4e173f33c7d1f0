//! Vectors of lanes, as fixed arrays that the compiler turns into the registers of the processor.

use std::hint::black_box;

use super::{Accumulator, Element, plan::LANES};

/// Compiles a function once for each instruction set, and picks at run time.
macro_rules! vectorized {
    ($($function:tt)*) => {
        #[multiversion::multiversion(targets(
            "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+fma+bmi1+bmi2",
            "x86_64+avx2+fma+bmi1+bmi2"
        ))]
        $($function)*
    };
}

/// Calls a function whose last generic argument is whether the processor fuses multiplication and
/// addition.
macro_rules! specialized {
    ($fma:expr, $function:ident::<$($generic:tt),*>($($argument:expr),* $(,)?)) => {
        // So that the compiler drops what the constant rules out before it is compiled.
        if $fma {
            $function::<$($generic,)* true>($($argument),*)
        } else {
            $function::<$($generic,)* false>($($argument),*)
        }
    };
}

pub(crate) use {specialized, vectorized};

/// A vector of elements, as sums take them.
#[inline(always)]
pub(crate) fn widened<T: Element, const N: usize>(chunk: &[T; N]) -> [T::Accumulator; N] {
    let mut values = [T::Accumulator::ZERO; N];
    for lane in 0..N {
        values[lane] = chunk[lane].widen();
    }
    values
}

/// The last elements of a line, and masks in the lanes beyond: they weigh nothing.
#[inline(always)]
pub(crate) fn filled_up<T: Element, const N: usize>(tail: &[T]) -> [T::Accumulator; N] {
    let mut values = [T::Accumulator::NEG_INFINITY; N];
    for (lane, value) in values.iter_mut().zip(tail) {
        *lane = value.widen();
    }
    values
}

#[inline(always)]
pub(crate) fn raise<A: Accumulator>(max: &mut [A; LANES], values: [A; LANES]) {
    for lane in 0..LANES {
        max[lane] = larger(max[lane], values[lane]);
    }
}

#[inline(always)]
pub(crate) fn larger<A: Accumulator>(a: A, b: A) -> A {
    if b > a { b } else { a }
}

#[inline(always)]
pub(crate) fn smaller<A: Accumulator>(a: A, b: A) -> A {
    if b < a { b } else { a }
}

/// Whether one of the lanes is true. A search, which ends at the first, would be made one lane at a time.
#[inline(always)]
pub(crate) fn any(lanes: [bool; LANES]) -> bool {
    let lanes = lanes.map(u32::from);
    lanes.iter().fold(0, |any, lane| any | lane) != 0
}

/// Combines lanes by halves: a chain of as many steps as there are lanes would cost a short row
/// more than its elements.
#[inline(always)]
pub(crate) fn fold<A: Copy>(lanes: [A; LANES], combine: impl Fn(A, A) -> A) -> A {
    // Seen together with the loop before it, the compiler would permute the lanes in every turn of
    // the loop to suit the halves.
    let lanes = black_box(lanes);
    fold_few(halved(lanes, &combine), combine)
}

/// The sum of lanes: by halves as they are, and in double precision once they are few.
#[inline(always)]
pub(crate) fn total<A: Accumulator>(lanes: [A; LANES]) -> f64 {
    let lanes = black_box(lanes);
    let few: [A; FEW] = halved(lanes, &A::add);
    let mut wide = [0.0; FEW];
    for lane in 0..FEW {
        wide[lane] = few[lane].to_f64();
    }
    fold_few(wide, |a, b| a + b)
}

const FEW: usize = LANES / 2;

#[inline(always)]
fn fold_few<A: Copy>(lanes: [A; FEW], combine: impl Fn(A, A) -> A) -> A {
    let lanes: [A; FEW / 2] = halved(lanes, &combine);
    let lanes: [A; FEW / 4] = halved(lanes, &combine);
    combine(lanes[0], lanes[1])
}

/// The lanes of the lower half with those of the upper. Each half has a length of its own: in a program that is
/// built with one codegen unit the compiler left a loop over ever shorter halves as a loop.
#[inline(always)]
fn halved<A: Copy, const N: usize, const HALF: usize>(
    lanes: [A; N],
    combine: &impl Fn(A, A) -> A,
) -> [A; HALF] {
    const { assert!(N == 2 * HALF) };
    let mut halves = [lanes[0]; HALF];
    for lane in 0..HALF {
        halves[lane] = combine(lanes[lane], lanes[lane + HALF]);
    }
    halves
}

/// Bytes of a line of the cache.
#[cfg(target_arch = "x86_64")]
const CACHE_LINE: usize = 64;

/// Asks for as much memory as the values take, from so many bytes after their first: what the
/// processor foresees by itself ends with a page, and is not far enough ahead of a loop that does
/// little with each element.
#[inline(always)]
pub(crate) fn prefetch<T: ?Sized>(values: &T, ahead: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..size_of_val(values)).step_by(CACHE_LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

        let ahead = std::ptr::from_ref(values).wrapping_byte_add(ahead + line);
        // SAFETY: a hint, which reads nothing, for any address whatever.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, ahead);
}
