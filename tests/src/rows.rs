//! Takes a flat tensor apart into its rows along a dimension, and puts rows together again.

/// The rows of `values` along `dim`, in the order of the remaining dimensions.
pub fn rows<const D: usize, T: Copy>(values: &[T], shape: [usize; D], dim: usize) -> Vec<Vec<T>> {
    let (n, inner) = (shape[dim], inner(shape, dim));
    let outer = shape[..dim].iter().product::<usize>();
    let row = |o: usize, l: usize| (0..n).map(|i| values[(o * n + i) * inner + l]).collect();
    (0..outer)
        .flat_map(|o| (0..inner).map(move |l| (o, l)))
        .map(|(o, l)| row(o, l))
        .collect()
}

/// The inverse of [`rows`]; the rows may have another length than `shape[dim]`.
pub fn join<const D: usize, T: Copy>(rows: &[Vec<T>], shape: [usize; D], dim: usize) -> Vec<T> {
    let inner = inner(shape, dim);
    let Some(n) = rows.first().map(Vec::len) else {
        return Vec::new();
    };
    rows.chunks(inner)
        .flat_map(|block| (0..n).flat_map(move |i| block.iter().map(move |row| row[i])))
        .collect()
}

fn inner<const D: usize>(shape: [usize; D], dim: usize) -> usize {
    shape[dim + 1..].iter().product()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_undoes_rows() {
        let values: Vec<u32> = (0..24).collect();
        for dim in 0..3 {
            let rows = rows(&values, [2, 3, 4], dim);
            assert_eq!(rows.len() * rows[0].len(), 24);
            assert_eq!(join(&rows, [2, 3, 4], dim), values);
        }
        assert_eq!(rows(&values, [2, 3, 4], 1)[1], [1, 5, 9]);
    }
}
