//! Memory asked for ahead of its use: what the processor foresees by itself ends with a page, and is
//! not far enough ahead of a loop that does little with each element.

/// Bytes ahead in a loop over contiguous memory.
pub(crate) const AHEAD: usize = 8192;

/// Bytes of a line of the cache.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

/// Asks for as much memory as the values take, from so many bytes after their first.
#[inline(always)]
pub(crate) fn prefetch<T: ?Sized>(values: &T, ahead: usize) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..size_of_val(values)).step_by(LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

        let ahead = std::ptr::from_ref(values).wrapping_byte_add(ahead + line);
        // SAFETY: a hint, which reads nothing, for any address whatever.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, ahead);
}
