//! Lossless conversions of numbers: a module's sizes and counts pass through here on their way into
//! fields and instructions.
//!
//! The caller of a function that can panic has proved the bound; a panic is our own mistake. A
//! number that a module can choose is converted with `try_from`, and its failure is an error of the
//! stage.

/// The compiler runs on hosts with addresses of 64 bits, so `usize` and `u64` have the same range.
const _: () = assert!(usize::BITS == u64::BITS);

/// A number of bytes or items in our own memory.
pub fn to_usize(number: u64) -> usize {
    usize::try_from(number).expect("hosts have addresses of 64 bits")
}

/// A displacement in an instruction: of a field in a descriptor, or of a slot in an array.
///
/// # Panics
/// When it has more than 31 bits.
#[track_caller]
pub fn to_displacement(distance: impl TryInto<i32>) -> i32 {
    distance.try_into().ok().expect("descriptors and arrays of values are small")
}

/// A count in a table of the object.
///
/// # Panics
/// When it has more than 32 bits.
#[track_caller]
pub fn to_u32(count: impl TryInto<u32>) -> u32 {
    count.try_into().ok().expect("counts in the object have 32 bits")
}

/// The low byte. Higher bits are dropped on purpose.
pub const fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

/// The low half. Higher bits are dropped on purpose.
pub const fn low_half(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
