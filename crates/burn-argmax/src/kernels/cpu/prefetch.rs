//! Memory asked for ahead of its use: what the processor foresees by itself ends with a page, and is
//! not far enough ahead of a loop that does little with each element.

/// Bytes ahead in a loop over contiguous memory.
pub(crate) const AHEAD: usize = 8192;

/// Asks for the memory so many bytes after where these values begin.
#[inline(always)]
pub(crate) fn prefetch<T: ?Sized>(values: &T, ahead: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

        let ahead = std::ptr::from_ref(values).wrapping_byte_add(ahead);
        // SAFETY: a hint, which reads nothing, for any address whatever.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// [`prefetch`] for each of these values, which lie one after the other.
#[inline(always)]
pub(crate) fn prefetch_all<T>(values: &[T], ahead: usize) {
    /// Bytes of a line of the cache.
    const LINE: usize = 64;

    for line in values.chunks(LINE / size_of::<T>()) {
        prefetch(line, ahead);
    }
}
