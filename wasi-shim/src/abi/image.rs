//! What the runtime knows of one compiled module.

use super::exception::{Handler, TryCall};
use super::memory::{DataRun, Memory, Segment};
use super::object::{Heap, TypeRecord};
use super::table::{Table, TableEntries};
use super::trap::{REPORTED_FRAMES, TrapReport};
use core::ffi::c_void;

record! {
    /// What the trap handler knows of one function. The array is sorted by `start`.
    pub struct Function from FunctionFields {
        /// Offset of the first instruction from [`Image::text`].
        pub start: u32,
        /// Length of the code in bytes.
        pub length: u32,
        /// Offset of the name in [`Image::names`]: UTF-8 as it is shown, demangled and with control
        /// characters escaped, ended by a zero byte.
        pub name: u32,
        /// Offset in [`Image::sites`] of the function's sites.
        ///
        /// A function's sites are a list sorted by code offset, each three ULEB128/SLEB128 numbers:
        /// code offset minus that of the site before (unsigned), trap number or 0 for the last byte
        /// of a call or the start of another instruction, plus [`SCOPES`] times the number of the
        /// inlined function that it belongs to (unsigned), Wasm byte offset minus that of the site
        /// before (signed). Before the sites stand the functions that are inlined, which are
        /// numbered from 1: the row in [`Image::functions`] (unsigned), [`INLINED`] plus [`SCOPES`]
        /// times the number of the inlined function that the call is in, or 0 (unsigned), and the
        /// Wasm byte offset of the call (signed). Starting values are 0 and 0. The next function's
        /// offset ends the list. A trap's offset is that of the instruction's first byte; on s390x,
        /// of the last byte of an instruction that traps by itself, not by an access.
        pub sites: u32,
        /// Function index in the Wasm module, for functions without a name.
        pub index: u32,
        /// What [`frame`](super::frame) says. 0 if it is a leaf without a frame.
        pub frame: u32,
    }
}

/// See [`Function::sites`].
pub const SCOPES: u64 = 32;
/// In place of a trap number.
pub const INLINED: u64 = 31;

/// [`Function::index`] of code that is not a function of the module: the entry's thunk, for
/// instance. Backtraces leave it out.
pub const NO_FUNCTION: u32 = u32::MAX;

record! {
    /// Everything the runtime must know about one compiled module.
    pub struct Image from ImageFields {
        /// Memories that this module defines (or that an executable supplies to it).
        pub memories: *const *mut Memory,
        pub n_memories: u64,
        pub runs: *const DataRun,
        pub n_runs: u64,
        /// The initial entries of tables that this module defines, without tables that every thread
        /// has for itself. A row with null ends the list.
        pub table_entries: *const TableEntries,
        /// Machine code of the module.
        pub text: *const u8,
        pub text_length: u64,
        /// `n_functions` rows, then one more whose `start` and `sites` are the ends.
        pub functions: *const Function,
        pub n_functions: u64,
        pub names: *const u8,
        pub sites: *const u8,
        pub try_calls: *const TryCall,
        pub n_try_calls: u64,
        pub handlers: *const Handler,
        pub tags: *const *const TypeRecord,
        /// Variables of this module that hold references, but for those of functions.
        pub reference_globals: *const *const usize,
        pub n_reference_globals: u64,
        /// Tables of this module that do.
        pub reference_tables: *const *const Table,
        pub n_reference_tables: u64,
        /// Segments of this module that do, for `table.init` and `array.new_elem`: their elements
        /// are words.
        pub reference_segments: *const *const Segment,
        pub n_reference_segments: u64,
        /// Where objects lie to which they refer, and those of the module's own code; null if there
        /// can be none.
        pub heap: *mut Heap,
        /// Memory that WASI functions read and write when this module calls them: the one exported
        /// as `memory`, or else the first; null if there is none.
        pub wasi_memory: *mut Memory,
        /// Bytes of the initial entries of this module's tables, but for tables that never change:
        /// those are as constant as code. A program with threads has as many more for each thread.
        pub table_bytes: u64,
        /// Segments and globals that can't be laid out in advance, then the start function. Null if
        /// there is nothing to do.
        pub initialize: Option<unsafe extern "C" fn()>,
        /// Lines of source: the length of the names of files (ULEB128), these names, each ended by
        /// a zero byte, and rows sorted by the byte offset in the module from which they hold. A
        /// row is the offset minus that of the row before, where the file's name begins among the
        /// names, the line minus that of the row before (SLEB128), and the column or 0. Line 0 is
        /// no line. Null where the module has none.
        pub lines: *const u8,
        pub lines_length: u64,
        /// `w2n_find_line` where there are lines, else null: so that other programs link none of
        /// it. Writes the lines of frames of any module.
        pub find_line: Option<unsafe extern "C" fn(*mut LineQuery)>,
        /// What is known of accesses that fail; null where their faults tell all.
        pub accesses: *const Accesses,
    }
}

record! {
    /// What is known of accesses that fail, besides what their faults tell. Only programs whose
    /// modules have a C stack in their memory, or compare addresses with its size, contain what
    /// reads this.
    pub struct Accesses from AccessesFields {
        /// `w2n_explain_access`: adds to a message why an access failed. It gets the message and
        /// where code trapped, as the runtime knows them, the context of the signal, the memory
        /// that an address lies in that faulted, or null, and this address. Returns 0 if it has
        /// added nothing.
        #[rustfmt::skip]
        pub explain: Option<unsafe extern "C" fn(*mut c_void, *const c_void, *const c_void, *const Memory, usize) -> i32>,
        /// The variable `__stack_pointer` of modules whose C stack lies in their memory; null
        /// elsewhere.
        pub stack_pointer: *const u32,
        /// What it is at first, and how many bytes lie below that until data or the memory's start.
        pub stack_top: u64,
        pub stack_size: u64,
        pub memories: *const *mut Memory,
        /// Where code has what it compared with the size of a memory. A row for each trap, sorted
        /// by place: the place in [`Image::text`] minus that of the row before (ULEB128), the
        /// processor's number of a general register or [`ACCESS_CONSTANT`], plus [`ACCESS_MORE`] if
        /// two numbers follow that are otherwise 0 (ULEB128): the memory's place in `memories`
        /// (ULEB128) and what the register's value is more than the index (SLEB128); and what the
        /// operator adds to the index (ULEB128). With [`ACCESS_END`] the value is where a copy or
        /// fill would end.
        pub rows: *const u8,
        pub length: u64,
    }
}

/// See [`Accesses::rows`]: a value of 0 in place of a register's.
pub const ACCESS_CONSTANT: u8 = 32;
/// See [`Accesses::rows`].
pub const ACCESS_MORE: u8 = 64;
/// See [`Accesses::rows`].
pub const ACCESS_END: u8 = 128;

/// What is asked of [`Image::find_line`]: the lines of a report's frames.
#[repr(C)]
pub struct LineQuery {
    pub report: *mut TrapReport,
    /// The module of each frame; null where there is no frame.
    pub images: [*const Image; REPORTED_FRAMES],
    /// The answer has what prints lines, as the runtime knows it.
    pub printer: *const c_void,
}

/// A line of source.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Line {
    /// Zero-terminated.
    pub file: *const core::ffi::c_char,
    /// 0 where the line is not known.
    pub line: u32,
    /// 0 for the whole line.
    pub column: u32,
}
