//! The noise of a seed, as its formulas read.

/// Philox4x32-10 of a counter and a key.
fn philox([mut a, mut b, mut c, mut d]: [u32; 4], [mut k, mut l]: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let first = 0xd251_1f53 * u64::from(a);
        let third = 0xcd9e_8d57 * u64::from(c);
        [a, b, c, d] = [
            (third >> 32) as u32 ^ b ^ k,
            third as u32,
            (first >> 32) as u32 ^ d ^ l,
            first as u32,
        ];
        k = k.wrapping_add(0x9e37_79b9);
        l = l.wrapping_add(0xbb67_ae85);
    }
    [a, b, c, d]
}

/// The Gumbel variables of a seed, one for each place of a tensor.
pub fn gumbels(seed: u64, count: usize) -> Vec<f64> {
    let key = [seed as u32, (seed >> 32) as u32];
    let words = (0..count).map(|place| philox([place as u32 / 4, 0, 0, 0], key)[place % 4]);
    words
        .map(|word| {
            let u = (f64::from(word) + 0.5) / 4_294_967_296.0;
            -(-(-u).ln_1p()).ln()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer() {
        let words = philox(
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
        );
        let wanted = [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1];
        assert_eq!(words, wanted);
    }

    #[test]
    fn mean_and_variance() {
        let noise = gumbels(9, 100_000);
        let mean = noise.iter().sum::<f64>() / 1e5;
        let variance = noise.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / 1e5;
        assert!((mean - 0.577_216).abs() < 0.01 && (variance - 1.644_934).abs() < 0.03);
    }
}
