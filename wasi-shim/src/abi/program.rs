//! An executable or a library: its modules, its entry, its options and its state.

use super::config::Configure;
use super::feature::Requirement;
use super::image::Image;
use super::library::Variable;
use super::profile::Profile;
use super::record::Padding;
use super::script::Script;
use super::value::Value;
use core::ffi::c_void;
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize};

/// Name of the local symbol that holds the [`Program`].
pub const PROGRAM_SYMBOL: &str = "w2n_program";

/// Name of the weak symbol that holds the process's [`Shared`]. Every object with a [`Program`]
/// defines it.
pub const SHARED_SYMBOL: &str = "w2n_shared";

/// Number of this contract, in [`Shared::version`] and [`Program::version`]. To be raised with
/// every change of what is in this folder that an object or a runtime made before would not
/// understand: libraries in one process may come from different compilers.
pub const VERSION: u32 = 15;

/// Name of the section that holds [`Program::options`], where `wasm2native inspect` finds it.
pub const OPTIONS_SECTION: &str = ".w2n.options";

/// Environment variable with options for the program at run time.
pub const OPTIONS_VARIABLE: &str = "WASM2NATIVE_OPTIONS";

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

/// How far a library's initialization is, in [`Program::state`]. [`READY`] is what exports wait
/// for; the number of a trap or another code of [`TrapReport`](super::trap::TrapReport) with
/// [`FAILED`] added says that it ended there.
pub const NEW: u32 = 0;
pub const RUNNING: u32 = 1;
pub const READY: u32 = 2;
pub const FAILED: u32 = 1 << 16;

/// Bit of [`Program::gc`]: what collections cost is printed when the program ends.
pub const GC_STATS: u8 = 1;
/// Bit of [`Program::gc`]: a collection before each object, for tests.
pub const GC_STRESS: u8 = 2;

/// Bytes that something takes and may take, see the runtime's `budget.rs`.
#[repr(C)]
pub struct Budget {
    pub limit: AtomicU64,
    pub used: AtomicU64,
}

zeros! {
    () Budget;
}

record! {
    /// What all runtimes in a process share: each library may bring one. The linker, and the
    /// dynamic linker after it, make one of the definitions that there are. Written with its
    /// version, everything else zero.
    pub struct Shared from SharedFields {
        /// [`VERSION`] of the object that defines it. A runtime of another version keeps to itself.
        pub version: u32,
        pub padding: Padding<4>,
        /// The description that was noted last; each refers to the one before it.
        pub programs: AtomicPtr<Program>,
        /// The description of the executable, if it is one of ours.
        pub main: AtomicPtr<Program>,
        /// `extern "C" fn() -> *mut c_void`, where the calling thread keeps its attempt: of the
        /// runtime that came first. 0: of none yet.
        pub attempt: AtomicUsize,
    }
}

