//! Numbers of one width as numbers of another: the conversions that lose nothing here although
//! their types do not say so, those that keep the low bits on purpose, and those that end at the
//! largest number.
//!
//! All other conversions in this crate are `from` and `try_from`, and Clippy holds that. So are
//! sums and products checked, saturating, or, with the reason, wrapping.

// The runtime is for processors of 64 bits. Where addresses have fewer, nothing here compiles.
const _: () = assert!(usize::BITS == u64::BITS);

/// An address, a length or an index in memory.
#[expect(clippy::cast_possible_truncation, reason = "both have 64 bits, see above")]
pub const fn usize_of(number: u64) -> usize {
    number as usize
}

/// A number whose width depends on the processor.
pub fn wide(number: impl Into<u64>) -> u64 {
    number.into()
}

/// As much of a number as 32 bits can say.
pub fn saturating_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The low 32 bits.
#[expect(clippy::cast_possible_truncation, reason = "it is meant")]
pub const fn low_u32(number: u128) -> u32 {
    number as u32
}

/// The low 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "it is meant")]
pub const fn low_u64(number: u128) -> u64 {
    number as u64
}
