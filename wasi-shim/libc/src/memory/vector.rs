//! A register that moves several bytes at once, whatever the processor.

/// A register of `SIZE` bytes, a power of two. Its loads and stores need no alignment.
///
/// A function that uses a register which not every processor has is compiled for the feature that
/// brings it, and inlines what it calls here.
pub trait Vector: Copy {
    const SIZE: usize = size_of::<Self>();

    /// The bits of an address that are zero at a multiple of `SIZE`.
    const LOW_BITS: usize = Self::SIZE.wrapping_sub(1);

    /// # Safety
    /// `SIZE` bytes at `from` are readable, and the processor has this register.
    unsafe fn load(from: *const u8) -> Self;

    /// # Safety
    /// `SIZE` bytes at `to` are writable, and the processor has this register.
    unsafe fn store(self, to: *mut u8);

    /// The byte in all places.
    ///
    /// # Safety
    /// The processor has this register.
    unsafe fn splat(byte: u8) -> Self;
}

/// # Safety
/// As for `N` loads side by side.
#[inline(always)]
pub unsafe fn load<V: Vector, const N: usize>(from: *const u8) -> [V; N] {
    core::array::from_fn(
        #[inline(always)]
        |index| {
            // SAFETY: the caller says so.
            unsafe { V::load(from.add(index.wrapping_mul(V::SIZE))) }
        },
    )
}

/// # Safety
/// As for `N` stores side by side.
#[inline(always)]
pub unsafe fn store<V: Vector, const N: usize>(vectors: [V; N], to: *mut u8) {
    let mut to = to;
    // A count would be checked for overflow, by a function that is not always inlined.
    for vector in vectors {
        // SAFETY: the caller says so.
        unsafe { vector.store(to) };
        to = to.wrapping_add(V::SIZE);
    }
}
