//! The contract between the compiler and the runtime.
//!
//! The compiler (`src/layout.rs`, `src/object/`) writes the structures below as data of the object file; the runtime reads
//! them. Both include this one file, so that no symbol name, offset or trap number is written twice. Everything is
//! `#[repr(C)]`, in the byte order and pointer size of the target.
//!
//! Invariants:
//! * A function reference (`funcref`, a table entry's first word) is the address of the function's entry in the internal
//!   calling convention; null is 0.
//! * The four bytes before such an entry hold, as a signed 32-bit number, the distance from the entry to the function's
//!   *signature identity*: the address of a symbol named after its structural type ([`SIGNATURE_PREFIX`]), merged by the linker. It is
//!   the same number everywhere: ELF says it as the distance from the field with 4 less, COFF as its relative address, which counts from
//!   behind the field, Mach-O as the difference of two symbols. Merged are weak symbols in ELF and Mach-O, and sections of one symbol
//!   (COMDAT, any) in COFF.
//! * Numbers in the structures are in the byte order of the target; bytes of linear memories and of [`Value`]s are little-endian.
//! * Addresses of Wasm memories never move: a memory is reserved once, and grows in place.
#![allow(dead_code)]

#[path = "abi_grant.rs"]
pub mod grant;

#[path = "abi_wasi.rs"]
pub mod wasi;

use core::ffi::{c_char, c_void};
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize};

/// Bytes in a Wasm page (core specification, 4.2.8 "Memory Instances").
pub const WASM_PAGE: u64 = 65536;

/// Alignment of everything that the runtime maps page by page: data images of linear memories.
pub const HOST_PAGE: u64 = 4096;

/// Address space to reserve for a 32-bit memory whose accesses carry no check: the 32-bit address plus the 32-bit
/// offset of the instruction reach below 8 GiB, and the widest access is 16 bytes.
pub const GUARDED_RESERVATION: u64 = (8 << 30) + WASM_PAGE;

/// Inaccessible address space behind a 64-bit memory, whose accesses compare the index with the memory's size: whatever an instruction
/// adds to the index as a displacement stays inside, so that only larger offsets have to be part of the comparison.
pub const CHECKED_GUARD: u64 = (2 << 30) + WASM_PAGE;

/// Inaccessible address space before every memory and before every table's entries. A whole page on
/// any machine, and more than the widest access: an address that came out too low faults.
pub const LEADING_GUARD: u64 = WASM_PAGE;

/// The most that a 64-bit memory may grow to, because that is what is reserved for it: more than a machine has, and little enough that
/// a hundred of them fit into the address space.
pub const LARGEST_RESERVATION: u64 = 1 << 40;

/// The most that a 64-bit memory may have at the start: the address space of a process.
pub const ADDRESS_SPACE: u64 = 1 << 47;

/// The most bytes that the tables of a program or a library may take together, where the user sets neither a limit for them nor one for
/// memory.
pub const DEFAULT_MAX_TABLE: u64 = 1 << 30;

/// Exit status of a program that trapped: what a shell reports of a process killed by SIGABRT.
pub const TRAP_EXIT_STATUS: i32 = 134;

/// Exit status of a program after a trap that is reported as a fatal error of the program's own language.
pub const FATAL_EXIT_STATUS: i32 = 2;

/// Prefix of the symbols that identify signatures; the encoded type follows (see `wasm::structure`).
pub const SIGNATURE_PREFIX: &str = "w2n.sig.";

/// Distance from a function's entry back to the 32-bit offset of its signature identity.
pub const SIGNATURE_FIELD_BEFORE_ENTRY: i32 = 4;

/// Name of the local symbol that holds the [`Program`].
pub const PROGRAM_SYMBOL: &str = "w2n_program";

/// Name of the weak symbol that holds the process's [`Shared`]. Every object with a [`Program`] defines it.
pub const SHARED_SYMBOL: &str = "w2n_shared";

/// Number of this contract, in [`Shared::version`] and [`Program::version`]. To be raised with every change of this file that an
/// object or a runtime made before would not understand: libraries in one process may come from different compilers.
pub const VERSION: u32 = 3;