record! {
    /// What an executable or a library is: the modules, what to run, and which powers it was given.
    /// One for each, see [`PROGRAM_SYMBOL`]. Writable data.
    pub struct Program from ProgramFields {
        /// [`VERSION`].
        pub version: u32,
        /// [`NEW`], [`RUNNING`], [`READY`] or [`FAILED`]; the runtime's own.
        pub state: AtomicU32,
        /// The innermost call of an export that has not returned: address of a word in its frame,
        /// which holds the address of the one around it. 0: no code of the library is active. One
        /// thread at a time may be in a library.
        pub entered: AtomicUsize,
        /// The modules, in the order of their instantiation; the last is the one whose entry is
        /// run.
        pub images: *const *const Image,
        pub n_images: u64,
        /// Exported `_initialize` of a WASI reactor, called before the entry; null if there is
        /// none.
        pub initialize: Option<unsafe extern "C" fn(*mut Value)>,
        /// Arguments are read from the array, results are written to it. Null when there is a
        /// script instead.
        pub entry: Option<unsafe extern "C" fn(*mut Value)>,
        /// Name of the exported function, or prefix of the library, zero-terminated.
        pub entry_name: *const u8,
        pub parameters: *const u8,
        pub n_parameters: u64,
        pub results: *const u8,
        pub n_results: u64,
        /// Options fixed at build time, each ended by a zero byte, in the syntax of the command
        /// line (`--dir`, `/tmp::/data`).
        pub options: *const u8,
        pub options_length: u64,
        /// C functions and [shims](super::shim) that the modules call directly, for `wasm2native
        /// inspect`: of each the import's module and name and the symbol, all ended by a zero byte.
        pub foreign: *const u8,
        pub foreign_length: u64,
        /// Those of them that are functions, for messages about a crash.
        pub foreign_functions: *const ForeignFunction,
        pub n_foreign_functions: u64,
        /// `w2n_tell_crash` where there are such functions, else null: so that programs without C
        /// link none of it.
        pub tell_crash: Option<unsafe extern "C" fn(*const Crash)>,
        /// The WASI functions that can be called, for `wasm2native inspect`, each ended by a zero
        /// byte.
        pub wasi_imports: *const u8,
        pub wasi_imports_length: u64,
        /// Embedded directory trees, see [`embedded`](super::wasi::embedded).
        pub embedded: *const u8,
        pub embedded_length: u64,
        /// A script to go through instead of running an entry; null if there is none.
        pub script: *const Script,
        /// `w2n_script_run` when there is a script, else null: so that other programs link none of
        /// it.
        pub run_script: Option<unsafe extern "C" fn(*const Program) -> i32>,
        /// [`THREAD_START`](super::wasi::THREAD_START) of a program that starts threads, else null.
        pub thread_start: Option<unsafe extern "C" fn(*mut Value)>,
        /// `w2n_wasi_start` when the program imports WASI, else null: so that a program without
        /// WASI links none of it.
        pub start_wasi: Option<unsafe extern "C" fn(*const Start)>,
        /// `w2n_wasi_extra` when the program imports functions of WASI that look for directories,
        /// take a path or accept a connection, else null: so that other programs link none of the
        /// powers that are of use to these alone.
        pub extra_powers: Option<unsafe extern "C" fn(*mut ExtraPowers)>,
        /// `w2n_wasi_configure` in a library that imports WASI, else null: so that programs, which
        /// nobody configures, link none of it. Returns 0, or [`CODE_FAILURE`].
        ///
        /// [`CODE_FAILURE`]: super::trap::CODE_FAILURE
        pub configure_wasi: Option<unsafe extern "C" fn(*const Configure) -> i32>,
        /// `w2n_invoke` when the entry is one that `--invoke` names, else null: so that programs
        /// without it read and print no numbers.
        pub invoke: Option<unsafe extern "C" fn(*const Invocation)>,
        /// `w2n_unpack` when there are embedded trees, else null: so that other programs link none
        /// of it. Returns 0 if it could unpack a block.
        pub unpack: Option<unsafe extern "C" fn(*const Packed) -> i32>,
        /// `w2n_timeout` where a program may have to end after some time, else null: so that
        /// programs without WASI link none of it. It gets the text of a duration, ended by a zero
        /// byte.
        pub timeout: Option<unsafe extern "C" fn(*const u8)>,
        /// What counts how often blocks run; null in programs that don't.
        pub profile: *const Profile,
        /// What `PREFIX_reset` puts back; null where there is no such function.
        pub variables: *const Variable,
        /// A page that code reads where it can be interrupted; null in code that can't be.
        pub poll_page: *mut u8,
        /// `w2n_poll_fault` where there is such a page, else null: so that programs link none of
        /// it. What a fault has to do with the page: [`POLL_ELSEWHERE`] and the others.
        pub poll_fault: Option<unsafe extern "C" fn(*const Fault) -> i32>,
        /// The features of the processor that the code was compiled for, those of one register
        /// mostly side by side.
        pub requirements: *const Requirement,
        pub n_requirements: u64,
        /// An [`EntryKind`].
        pub kind: u8,
        /// 1: [`OPTIONS_VARIABLE`] is ignored.
        pub fixed_powers: u8,
        /// 1: the program was not written as Wasm, and a trap says: `fatal error: REASON`, places
        /// in the source, [`FATAL_EXIT_STATUS`](super::trap::FATAL_EXIT_STATUS).
        pub fatal_errors: u8,
        /// The rest is the runtime's own and zero at the start. [`GC_STATS`] and [`GC_STRESS`].
        pub gc: AtomicU8,
        /// The thread that initializes the library.
        pub initializer: AtomicU32,
        /// 1: pages of data images could not be moved, and were copied.
        pub copies_pages: AtomicU32,
        /// 1: the library's memories were created.
        pub has_memories: AtomicU32,
        /// 1: an interrupt is wanted that did not end anything yet.
        pub interrupted: AtomicUsize,
        /// The description that was noted before this one.
        pub next: AtomicPtr<Program>,
        /// What WASI knows of this program.
        pub wasi: AtomicPtr<c_void>,
        /// What the host configured of WASI.
        pub wasi_config: AtomicPtr<c_void>,
        /// What the host's functions get that the modules call.
        pub user_data: AtomicPtr<c_void>,
        /// Limits that the host configured, in bytes; 0: none.
        pub max_memory: AtomicU64,
        pub max_table: AtomicU64,
        pub max_heap: AtomicU64,
        /// What memories, tables and objects take together.
        pub memory: Budget,
        /// What tables take.
        pub tables: Budget,
        /// What objects take.
        pub objects: Budget,
    }
}

