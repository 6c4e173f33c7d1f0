//! Random words that depend on a key and on a place alone: those of [`Philox`](crate::philox::Philox).

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use crate::philox::{MULTIPLIERS, ROUNDS, WEYL};

/// A sequence of random words: the key, and the upper half of the counter.
#[derive(CubeType, Clone, Copy)]
#[expand(derive(Clone, Copy))]
pub(super) struct Philox {
    first: u32,
    second: u32,
    third: u32,
    fourth: u32,
}

#[cube]
impl Philox {
    /// One of the sequences of a key.
    pub(super) fn new(key: &Tensor<i32>, stream: u32) -> Philox {
        Philox {
            first: u32::reinterpret(key[0]),
            second: u32::reinterpret(key[1]),
            third: u32::reinterpret(key[2]) ^ stream,
            fourth: u32::reinterpret(key[3]),
        }
    }

    /// Of no key.
    pub(super) fn none() -> Philox {
        Philox {
            first: 0,
            second: 0,
            third: 0,
            fourth: 0,
        }
    }

    /// The words from a place on, which is a multiple of their number.
    pub(super) fn words<N: Size>(&self, place: usize) -> Vector<u32, N> {
        let count = N::value();
        let mut words = Vector::<u32, N>::new(0u32);
        if comptime!(count >= 4) {
            #[unroll]
            for block in 0..comptime!(count / 4) {
                let four = self.block(place / 4 + block);
                #[unroll]
                for word in 0..4usize {
                    words.insert(comptime!(4 * block + word), four[word]);
                }
            }
        } else {
            let four = self.block(place / 4);
            let first = place % 4;
            #[unroll]
            for word in 0..count {
                let at = first + word;
                let lower = select(at == 0, four[0], four[1]);
                let upper = select(at == 2, four[2], four[3]);
                words.insert(word, select(at < 2, lower, upper));
            }
        }
        words
    }

    /// Four words.
    fn block(&self, index: usize) -> Sequence<u32> {
        let mut a = u32::cast_from(index);
        // In two steps: an index may have 32 bits.
        let mut b = u32::cast_from((index >> 16) >> 16);
        let mut c = self.third;
        let mut d = self.fourth;
        let mut first = self.first;
        let mut second = self.second;
        #[unroll]
        for _ in 0..ROUNDS {
            let high_of_first = a.mul_hi(MULTIPLIERS[0]);
            let high_of_third = c.mul_hi(MULTIPLIERS[1]);
            let low_of_first = a * MULTIPLIERS[0];
            a = high_of_third ^ b ^ first;
            b = c * MULTIPLIERS[1];
            c = high_of_first ^ d ^ second;
            d = low_of_first;
            first += WEYL[0];
            second += WEYL[1];
        }
        let mut words = Sequence::<u32>::new();
        words.push(a);
        words.push(b);
        words.push(c);
        words.push(d);
        words
    }
}
