//! What the host of a library can configure before its first call: `w2n_config` in the generated
//! header (`src/header/config.h.in`), field by field.

use core::ffi::{c_char, c_void};
use core::ptr;

/// [`Config::flags`]: a library that is initialized already begins again, as by its reset.
pub const RESTART: u32 = 1;

/// All flags.
pub const FLAGS: u32 = RESTART;

/// [`Stream::kind`]: the process's own, as without a configuration.
pub const STREAM_INHERIT: i32 = 0;
/// [`Stream::kind`]: [`Stream::descriptor`], which the host keeps open.
pub const STREAM_DESCRIPTOR: i32 = 1;
/// [`Stream::kind`]: the host's functions.
pub const STREAM_CALLBACK: i32 = 2;
/// [`Stream::kind`]: nothing to read, and what is written is gone.
pub const STREAM_NULL: i32 = 3;

/// A host's function that fills `length` bytes from `buffer` on, or takes them. Returns how many
/// there were, 0 at the end of what there is to read, or an error number of the system, negated.
pub type StreamFunction = unsafe extern "C" fn(data: *mut c_void, buffer: *mut c_void, length: usize) -> isize;

/// A standard stream: `w2n_stream`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Stream {
    pub kind: i32,
    pub descriptor: i32,
    pub read: Option<StreamFunction>,
    /// Of constant bytes.
    pub write: Option<StreamFunction>,
    /// What both get.
    pub data: *mut c_void,
}

/// A granted directory: `w2n_directory`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ConfiguredDirectory {
    /// Path of the host, zero-terminated; null: `descriptor` is the directory.
    pub host: *const c_char,
    /// What the guest calls it; null: the same.
    pub guest: *const c_char,
    pub descriptor: i32,
    /// Not 0: nothing can be changed through it.
    pub read_only: i32,
}

/// `w2n_config`. All zero but the size is what a library has without it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Config {
    /// Bytes of the structure as the host knows it. Fields are added at the end.
    pub size: usize,
    pub flags: u32,
    pub n_directories: u32,
    /// The guest's arguments, the program's name first, ended by null.
    pub arguments: *const *const c_char,
    /// The guest's environment, `NAME=VALUE` each, ended by null.
    pub environment: *const *const c_char,
    /// In the place of those that options grant; null: as without.
    pub directories: *const ConfiguredDirectory,
    /// Standard input, output and error.
    pub streams: [Stream; 3],
    /// Most bytes that memories, tables and objects take together; 0: as without.
    pub max_memory: u64,
    /// Most bytes that tables take; 0: as without.
    pub max_table: u64,
    /// For the host's functions that the module imports.
    pub user_data: *mut c_void,
    /// Most bytes that objects take; 0: as without.
    pub max_heap: u64,
}

impl Config {
    /// A library's without a configuration.
    pub const NONE: Config = Config {
        size: size_of::<Config>(),
        flags: 0,
        n_directories: 0,
        arguments: ptr::null(),
        environment: ptr::null(),
        directories: ptr::null(),
        streams: [Stream { kind: STREAM_INHERIT, descriptor: 0, read: None, write: None, data: ptr::null_mut() }; 3],
        max_memory: 0,
        max_table: 0,
        user_data: ptr::null_mut(),
        max_heap: 0,
    };
}

/// What a library hands to [`Program::configure_wasi`](super::program::Program::configure_wasi):
/// what is to be kept.
#[repr(C)]
pub struct Configure {
    pub program: *const super::program::Program,
    pub config: *const Config,
    /// Where a message goes if something is wrong: a zero-terminated text of at most `length` bytes
    /// with the zero.
    pub message: *mut u8,
    pub length: usize,
}