/// Name of the section that holds [`Program::options`], where `wasm2native inspect` finds it.
pub const OPTIONS_SECTION: &str = ".w2n.options";

/// Environment variable with options for the program at run time.
pub const OPTIONS_VARIABLE: &str = "WASM2NATIVE_OPTIONS";

/// Why a program stopped. Zero is not a trap: in a site table it marks the return address of a call.
/// The messages are those of the specification's test suite, so that users find them.
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

/// A linear memory. A data symbol of the module that defines it; the runtime fills `base` before any code runs.
#[repr(C)]
pub struct Memory {
    /// First byte. Constant once the program runs.
    pub base: *mut u8,
    /// Current size in bytes; written as the initial size.
    pub bytes: u64,
    /// Largest size in bytes that `memory.grow` may reach.
    pub maximum: u64,
    /// Address space to reserve, in bytes, with what must fault behind the memory.
    pub reserved: u64,
    /// If that can't be had, less will do, down to this: `maximum` shrinks by as much.
    pub least: u64,
    /// Bytes in a page: what `memory.grow` and `memory.size` count in.
    pub page_size: u64,
    /// 1: several threads may use it, and grow it at the same time.
    pub is_shared: u64,
}

/// A table. `base` points at the initial entries, which are data of the object; `table.grow` moves them.
#[repr(C)]
pub struct Table {
    pub base: *mut u8,
    /// Number of entries now.
    pub length: u64,
    /// Largest number of entries that `table.grow` may reach.
    pub maximum: u64,
    /// Bytes per entry: [`FUNC_ENTRY_SIZE`] or [`REF_ENTRY_SIZE`].
    pub entry_size: u64,
    /// Entries that fit behind `base` before `table.grow` has to move them.
    pub capacity: u64,
}

/// The initial entries of a table, as data of the object. They begin a page; the page before them
/// holds nothing, and the runtime makes it inaccessible.
#[repr(C)]
pub struct TableEntries {
    /// Null in the row that ends the list.
    pub first: *const u8,
    pub bytes: u64,
}

/// A table entry of function type.
#[repr(C)]
pub struct FuncEntry {
    /// Entry of the function; 0 is null.
    pub code: usize,
    /// Signature identity of the function; 0 where `code` is 0.
    pub signature: usize,
}

pub const FUNC_ENTRY_SIZE: u64 = 16;
pub const REF_ENTRY_SIZE: u64 = 8;

/// A passive segment: of bytes, or of table entries of the kind that its element type asks for.
#[repr(C)]
pub struct Segment {
    pub base: *const u8,
    /// Number of bytes or entries; zero once dropped.
    pub length: u64,
}

/// An exception tag. Its address is its identity: one per tag that a module defines, and importers refer to that one.
#[repr(C)]
pub struct Tag {
    /// UTF-8, ended by a zero byte; empty if nobody named it.
    pub name: *const u8,
    /// Index in the module that defines it.
    pub index: u32,
}

/// A thrown exception. An `exnref` is its address; null is 0. Its values follow, a [`Value`] each.
#[repr(C, align(16))]
pub struct Exception {
    pub tag: *const Tag,
    /// Number of values.
    pub length: u32,
    /// The runtime's own.
    pub link: u32,
}

/// A call inside the body of a `try`: where it returns to, and which handlers are around it, the innermost first. The array is
/// sorted by return address.
#[repr(C)]
pub struct TryCall {
    /// Offset of the return address from [`Image::text`].
    pub return_address: u32,
    /// Distance from the frame pointer down to the stack pointer that the handlers expect.
    pub frame_size: u32,
    /// Index of the first handler in [`Image::handlers`].
    pub handlers: u32,
}

/// Where an exception lands. Its address is handed over in the first payload register of Cranelift's `Tail` convention: `rax` on x86-64,
/// `x0` on aarch64, `a0` on riscv64, `r6` on s390x.
#[repr(C)]
pub struct Handler {
    /// Index in [`Image::tags`], or [`ANY_TAG`]; with [`LAST_HANDLER`] added where the call has no more handlers.
    pub tag: u32,
    /// Offset from [`Image::text`].
    pub landing: u32,
}

