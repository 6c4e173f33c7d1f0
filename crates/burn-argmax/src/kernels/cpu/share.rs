//! How work is shared between threads.

use std::{mem::MaybeUninit, ops::Range, sync::Mutex};

use rayon::prelude::*;

use super::{
    Element,
    plan::{PARALLEL, TASK},
};

/// Does the tasks, over `elements` in all, on the threads of the pool and on the calling one.
///
/// The calling thread begins at once: to wake another takes as long as to work on a small tensor.
/// Each thread begins in a region of its own, since two that were the first to write to one huge
/// page would both clear it, and goes on to help with the last of the other regions.
pub(crate) fn share<T: Send>(
    tasks: impl Iterator<Item = T>,
    elements: usize,
    work: impl Fn(T) + Sync,
) {
    if elements < PARALLEL || rayon::current_num_threads() == 1 {
        return tasks.for_each(work);
    }
    let tasks: Vec<Mutex<Option<T>>> = tasks.map(|task| Mutex::new(Some(task))).collect();
    // Small tasks are taken many at a time.
    let batch = (tasks.len() * TASK / elements).max(1);
    share_indices(tasks.len(), batch, &|index| {
        let task = tasks[index]
            .lock()
            .expect("to take a task cannot panic")
            .take();
        work(task.expect("each is taken once"));
    });
}

/// Does tasks by their index, so many at a time. It is compiled once, and not again for each kind of task.
fn share_indices(count: usize, batch: usize, work: &(dyn Fn(usize) + Sync)) {
    let threads = rayon::current_num_threads().min(count);
    let region = count.div_ceil(threads);
    let regions: Vec<Mutex<Range<usize>>> = (0..threads)
        .map(|thread| Mutex::new(count.min(thread * region)..count.min((thread + 1) * region)))
        .collect();

    let take = |thread: usize, region: usize| {
        let mut left = regions[region].lock().expect("to take a task cannot panic");
        let taken = batch.min(left.len());
        let range = if region == thread {
            left.start..left.start + taken
        } else {
            left.end - taken..left.end
        };
        *left = if region == thread {
            range.end..left.end
        } else {
            left.start..range.start
        };
        range
    };
    let help = |thread: usize| {
        for region in (thread..threads).chain(0..thread) {
            loop {
                let tasks = take(thread, region);
                if tasks.is_empty() {
                    break;
                }
                tasks.for_each(work);
            }
        }
    };
    rayon::in_place_scope(|scope| {
        if threads > 1 {
            scope.spawn(|_| {
                (1..threads).into_par_iter().with_max_len(1).for_each(help);
            });
        }
        help(0);
    });
}

/// Bytes from which a result is worth huge pages.
#[cfg(target_os = "linux")]
const HUGE: usize = 1 << 22;

/// Asks for huge pages: to fault in a large result by small pages takes several times as long as to
/// write it.
#[cfg(target_os = "linux")]
fn advise_huge_pages<T>(memory: &mut [T]) {
    use rustix::mm::{Advice, madvise};

    let bytes = memory.as_mut_ptr_range();
    let page = rustix::param::page_size();
    let start = (bytes.start as usize).next_multiple_of(page);
    let end = bytes.end as usize / page * page;
    if end.saturating_sub(start) < HUGE {
        return;
    }
    let first = bytes.start.wrapping_byte_add(start - bytes.start as usize);
    // SAFETY: the pages lie within memory that is borrowed here, and the advice changes neither
    // their contents nor their protection. It may be refused, which does no harm.
    let _ = unsafe { madvise(first.cast(), end - start, Advice::LinuxHugepage) };
}

#[cfg(not(target_os = "linux"))]
fn advise_huge_pages<T>(_memory: &mut [T]) {}

/// A vector of zeros, of which every `apart`-th element or so is going to be written.
///
/// Fresh memory is zero already: where the marks are far apart, most of its pages stay untouched.
pub(crate) fn zeroed<T: Element>(length: usize, apart: usize) -> Vec<T> {
    /// Bytes apart from which small pages, most of them untouched, are the quicker.
    const SPARSE: usize = 1 << 14;

    let mut vector = bytemuck::zeroed_vec(length);
    if apart * size_of::<T>() < SPARSE {
        advise_huge_pages(&mut vector);
    }
    vector
}

/// A vector of `length` elements, made by `fill`.
///
/// # Safety
///
/// `fill` writes every element of what it is given.
pub(crate) unsafe fn filled<T>(length: usize, fill: impl FnOnce(&mut [MaybeUninit<T>])) -> Vec<T> {
    let mut vector = Vec::with_capacity(length);
    advise_huge_pages(vector.spare_capacity_mut());
    fill(&mut vector.spare_capacity_mut()[..length]);
    // SAFETY: the capacity is at least `length`, and the caller answers for the elements.
    unsafe { vector.set_len(length) };
    vector
}
