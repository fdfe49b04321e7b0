//! The functions of C that copy, fill and compare memory.

/// # Safety
/// As C's: `count` bytes of both, which do not overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcpy(target: *mut u8, source: *const u8, count: usize) -> *mut u8 {
    for at in 0..count {
        // SAFETY: as required of the caller.
        unsafe { *target.wrapping_add(at) = *source.wrapping_add(at) };
    }
    target
}

/// # Safety
/// As C's: `count` bytes of both.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memmove(target: *mut u8, source: *const u8, count: usize) -> *mut u8 {
    // The target begins in the source: the bytes behind it are copied first.
    if target.addr().wrapping_sub(source.addr()) < count {
        for at in (0..count).rev() {
            // SAFETY: as required of the caller.
            unsafe { *target.wrapping_add(at) = *source.wrapping_add(at) };
        }
        return target;
    }
    // SAFETY: as required of the caller.
    unsafe { memcpy(target, source, count) }
}

/// # Safety
/// As C's: `count` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memset(target: *mut u8, value: i32, count: usize) -> *mut u8 {
    let [byte, ..] = value.to_le_bytes();
    for at in 0..count {
        // SAFETY: as required of the caller.
        unsafe { *target.wrapping_add(at) = byte };
    }
    target
}

/// # Safety
/// As C's: `count` bytes of both.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    for at in 0..count {
        // SAFETY: as required of the caller.
        let (left, right) = unsafe { (*left.wrapping_add(at), *right.wrapping_add(at)) };
        if left != right {
            return if left < right { -1 } else { 1 };
        }
    }
    0
}

/// # Safety
/// As C's: `count` bytes of both.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    // SAFETY: as required of the caller.
    unsafe { memcmp(left, right, count) }
}

/// # Safety
/// As C's: a string that ends with a zero byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut length: usize = 0;
    // SAFETY: as required of the caller.
    while unsafe { *text.wrapping_add(length) } != 0 {
        length = length.wrapping_add(1);
    }
    length
}