pub const ANY_TAG: u32 = (1 << 31) - 1;
pub const LAST_HANDLER: u32 = 1 << 31;

/// A run of initialised pages of a memory: whole host pages, page-aligned in the executable as in the memory.
#[repr(C)]
pub struct DataRun {
    pub memory: *mut Memory,
    /// Byte address in the memory.
    pub address: u64,
    pub data: *mut u8,
    /// Bytes, a multiple of [`HOST_PAGE`].
    pub length: u64,
}

/// The most different functions of one type that C can get pointers to.
pub const MOST_CALLBACKS: usize = 1024;

/// Function pointers of one kind that C can hold. Behind it lies, for each, the entry of the Wasm function that it calls, or 0 if it
/// is free.
#[repr(C)]
pub struct CallbackPool {
    /// The function pointers.
    pub slots: *const usize,
    pub length: u64,
}

/// A call of a variadic C function whose variable arguments lie in a linear memory as a format string says.
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

/// What the trap handler knows of one function. The array is sorted by `start`.
#[repr(C)]
pub struct Function {
    /// Offset of the first instruction from [`Image::text`].
    pub start: u32,
    /// Length of the code in bytes.
    pub length: u32,
    /// Offset of the name in [`Image::names`]: UTF-8, ended by a zero byte (a zero byte in a name is written as `?`).
    pub name: u32,
    /// Offset in [`Image::sites`] of the function's sites.
    ///
    /// A function's sites are a list sorted by code offset, each three ULEB128/SLEB128 numbers: code offset minus that of the
    /// site before (unsigned), trap number or 0 for the return address of a call (unsigned), Wasm byte offset minus that
    /// of the site before (signed). Starting values are 0 and 0. The next function's offset ends the list. A trap's offset is that of the
    /// instruction's first byte; on s390x, of the last byte of an instruction that traps by itself, not by an access.
    pub sites: u32,
    /// Function index in the Wasm module, for functions without a name.
    pub index: u32,
    /// 1 if the function sets up a frame: the frame pointer points at the caller's, with the return address behind it; on s390x the
    /// stack pointer points at the caller's. 0 if it is a leaf without one.
    pub has_frame: u32,
}

/// [`Function::index`] of code that is no function of the module: the entry's thunk, for instance. Backtraces leave it out.
pub const NO_FUNCTION: u32 = u32::MAX;

/// Everything the runtime has to know of one compiled module.
#[repr(C)]
pub struct Image {
    /// Memories that this module defines (or that an executable supplies to it).
    pub memories: *const *mut Memory,
    pub n_memories: u64,
    pub runs: *const DataRun,
    pub n_runs: u64,
    /// The initial entries of tables that this module defines, without tables that every thread has
    /// for itself. A row with null ends the list.
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
    pub tags: *const *const Tag,
    /// Variables of this module that hold an `exnref`.
    pub exception_globals: *const *const *const Exception,
    pub n_exception_globals: u64,
    /// Tables of this module that hold `exnref`s.
    pub exception_tables: *const *const Table,
    pub n_exception_tables: u64,
    /// Memory that WASI functions read and write when this module calls them: the one exported as `memory`, or else the first; null if
    /// there is none.
    pub wasi_memory: *mut Memory,
    /// Bytes of the initial entries of this module's tables, but for tables that never change: those are as constant as code.
    /// A program with threads has as many more for each thread.
    pub table_bytes: u64,
    /// Segments and globals that can't be laid out in advance, then the start function. Null if there is nothing to do.
    pub initialize: Option<unsafe extern "C" fn()>,
}

/// A value passed to or from [`Program::entry`]: the low bytes hold the number, the rest is zero.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub struct Value(pub [u8; 16]);

/// Type codes of the binary format (core specification, 5.3 "Types"), as used in [`Program::parameters`].
pub const TYPE_I32: u8 = 0x7f;
pub const TYPE_I64: u8 = 0x7e;
pub const TYPE_F32: u8 = 0x7d;
pub const TYPE_F64: u8 = 0x7c;
pub const TYPE_V128: u8 = 0x7b;
pub const TYPE_FUNCREF: u8 = 0x70;
pub const TYPE_EXTERNREF: u8 = 0x6f;
pub const TYPE_EXNREF: u8 = 0x69;

