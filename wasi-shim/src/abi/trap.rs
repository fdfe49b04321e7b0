//! Traps, the other reasons why a program or a call of a library stops, and the report of them.

use super::image::Line;
use core::ffi::c_char;

/// Exit status of a program that trapped: what a shell reports of a process killed by SIGABRT.
pub const TRAP_EXIT_STATUS: i32 = 134;

/// Exit status of a program after a trap that is reported as a fatal error of the program's own
/// language.
pub const FATAL_EXIT_STATUS: i32 = 2;

/// Declares [`Trap`]: a row for each, `VARIANT = NUMBER: MESSAGE`, in the order of the numbers,
/// which leave no gap. Its name in the generated header follows from the variant's.
macro_rules! traps {
    ($($(#[$attribute:meta])* $variant:ident = $number:literal: $message:literal;)*) => {
        /// Why a program stopped. Zero is not a trap: in a site table it marks the return address
        /// of a call. The messages are those of the specification's test suite, so that users find
        /// them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Trap {
            $($(#[$attribute])* $variant = $number,)*
        }

        impl Trap {
            pub const ALL: &[Trap] = &[$(Trap::$variant,)*];

            /// The message of a trap that is known when this is compiled.
            pub const fn message(self) -> &'static str {
                match self {
                    $(Trap::$variant => $message,)*
                }
            }

            /// The message of any trap. Programs contain no table of addresses for it.
            pub fn text(self) -> &'static [u8] {
                const TEXTS: &str = concat!($($message, "\n",)*);
                let before = (self as usize).saturating_sub(1);
                TEXTS.as_bytes().split(|&byte| byte == b'\n').nth(before).unwrap_or_default()
            }

            /// The trap of a number.
            pub const fn of(number: u8) -> Option<Trap> {
                match number {
                    $($number => Some(Trap::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

traps! {
    Unreachable = 1: "unreachable";
    MemoryOutOfBounds = 2: "out of bounds memory access";
    TableOutOfBounds = 3: "out of bounds table access";
    UninitializedElement = 4: "uninitialized element";
    IndirectCallTypeMismatch = 5: "indirect call type mismatch";
    IntegerOverflow = 6: "integer overflow";
    IntegerDivideByZero = 7: "integer divide by zero";
    InvalidConversionToInteger = 8: "invalid conversion to integer";
    StackExhausted = 9: "call stack exhausted";
    NullReference = 10: "null reference";
    UnalignedAtomic = 11: "unaligned atomic";
    /// `call_indirect` beyond the end of the table.
    UndefinedElement = 12: "undefined element: out of bounds table access";
    /// `memory.atomic.wait` on a memory that no other thread can notify.
    ExpectedSharedMemory = 13: "expected shared memory";
    /// `call_ref` of null.
    NullFunctionReference = 14: "null function reference";
    /// C returned or passed a pointer that is not an address in the module's memory.
    HostAddress = 15: "host address outside of linear memory";
    /// `PREFIX_interrupt`.
    Interrupted = 16: "interrupted";
    /// `ref.cast` of an object of another type.
    CastFailure = 17: "cast failure";
    /// An access beyond the end of an array.
    ArrayOutOfBounds = 18: "out of bounds array access";
    /// The heap may not grow, and nothing in it can be freed.
    HeapExhausted = 19: "out of memory for objects";
    NullStructReference = 20: "null structure reference";
    NullArrayReference = 21: "null array reference";
    NullI31Reference = 22: "null i31 reference";
}

const _: () = {
    let mut row = 0;
    while row < Trap::ALL.len() {
        assert!(Trap::ALL[row] as usize == row.strict_add(1), "see `Trap::text`");
        row = row.strict_add(1);
    }
};

/// Declares the codes of what is reported like a trap and is not one: a row for each,
/// `NAME = CODE: MEANING`, and [`CODES`], the list of them for the generated header.
macro_rules! codes {
    ($($(#[$attribute:meta])* $name:ident = $code:literal: $meaning:literal;)*) => {
        $(
            $(#[$attribute])*
            #[doc = concat!("[`TrapReport::code`]: ", $meaning, ".")]
            pub const $name: i32 = $code;
        )*

        /// Name, code and meaning of each.
        pub const CODES: &[(&str, i32, &str)] = &[$((stringify!($name), $name, $meaning),)*];
    };
}

codes! {
    CODE_EXCEPTION = 100: "uncaught exception";
    CODE_EXIT = 101: "the module has called WASI's proc_exit: see `status`";
    CODE_WASI = 102: "a WASI function got a wrong pointer";
    /// Memory, a directory, a processor: the reason is on standard error.
    CODE_FAILURE = 103: "the library can't get a resource that it needs: see standard error";
    CODE_UNDEFINED = 104: "call of an import that nothing defines";
    /// A handle, a function, a format string.
    CODE_FOREIGN = 105: "a value that the module passed to a C function can't be passed on";
    CODE_HOST = 106: "the host has called w2n_raise_message";
    /// Of AssemblyScript, of Emscripten.
    CODE_ABORT = 107: "the module has called its library's abort";
    CODE_HANDLE = 108: "a handle of a reference was given back, or is void since a reset";
}

/// [`TrapFrame::offset`] where it is not known.
pub const NO_OFFSET: u32 = u32::MAX;

/// How many frames a [`TrapReport`] holds.
pub const REPORTED_FRAMES: usize = 32;

/// How many of them are the innermost, where more were active. The others are the outermost.
pub const INNER_FRAMES: usize = 24;

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
    /// Number of Wasm functions that were active. If they are more than [`REPORTED_FRAMES`], the
    /// first [`INNER_FRAMES`] of `frames` are the innermost, and the others the outermost.
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
    /// Of the source, where the module tells of it.
    pub source: Line,
}
