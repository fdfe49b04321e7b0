//! Copies bytes between places that may overlap, in the shapes that `memmove` is made of.
//!
//! The shape depends on the size. Two words or some vectors from each end do for small sizes: they
//! meet or overlap in the middle, and all loads come before the first store, so it does not matter
//! how the places overlap. What is longer is a loop over four vectors. Its stores are aligned; the
//! ends, which it may overwrite before it reads them, are loaded before it and stored after it.
//!
//! Offsets are between 0 and the size of the places, so their sums and differences do not wrap.
//! Distances of addresses wrap, and say what overlaps.

use super::vector::{Vector, load, store};

/// Copies `n` bytes, of which there are one to two words.
///
/// # Safety
/// `n` bytes at `from` are readable, `n` bytes at `to` are writable.
#[inline(always)]
pub unsafe fn words<T: Copy>(to: *mut u8, from: *const u8, n: usize) {
    let last = n.wrapping_sub(size_of::<T>());
    // SAFETY: both words are within the `n` bytes.
    unsafe {
        let first_word = from.cast::<T>().read_unaligned();
        let last_word = from.add(last).cast::<T>().read_unaligned();
        to.cast::<T>().write_unaligned(first_word);
        to.add(last).cast::<T>().write_unaligned(last_word);
    }
}

/// Copies `n` bytes, of which there are `N` to `2 * N` vectors.
///
/// # Safety
/// As for [`words`].
#[inline(always)]
pub unsafe fn ends<V: Vector, const N: usize>(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    let last = n.wrapping_sub(V::SIZE.wrapping_mul(N));
    // SAFETY: `N` vectors from each end are within the `n` bytes.
    unsafe {
        let first_part = load::<V, N>(from);
        let last_part = load::<V, N>(from.add(last));
        store(first_part, to);
        store(last_part, to.add(last));
    }
    to
}

/// Copies four vectors or more.
///
/// # Safety
/// As for [`words`].
#[inline(always)]
pub unsafe fn rounds<V: Vector>(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's.
    unsafe {
        if n <= V::SIZE.wrapping_mul(8) {
            ends::<V, 4>(to, from, n)
        } else if is_within(to, from, n) {
            downwards::<V>(to, from, n)
        } else {
            upwards::<V>(to, from, n)
        }
    }
}

/// Whether an address is one of `n` bytes from another address on.
#[inline(always)]
pub fn is_within(address: *const u8, start: *const u8, n: usize) -> bool {
    address.addr().wrapping_sub(start.addr()) < n
}

/// Copies more than eight vectors, the lower addresses first: `to` is not within the bytes that
/// are read.
#[inline(always)]
unsafe fn upwards<V: Vector>(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    let round = V::SIZE.wrapping_mul(4);
    let last = n.wrapping_sub(round);
    let mut at = V::SIZE.wrapping_sub(to.addr() & V::LOW_BITS);
    // SAFETY: a round begins before the last four vectors, so it ends within the `n` bytes.
    unsafe {
        let first_vector = V::load(from);
        let last_part = load::<V, 4>(from.add(last));
        while at < last {
            store(load::<V, 4>(from.add(at)), to.add(at));
            at = at.wrapping_add(round);
        }
        store(last_part, to.add(last));
        first_vector.store(to);
    }
    to
}

/// Copies more than eight vectors, the higher addresses first: `to` is within the bytes that are
/// read.
#[inline(always)]
unsafe fn downwards<V: Vector>(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    let round = V::SIZE.wrapping_mul(4);
    let last = n.wrapping_sub(V::SIZE);
    let mut end = n.wrapping_sub(to.addr().wrapping_add(n) & V::LOW_BITS);
    // SAFETY: a round ends after the first four vectors, so it begins within the `n` bytes.
    unsafe {
        let first_part = load::<V, 4>(from);
        let last_vector = V::load(from.add(last));
        while end > round {
            end = end.wrapping_sub(round);
            store(load::<V, 4>(from.add(end)), to.add(end));
        }
        store(first_part, to);
        last_vector.store(to.add(last));
    }
    to
}