/// How an executable treats its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum EntryKind {
    /// Call it; an integer result is the exit status.
    Run = 0,
    /// `--invoke`: arguments come from the command line, results are printed.
    Invoke = 1,
    /// There is no entry: a host calls the exports of this library.
    Library = 2,
}

/// How far a library's initialisation is, in [`Program::state`]. [`READY`] is what exports wait for; the number of a trap or
/// another code of [`TrapReport`] with [`FAILED`] added says that it ended there.
pub const NEW: u32 = 0;
pub const RUNNING: u32 = 1;
pub const READY: u32 = 2;
pub const FAILED: u32 = 1 << 16;

/// [`TrapReport::code`] of what is no [`Trap`].
pub const CODE_EXCEPTION: i32 = 100;
/// WASI's `proc_exit`, see [`TrapReport::status`].
pub const CODE_EXIT: i32 = 101;
/// A WASI function got a pointer that it can't follow.
pub const CODE_WASI: i32 = 102;
/// What the library needs can't be had: memory, a directory, a processor. The reason is on standard error.
pub const CODE_FAILURE: i32 = 103;
/// The module called an import that nothing defines.
pub const CODE_UNDEFINED: i32 = 104;
/// What the module passed to a declared C function can't be passed on: a handle, a function, a format string.
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
    /// Number of Wasm functions that were active. The innermost [`REPORTED_FRAMES`] are in `frames`.
    pub n_frames: u64,
    pub frames: [TrapFrame; REPORTED_FRAMES],
}

/// A Wasm function that was active at a trap; `w2n_frame` in the generated header.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct TrapFrame {
    /// Name from the name section, zero-terminated, empty if it has none. It stays for as long as the process runs.
    pub function: *const c_char,
    pub index: u32,
    /// Byte offset in the module's file, or [`NO_OFFSET`].
    pub offset: u32,
}

/// What all runtimes in a process share: each library may bring one. The linker, and the dynamic linker after it, make one of the
/// definitions that there are. Written with its version, everything else zero.
#[repr(C)]
pub struct Shared {
    /// [`VERSION`] of the object that defines it. A runtime of another version keeps to itself.
    pub version: AtomicU32,
    /// The description that was noted last; each refers to the one before it.
    pub programs: AtomicPtr<Program>,
    /// The description of the executable, if it is one of ours.
    pub main: AtomicPtr<Program>,
    /// `extern "C" fn() -> *mut c_void`, where the calling thread keeps its attempt: of the runtime that came first. 0: of none yet.
    pub attempt: AtomicUsize,
}

