//! `memcmp` and `strlen`: by words where there are some, and without what reads past an end.

use core::cmp::Ordering;

/// Compares `n` bytes, as numbers without a sign.
///
/// # Safety
/// `n` bytes at both places are readable.
#[inline(always)]
pub unsafe fn compare(left: *const u8, right: *const u8, n: usize) -> Ordering {
    const WORD: usize = size_of::<u64>();
    // SAFETY: what is read is within the `n` bytes.
    unsafe {
        if n < WORD {
            return bytes(left, right, n);
        }
        let last = n.wrapping_sub(WORD);
        let mut at = 0;
        while at < last {
            let order = words(left.add(at), right.add(at));
            if order.is_ne() {
                return order;
            }
            at = at.wrapping_add(WORD);
        }
        words(left.add(last), right.add(last))
    }
}

/// Compares eight bytes.
#[inline(always)]
unsafe fn words(left: *const u8, right: *const u8) -> Ordering {
    // SAFETY: the caller has eight bytes at both places.
    let [left, right] = [left, right].map(|it| unsafe { it.cast::<[u8; 8]>().read() });
    // The first byte decides, so it is the highest.
    u64::from_be_bytes(left).cmp(&u64::from_be_bytes(right))
}

/// Compares fewer than eight bytes.
#[inline(always)]
unsafe fn bytes(left: *const u8, right: *const u8, n: usize) -> Ordering {
    for at in 0..n {
        // SAFETY: the caller has `n` bytes at both places.
        let order = unsafe { left.add(at).read().cmp(&right.add(at).read()) };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// How many bytes precede the first zero.
///
/// # Safety
/// The bytes up to a zero are readable.
#[inline(always)]
pub unsafe fn length(text: *const u8) -> usize {
    let mut n: usize = 0;
    // SAFETY: no byte before this one is the zero.
    while unsafe { text.add(n).read() } != 0 {
        n = n.wrapping_add(1);
    }
    n
}