record! {
    /// A C function that the modules call.
    pub struct ForeignFunction from ForeignFunctionFields {
        pub function: usize,
        /// Module and name of the import with a dot between them, zero-terminated.
        pub name: *const u8,
    }
}

/// What the handler of signals hands to [`Program::tell_crash`]: a fault that is not a trap.
#[repr(C)]
pub struct Crash {
    pub signal: i32,
    /// The interrupted code, as the system hands it to handlers.
    pub context: *const c_void,
}

/// An address that is not in the poll page.
pub const POLL_ELSEWHERE: i32 = 0;

/// The fault is an interrupt, which has then ended a call.
pub const POLL_ENDS: i32 = 1;

/// The interrupt was over before the read: access is back, and the read is done again.
pub const POLL_GOES_ON: i32 = 2;

/// What the handler of signals hands to [`Program::poll_fault`].
#[repr(C)]
pub struct Fault {
    pub program: *const Program,
    pub address: usize,
}

/// What the WASI half hands to [`Program::extra_powers`].
#[repr(C)]
pub struct ExtraPowers {
    pub program: *const Program,
    pub envp: *const *const u8,
    /// The context that gets descriptors, as the WASI half knows it.
    pub context: *const c_void,
    /// How many sockets were granted, as a text that a zero ends and that stays; null if there are
    /// none.
    pub n_sockets: *const u8,
    /// What the guest calls the next tree that the program carries; null while sockets and the
    /// program's own directories are granted, which is first.
    pub embedded: *const u8,
    pub embedded_length: u64,
    /// How many trees were granted before.
    pub n_embedded: u32,
}

/// What the entry hands to [`Program::invoke`]: a program of [`EntryKind::Invoke`], and its
/// arguments without its name.
#[repr(C)]
pub struct Invocation {
    pub program: *const Program,
    pub arguments: *const *const u8,
    pub n_arguments: usize,
}

/// A block of an embedded file, for [`Program::unpack`], and a place for its contents.
#[repr(C)]
pub struct Packed {
    pub stored: *const u8,
    pub stored_length: usize,
    pub place: *mut u8,
    pub length: usize,
}

/// What the entry hands to the WASI half.
#[repr(C)]
pub struct Start {
    pub program: *const Program,
    /// Below 0: the program ends, and gives back what it has.
    pub argc: i32,
    pub argv: *const *const u8,
    pub envp: *const *const u8,
}