/// What an executable or a library is: the modules, what to run, and which powers it was given. One for each, see [`PROGRAM_SYMBOL`].
/// Writable data.
#[repr(C)]
pub struct Program {
    /// [`VERSION`].
    pub version: u32,
    /// [`NEW`], [`RUNNING`], [`READY`] or [`FAILED`]; the runtime's own.
    pub state: AtomicU32,
    /// The innermost call of an export that has not returned: address of a word in its frame, which holds the address of the one around
    /// it. 0: no code of the library is active. One thread at a time may be in a library.
    pub entered: AtomicUsize,
    /// The modules, in the order of their instantiation; the last is the one whose entry is run.
    pub images: *const *const Image,
    pub n_images: u64,
    /// Exported `_initialize` of a WASI reactor, called before the entry; null if there is none.
    pub initialize: Option<unsafe extern "C" fn(*mut Value)>,
    /// Arguments are read from the array, results are written to it. Null when there is a script instead.
    pub entry: Option<unsafe extern "C" fn(*mut Value)>,
    /// Name of the exported function, or prefix of the library, zero-terminated.
    pub entry_name: *const u8,
    pub parameters: *const u8,
    pub n_parameters: u64,
    pub results: *const u8,
    pub n_results: u64,
    /// Options fixed at build time, each ended by a zero byte, in the syntax of the command line (`--dir`, `/tmp::/data`).
    pub options: *const u8,
    pub options_length: u64,
    /// C functions that the modules call directly, for `wasm2native inspect`: of each the import's module and name and the
    /// symbol, all ended by a zero byte.
    pub foreign: *const u8,
    pub foreign_length: u64,
    /// The WASI functions that can be called, for `wasm2native inspect`, each ended by a zero byte.
    pub wasi_imports: *const u8,
    pub wasi_imports_length: u64,
    /// Embedded directory trees, see [`wasi::embedded`].
    pub embedded: *const u8,
    pub embedded_length: u64,
    /// A script to go through instead of running an entry; null if there is none.
    pub script: *const Script,
    /// `w2n_script_run` when there is a script, else null: so that other programs link none of it.
    pub run_script: Option<unsafe extern "C" fn(*const Program) -> i32>,
    /// [`wasi::THREAD_START`] of a program that starts threads, else null.
    pub thread_start: Option<unsafe extern "C" fn(*mut Value)>,
    /// `w2n_wasi_start` when the program imports WASI, else null: so that a program without WASI links none of it.
    pub start_wasi: Option<unsafe extern "C" fn(*const Start)>,
    /// An [`EntryKind`].
    pub kind: u8,
    /// 1: [`OPTIONS_VARIABLE`] is ignored.
    pub fixed_powers: u8,
    /// Micro-architecture level the code was compiled for: 1 to 4 as in the x86-64 psABI, 0 if not checked.
    pub cpu_level: u8,
    /// 1: the program was not written as Wasm, and a trap says so: `fatal error: REASON`, no backtrace, [`FATAL_EXIT_STATUS`].
    pub fatal_errors: u8,
    /// The rest is the runtime's own and zero at the start. The thread that initialises the library.
    pub initializer: AtomicU32,
    /// The description that was noted before this one.
    pub next: AtomicPtr<Program>,
    /// Exceptions, see the runtime's `heap.rs`.
    pub heap: AtomicPtr<c_void>,
    /// What WASI knows of this program.
    pub wasi: AtomicPtr<c_void>,
    /// What memories, tables and exceptions take together.
    pub memory: Budget,
    /// What tables take.
    pub tables: Budget,
}

/// Bytes that something takes and may take, see the runtime's `budget.rs`.
#[repr(C)]
pub struct Budget {
    pub limit: AtomicU64,
    pub used: AtomicU64,
}

/// A test script (`.wast`) as a program: its commands, in order.
#[repr(C)]
pub struct Script {
    pub commands: *const Command,
    pub n_commands: u64,
}

/// One command of a script.
#[repr(C)]
pub struct Command {
    /// Line in the script, counted from 1.
    pub line: u32,
    /// An [`Action`].
    pub action: u8,
    /// An [`Outcome`].
    pub outcome: u8,
    /// 1: an assertion, counted in the summary.
    pub is_assertion: u8,
    pub n_arguments: u32,
    pub n_results: u32,
    /// The instance, for [`Action::Instantiate`].
    pub image: *const Image,
    /// The function, for [`Action::Call`].
    pub entry: Option<unsafe extern "C" fn(*mut Value)>,
    /// Storage of the global, for [`Action::ReadGlobal`].
    pub global: *const u8,
    /// Bytes of the global; for [`Action::StartThread`] the number of commands behind this one that belong to the thread; for
    /// [`Action::JoinThread`] the number of the command that has started it.
    pub size: u64,
    pub arguments: *const Value,
    pub results: *const Pattern,
    /// The message that a trap has to begin with or contain, or what was wrong when compiling; zero-terminated.
    pub message: *const u8,
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Action {
    Instantiate = 0,
    Call = 1,
    ReadGlobal = 2,
    /// Nothing: the compiler has found that the assertion holds.
    Hold = 3,
    /// Nothing: the compiler has found that the assertion does not hold, see [`Command::message`].
    Fail = 4,
    /// The commands that follow are done by a thread of their own.
    StartThread = 5,
    JoinThread = 6,
}

/// What has to come of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// It returns, with results that match the patterns.
    Return = 0,
    /// It returns, with whatever results.
    Any = 1,
    Trap = 2,
    Exception = 3,
}

/// A set of values that a result may have: those equal to `value` where `mask` has ones, or all but null.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub struct Pattern {
    pub value: [u8; 16],
    pub mask: [u8; 16],
    /// 1: any value but zero; the other fields don't count.
    pub is_not_null: u8,
    /// 1: the next pattern is an alternative for the same result.
    pub has_alternative: u8,
}

