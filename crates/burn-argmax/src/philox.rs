//! Random words that depend on a key and on a place alone: Philox4x32-10, of Salmon et al., "Parallel Random
//! Numbers: As Easy as 1, 2, 3", SC 2011.

use core::array::from_fn;

/// A sequence of random words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Philox {
    key: [u32; 2],
    /// The upper half of the counter.
    upper: [u32; 2],
}

impl Philox {
    /// One of the sequences of four words of a key.
    pub fn new([first, second, third, fourth]: [u32; 4], stream: u32) -> Self {
        Self {
            key: [first, second],
            upper: [third ^ stream, fourth],
        }
    }

    /// Four words of each of `N` blocks: word `w` of block `b` is number `4 b + w` of the sequence.
    #[inline(always)]
    pub fn blocks<const N: usize>(self, first: u64) -> [[u32; N]; 4] {
        let block = |lane: usize| first + lane as u64;
        let counter = [
            from_fn(|lane| block(lane) as u32),
            from_fn(|lane| (block(lane) >> 32) as u32),
            [self.upper[0]; N],
            [self.upper[1]; N],
        ];
        philox(counter, self.key)
    }

    /// A word of the sequence.
    pub fn word(self, index: u64) -> u32 {
        self.blocks::<1>(index / 4)[(index % 4) as usize][0]
    }
}

pub(crate) const ROUNDS: usize = 10;
pub(crate) const MULTIPLIERS: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
/// What the key grows by in every round.
pub(crate) const WEYL: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];

/// What the rounds make of counters.
#[inline(always)]
fn philox<const N: usize>(counter: [[u32; N]; 4], mut key: [u32; 2]) -> [[u32; N]; 4] {
    let [mut a, mut b, mut c, mut d] = counter;
    for _ in 0..ROUNDS {
        for lane in 0..N {
            let of_first = u64::from(a[lane]) * u64::from(MULTIPLIERS[0]);
            let of_third = u64::from(c[lane]) * u64::from(MULTIPLIERS[1]);
            a[lane] = (of_third >> 32) as u32 ^ b[lane] ^ key[0];
            b[lane] = of_third as u32;
            c[lane] = (of_first >> 32) as u32 ^ d[lane] ^ key[1];
            d[lane] = of_first as u32;
        }
        key = [0, 1].map(|half| u32::wrapping_add(key[half], WEYL[half]));
    }
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers of the authors' Random123.
    #[test]
    fn known_answers() {
        let known: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
            (
                [0; 4],
                [0; 2],
                [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
            ),
            (
                [u32::MAX; 4],
                [u32::MAX; 2],
                [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
            ),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, words) in known {
            let counter = counter.map(|word| [word; 3]);
            assert_eq!(philox(counter, key), words.map(|word| [word; 3]));
        }
    }

    #[test]
    fn a_word_has_one_place() {
        let sequence = Philox::new([1, 2, 3, 4], 7);
        let blocks = sequence.blocks::<16>(5);
        for index in 20..84 {
            let (block, word) = ((index / 4 - 5) as usize, (index % 4) as usize);
            assert_eq!(sequence.word(index), blocks[word][block]);
        }
        let other = Philox::new([1, 2, 3, 4], 8);
        assert!((0..100).all(|index| sequence.word(index) != other.word(index)));
    }
}
