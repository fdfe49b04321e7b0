//! Calls between translated code and C: function pointers and variable arguments.

use super::memory::Memory;

/// The most different functions of one type that C can get pointers to.
pub const MOST_CALLBACKS: usize = 1024;

record! {
    /// Function pointers of one kind that C can hold. It is followed, for each, by the entry of the
    /// Wasm function that it calls, or 0 if it is free.
    pub struct CallbackPool from CallbackPoolFields {
        /// The function pointers.
        pub slots: *const usize,
        pub length: u64,
    }
}

/// A call of a variadic C function whose variable arguments lie in a linear memory as a format
/// string says.
#[repr(C)]
pub struct FormattedCall {
    /// The C function.
    pub function: usize,
    pub memory: *const Memory,
    /// Address of the variable arguments in the memory.
    pub arguments: u64,
    /// The fixed arguments, a word each.
    pub fixed: *mut u64,
    pub n_fixed: u32,
    /// Bit n: fixed argument n is a floating-point number.
    pub floats: u32,
    /// Which fixed argument is the format, as a host pointer.
    pub format: u32,
    /// [`FORMAT_SCANF`] and [`FORMAT_WIDE`].
    pub flags: u32,
    /// The result, in the register of integers and in that of floating-point numbers.
    pub integer: u64,
    pub float: u64,
}

/// The format is one of `scanf`, not of `printf`.
pub const FORMAT_SCANF: u32 = 1;
/// `long` and addresses have 64 bits in the module.
pub const FORMAT_WIDE: u32 = 2;