/// What the entry hands to the WASI half.
#[repr(C)]
pub struct Start {
    pub program: *const Program,
    pub argc: i32,
    pub argv: *const *const u8,
    pub envp: *const *const u8,
}

/// Functions of the runtime that translated code calls, in the platform's C convention: variant of
/// [`Builtin`], name, parameters, result. Only [`Builtin::Throw`] counts as a function in the internal
/// convention, see `translate::signature`.
/// Letters: `p` pointer, `i` i32, `l` i64, `f` f32, `d` f64.
///
/// To add one: a row here and its definition in the runtime.
macro_rules! builtins {
    ($($variant:ident: $name:literal, $parameters:literal, $result:literal;)*) => {
        /// Index into [`BUILTINS`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u32)]
        pub enum Builtin {
            $($variant,)*
        }

        impl Builtin {
            pub const ALL: &[Builtin] = &[$(Builtin::$variant,)*];
        }

        /// Name, parameters and result of each [`Builtin`].
        pub const BUILTINS: &[(&str, &str, &str)] = &[$(($name, $parameters, $result),)*];
    };
}

builtins! {
    // (memory, pages to add) -> previous pages, or -1
    MemoryGrow: "w2n_memory_grow", "pl", "l";
    // (table, entries to add, value, signature of the value) -> previous length, or -1
    TableGrow: "w2n_table_grow", "plpp", "l";
    // (table base + first entry, count, code, signature)
    TableFill: "w2n_table_fill", "plpp", "";
    // C library: (destination, source, bytes), (destination, byte, bytes)
    Memmove: "memmove", "ppl", "p";
    Memset: "memset", "pil", "p";
    Memcpy: "memcpy", "ppl", "p";
    // (trap number): raises a trap from inside the runtime; does not return
    RaiseTrap: "w2n_raise", "i", "";
    // (tag, number of values) -> exception; the caller writes the values
    ExceptionNew: "w2n_exception_new", "pi", "p";
    // (exception): throws it; does not return here. In the internal convention, which passes it in rdi, x2, a0 or r2
    Throw: "w2n_throw", "p", "";
    // (memory, address, expected, timeout in nanoseconds or -1) -> 0 notified, 1 not equal, 2 timed out
    MemoryWait32: "w2n_memory_wait32", "plil", "i";
    MemoryWait64: "w2n_memory_wait64", "plll", "i";
    // (memory, address, at most so many) -> number of threads
    MemoryNotify: "w2n_memory_notify", "pli", "i";
    // (memory, address) -> the string's first byte; null for 0
    CString: "w2n_c_string", "pl", "p";
    // (host pointer, kind) -> the number that stands for it
    Handle: "w2n_handle", "pl", "l";
    // (number, kind, whether it is its last use) -> the host pointer
    HandlePointer: "w2n_handle_pointer", "lli", "p";
    // (pool, entry of a function) -> function pointer
    Callback: "w2n_callback", "pp", "p";
    // (FormattedCall)
    FormattedCall: "w2n_formatted_call", "p", "";
    // (argc, argv, envp, program) -> exit status
    Main: "w2n_main", "ippp", "i";
    // (program) -> 0, or why the library can't be used
    LibraryInit: "w2n_library_init", "p", "i";
    // (program): as before, but ends the process or the attempt if the library can't be used
    LibraryStart: "w2n_library_start", "p", "";
    // (entry of the function that stands for the import): the end of a call of an import that nothing defines
    UndefinedImport: "w2n_undefined_import", "p", "";
    // (table, initial entries): gives the calling thread a table of its own
    TableOfThread: "w2n_table_of_thread", "pp", "";
}

/// What translated code may call of the C library: some of [`BUILTINS`], and the functions to which Cranelift lowers operations that
/// the processor lacks (`cranelift_codegen::ir::LibCall`).
pub const C_FUNCTIONS: &str =
    "memmove memset memcpy memcmp ceil ceilf floor floorf trunc truncf nearbyint nearbyintf fma fmaf __tls_get_addr";
