//! Traps, the other reasons why a program or a call of a library stops, and the report of them.

use core::ffi::c_char;

/// Exit status of a program that trapped: what a shell reports of a process killed by SIGABRT.
pub const TRAP_EXIT_STATUS: i32 = 134;

/// Exit status of a program after a trap that is reported as a fatal error of the program's own
/// language.
pub const FATAL_EXIT_STATUS: i32 = 2;

/// Why a program stopped. Zero is not a trap: in a site table it marks the return address of a
/// call. The messages are those of the specification's test suite, so that users find them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Trap {
    Unreachable = 1,
    MemoryOutOfBounds = 2,
    TableOutOfBounds = 3,
    UninitializedElement = 4,
    IndirectCallTypeMismatch = 5,
    IntegerOverflow = 6,
    IntegerDivideByZero = 7,
    InvalidConversionToInteger = 8,
    StackExhausted = 9,
    NullReference = 10,
    UnalignedAtomic = 11,
    /// `call_indirect` beyond the end of the table.
    UndefinedElement = 12,
    /// `memory.atomic.wait` on a memory that no other thread can notify.
    ExpectedSharedMemory = 13,
    /// `call_ref` of null.
    NullFunctionReference = 14,
    /// C returned or passed a pointer that is no address of the module's.
    HostAddress = 15,
}

impl Trap {
    pub const ALL: [Trap; 15] = [
        Trap::Unreachable,
        Trap::MemoryOutOfBounds,
        Trap::TableOutOfBounds,
        Trap::UninitializedElement,
        Trap::IndirectCallTypeMismatch,
        Trap::IntegerOverflow,
        Trap::IntegerDivideByZero,
        Trap::InvalidConversionToInteger,
        Trap::StackExhausted,
        Trap::NullReference,
        Trap::UnalignedAtomic,
        Trap::UndefinedElement,
        Trap::ExpectedSharedMemory,
        Trap::NullFunctionReference,
        Trap::HostAddress,
    ];

    pub const fn message(self) -> &'static str {
        match self {
            Trap::Unreachable => "unreachable",
            Trap::MemoryOutOfBounds => "out of bounds memory access",
            Trap::TableOutOfBounds => "out of bounds table access",
            Trap::UninitializedElement => "uninitialized element",
            Trap::IndirectCallTypeMismatch => "indirect call type mismatch",
            Trap::IntegerOverflow => "integer overflow",
            Trap::IntegerDivideByZero => "integer divide by zero",
            Trap::InvalidConversionToInteger => "invalid conversion to integer",
            Trap::StackExhausted => "call stack exhausted",
            Trap::NullReference => "null reference",
            Trap::UnalignedAtomic => "unaligned atomic",
            Trap::UndefinedElement => "undefined element: out of bounds table access",
            Trap::ExpectedSharedMemory => "expected shared memory",
            Trap::NullFunctionReference => "null function reference",
            Trap::HostAddress => "host address outside of linear memory",
        }
    }
}

/// [`TrapReport::code`] of what is no [`Trap`].
pub const CODE_EXCEPTION: i32 = 100;
/// WASI's `proc_exit`, see [`TrapReport::status`].
pub const CODE_EXIT: i32 = 101;
/// A WASI function got a pointer that it can't follow.
pub const CODE_WASI: i32 = 102;
/// What the library needs can't be had: memory, a directory, a processor. The reason is on standard
/// error.
pub const CODE_FAILURE: i32 = 103;
/// The module called an import that nothing defines.
pub const CODE_UNDEFINED: i32 = 104;
/// What the module passed to a declared C function can't be passed on: a handle, a function, a
/// format string.
pub const CODE_FOREIGN: i32 = 105;

/// [`TrapFrame::offset`] where it is not known.
pub const NO_OFFSET: u32 = u32::MAX;

/// How many frames a [`TrapReport`] holds.
pub const REPORTED_FRAMES: usize = 32;

/// What `w2n_try` tells of a trap; `w2n_trap` in the generated header.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TrapReport {
    /// A [`Trap`] or one of the codes above; 0 if nothing happened.
    pub code: i32,
    /// For [`CODE_EXIT`] the status.
    pub status: i32,
    /// Zero-terminated; cut if it is longer.
    pub message: [u8; 128],
    /// Number of Wasm functions that were active. The innermost [`REPORTED_FRAMES`] are in
    /// `frames`.
    pub n_frames: u64,
    pub frames: [TrapFrame; REPORTED_FRAMES],
}

/// A Wasm function that was active at a trap; `w2n_frame` in the generated header.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TrapFrame {
    /// Name from the name section, zero-terminated, empty if it has none. It stays for as long as
    /// the process runs.
    pub function: *const c_char,
    pub index: u32,
    /// Byte offset in the module's file, or [`NO_OFFSET`].
    pub offset: u32,
}
