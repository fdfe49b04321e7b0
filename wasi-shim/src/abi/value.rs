//! A Wasm value outside of registers, and the codes of value types.

/// A value passed to or from [`Program::entry`](super::program::Program::entry): the low bytes hold
/// the number, the rest is zero.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub struct Value(pub [u8; 16]);

/// Type codes of the binary format (core specification, 5.3 "Types"), as used in
/// [`Program::parameters`](super::program::Program::parameters).
pub const TYPE_I32: u8 = 0x7f;
pub const TYPE_I64: u8 = 0x7e;
pub const TYPE_F32: u8 = 0x7d;
pub const TYPE_F64: u8 = 0x7c;
pub const TYPE_V128: u8 = 0x7b;
pub const TYPE_FUNCREF: u8 = 0x70;
pub const TYPE_EXTERNREF: u8 = 0x6f;
pub const TYPE_ANYREF: u8 = 0x6e;
pub const TYPE_EXNREF: u8 = 0x69;
