//! The part of the contract between compiler and runtime that is about WASI: its functions, which
//! the compiler checks imports against and the runtime defines (`wasi/calls.rs`), and the form of
//! embedded trees.

/// WASI preview 1: name, parameters, results (`i` i32, `l` i64). The same functions exist as
/// `wasi_unstable` (snapshot 0), with the same types. The runtime defines
/// `wasi_snapshot_preview1_NAME` and `wasi_unstable_NAME`. Source: WebAssembly/WASI,
/// `phases/snapshot/witx/wasi_snapshot_preview1.witx`.
pub const FUNCTIONS: [(&str, &str, &str); 46] = [
    ("args_get", "ii", "i"),
    ("args_sizes_get", "ii", "i"),
    ("clock_res_get", "ii", "i"),
    ("clock_time_get", "ili", "i"),
    ("environ_get", "ii", "i"),
    ("environ_sizes_get", "ii", "i"),
    ("fd_advise", "illi", "i"),
    ("fd_allocate", "ill", "i"),
    ("fd_close", "i", "i"),
    ("fd_datasync", "i", "i"),
    ("fd_fdstat_get", "ii", "i"),
    ("fd_fdstat_set_flags", "ii", "i"),
    ("fd_fdstat_set_rights", "ill", "i"),
    ("fd_filestat_get", "ii", "i"),
    ("fd_filestat_set_size", "il", "i"),
    ("fd_filestat_set_times", "illi", "i"),
    ("fd_pread", "iiili", "i"),
    ("fd_prestat_dir_name", "iii", "i"),
    ("fd_prestat_get", "ii", "i"),
    ("fd_pwrite", "iiili", "i"),
    ("fd_read", "iiii", "i"),
    ("fd_readdir", "iiili", "i"),
    ("fd_renumber", "ii", "i"),
    ("fd_seek", "ilii", "i"),
    ("fd_sync", "i", "i"),
    ("fd_tell", "ii", "i"),
    ("fd_write", "iiii", "i"),
    ("path_create_directory", "iii", "i"),
    ("path_filestat_get", "iiiii", "i"),
    ("path_filestat_set_times", "iiiilli", "i"),
    ("path_link", "iiiiiii", "i"),
    ("path_open", "iiiiillii", "i"),
    ("path_readlink", "iiiiii", "i"),
    ("path_remove_directory", "iii", "i"),
    ("path_rename", "iiiiii", "i"),
    ("path_symlink", "iiiii", "i"),
    ("path_unlink_file", "iii", "i"),
    ("poll_oneoff", "iiii", "i"),
    ("proc_exit", "i", ""),
    ("proc_raise", "i", "i"),
    ("random_get", "ii", "i"),
    ("sched_yield", "", "i"),
    ("sock_accept", "iii", "i"),
    ("sock_recv", "iiiiii", "i"),
    ("sock_send", "iiiii", "i"),
    ("sock_shutdown", "ii", "i"),
];

/// Module names under which WASI functions are imported.
pub const MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

/// The one function of the wasi-threads proposal: module, name, parameters, results. It takes the
/// argument of [`THREAD_START`], and returns the new thread's number, or a negative error number.
pub const THREAD_SPAWN: (&str, &str, &str, &str) = ("wasi", "thread-spawn", "i", "i");

/// The export that a new thread calls, with its number and the argument of [`THREAD_SPAWN`].
pub const THREAD_START: (&str, &str, &str) = ("wasi_thread_start", "ii", "");

/// Directory trees inside of a program (`--embed`), as one piece of bytes without addresses. All
/// numbers are little-endian, all places count from the beginning. First two `u64`: the place of
/// the nodes, and how many trees there are. The first nodes are their roots, in the order of the
/// options.
///
/// * A node has [`NODE_SIZE`] bytes: kind (`u32`, a `$filetype`), count (`u32`), place (`u64`),
///   size (`u64`), and eight spare bytes. A directory's place is that of `count` entries, sorted by
///   name; a file's that of `count` blocks, of [`BLOCK`] bytes each but for the last; a link's that
///   of the `count` bytes of its target.
/// * An entry has [`ENTRY_SIZE`] bytes: place of the name (`u64`), its length (`u32`), number of
///   the node (`u32`).
/// * A block has [`BLOCK_SIZE`] bytes: place (`u64`) and length (`u32`) of what is stored, and its
///   length when unpacked (`u32`). If the two are equal, it is stored as it is; else compressed
///   (DEFLATE, RFC 1951). Equal blocks are stored once.
pub mod embedded {
    pub const NODE_SIZE: usize = 32;
    pub const ENTRY_SIZE: usize = 16;
    pub const BLOCK_SIZE: usize = 16;
    pub const BLOCK: usize = 64 << 10;
    pub const DIRECTORY: u32 = 3;
    pub const FILE: u32 = 4;
    pub const LINK: u32 = 7;
}
