//! Fills bytes, in the shapes that `memset` is made of: those of `copy`, without the loads.

use super::vector::{Vector, store};

/// Fills `n` bytes, of which there are one to two words.
///
/// # Safety
/// `n` bytes at `to` are writable.
#[inline(always)]
pub unsafe fn words<T: Copy>(to: *mut u8, word: T, n: usize) {
    // SAFETY: both words are within the `n` bytes.
    unsafe {
        to.cast::<T>().write_unaligned(word);
        to.add(n.wrapping_sub(size_of::<T>())).cast::<T>().write_unaligned(word);
    }
}

/// Fills `n` bytes, of which there are `N` to `2 * N` vectors.
///
/// # Safety
/// As for [`words`].
#[inline(always)]
pub unsafe fn ends<V: Vector, const N: usize>(to: *mut u8, vector: V, n: usize) -> *mut u8 {
    let last = n.wrapping_sub(V::SIZE.wrapping_mul(N));
    // SAFETY: `N` vectors from each end are within the `n` bytes.
    unsafe {
        store([vector; N], to);
        store([vector; N], to.add(last));
    }
    to
}

/// Fills four vectors or more.
///
/// # Safety
/// As for [`words`].
#[inline(always)]
pub unsafe fn rounds<V: Vector>(to: *mut u8, vector: V, n: usize) -> *mut u8 {
    let round = V::SIZE.wrapping_mul(4);
    // SAFETY: a round begins before the last four vectors, so it ends within the `n` bytes.
    unsafe {
        if n <= V::SIZE.wrapping_mul(8) {
            return ends::<V, 4>(to, vector, n);
        }
        let last = n.wrapping_sub(round);
        let mut at = V::SIZE.wrapping_sub(to.addr() & V::LOW_BITS);
        vector.store(to);
        while at < last {
            store([vector; 4], to.add(at));
            at = at.wrapping_add(round);
        }
        store([vector; 4], to.add(last));
    }
    to
}
