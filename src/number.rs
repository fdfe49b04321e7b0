//! Conversions of numbers for code that may not cut them: a module's sizes and counts pass here on
//! their way into fields and instructions.
//!
//! Who calls a function that can panic knows the bound: that it fails is our own mistake. What a
//! module can cause is an error of its stage, by `try_from`.

/// The compiler runs on hosts with addresses of 64 bits, so that a `usize` and a `u64` hold the
/// same numbers.
const _: () = assert!(usize::BITS == u64::BITS);

/// A number of bytes or items in our own memory.
pub fn to_usize(number: u64) -> usize {
    usize::try_from(number).expect("hosts have addresses of 64 bits")
}

/// A distance as instructions hold it: of fields in a descriptor, of slots in an array.
///
/// # Panics
/// When it has more than 31 bits.
#[track_caller]
pub fn to_displacement(distance: impl TryInto<i32>) -> i32 {
    distance.try_into().ok().expect("descriptors and arrays of values are small")
}

/// A count as the tables of the object hold it.
///
/// # Panics
/// When it has more than 32 bits.
#[track_caller]
pub fn to_u32(count: impl TryInto<u32>) -> u32 {
    count.try_into().ok().expect("counts in the object have 32 bits")
}

/// The low byte: what is above it is dropped on purpose.
pub const fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

/// The low half: what is above it is dropped on purpose.
pub const fn low_half(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
