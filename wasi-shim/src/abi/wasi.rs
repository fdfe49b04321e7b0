//! The part of the contract between compiler and runtime that is about WASI: its functions, which
//! the compiler checks imports against and the runtime defines (`wasi/calls.rs`), and the form of
//! embedded trees.

/// The functions of WASI preview 1, a row for each: which snapshots have it, its name, its
/// parameters by the names of the specification, and the function of the runtime that does the
/// work. The result of each is an error number. Source: WebAssembly/WASI,
/// `phases/snapshot/witx/wasi_snapshot_preview1.witx`.
///
/// `wasi_unstable` (snapshot 0) has the same types:
/// * `both`: the function does the same in both snapshots;
/// * `each`: the runtime's function is generic over whether the snapshot is the old one;
/// * `later`: snapshot 0 lacks it;
/// * `exit`: it ends the program and has no result.
///
/// `$rows` is the macro that gets the rows. To add a function: a row here, and what does the work.
macro_rules! wasi_functions {
    ($rows:ident) => {
        $rows! {
            both args_get(argv: u32, argv_buf: u32) = args::args_get;
            both args_sizes_get(argc: u32, argv_buf_size: u32) = args::args_sizes_get;
            both clock_res_get(id: u32, resolution: u32) = clock::resolution;
            both clock_time_get(id: u32, precision: u64, time: u32) = clock::time;
            both environ_get(environ: u32, environ_buf: u32) = args::environ_get;
            both environ_sizes_get(
                environc: u32, environ_buf_size: u32
            ) = args::environ_sizes_get;
            both fd_advise(fd: u32, offset: u64, len: u64, advice: u32) = file::advise;
            both fd_allocate(fd: u32, offset: u64, len: u64) = file::allocate;
            both fd_close(fd: u32) = file::close;
            both fd_datasync(fd: u32) = file::datasync;
            both fd_fdstat_get(fd: u32, stat: u32) = file::fdstat_get;
            both fd_fdstat_set_flags(fd: u32, flags: u32) = file::fdstat_set_flags;
            both fd_fdstat_set_rights(
                fd: u32, rights_base: u64, rights_inheriting: u64
            ) = file::fdstat_set_rights;
            each fd_filestat_get(fd: u32, buf: u32) = stat::get;
            both fd_filestat_set_size(fd: u32, size: u64) = stat::set_size;
            both fd_filestat_set_times(
                fd: u32, atim: u64, mtim: u64, fst_flags: u32
            ) = stat::set_times;
            both fd_pread(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nread: u32) = file::pread;
            both fd_prestat_dir_name(
                fd: u32, path: u32, path_len: u32
            ) = directory::prestat_dir_name;
            both fd_prestat_get(fd: u32, buf: u32) = directory::prestat_get;
            both fd_pwrite(
                fd: u32, iovs: u32, iovs_len: u32, offset: u64, nwritten: u32
            ) = file::pwrite;
            both fd_read(fd: u32, iovs: u32, iovs_len: u32, nread: u32) = file::read;
            both fd_readdir(
                fd: u32, buf: u32, buf_len: u32, cookie: u64, bufused: u32
            ) = directory::readdir;
            both fd_renumber(fd: u32, to: u32) = file::renumber;
            each fd_seek(fd: u32, offset: u64, whence: u32, newoffset: u32) = file::seek;
            both fd_sync(fd: u32) = file::sync;
            both fd_tell(fd: u32, offset: u32) = file::tell;
            both fd_write(fd: u32, iovs: u32, iovs_len: u32, nwritten: u32) = file::write;
            both path_create_directory(fd: u32, path: u32, path_len: u32) = path::create_directory;
            each path_filestat_get(
                fd: u32, flags: u32, path: u32, path_len: u32, buf: u32
            ) = path::filestat_get;
            both path_filestat_set_times(
                fd: u32, flags: u32, path: u32, path_len: u32, atim: u64, mtim: u64, fst_flags: u32
            ) = path::filestat_set_times;
            both path_link(
                old_fd: u32, old_flags: u32, old_path: u32, old_path_len: u32, new_fd: u32,
                new_path: u32, new_path_len: u32
            ) = path::link;
            both path_open(
                fd: u32, dirflags: u32, path: u32, path_len: u32, oflags: u32, rights_base: u64,
                rights_inheriting: u64, fdflags: u32, opened_fd: u32
            ) = path::open;
            both path_readlink(
                fd: u32, path: u32, path_len: u32, buf: u32, buf_len: u32, bufused: u32
            ) = path::readlink;
            both path_remove_directory(fd: u32, path: u32, path_len: u32) = path::remove_directory;
            both path_rename(
                fd: u32, old_path: u32, old_path_len: u32, new_fd: u32, new_path: u32,
                new_path_len: u32
            ) = path::rename;
            both path_symlink(
                old_path: u32, old_path_len: u32, fd: u32, new_path: u32, new_path_len: u32
            ) = path::symlink;
            both path_unlink_file(fd: u32, path: u32, path_len: u32) = path::unlink_file;
            each poll_oneoff(in_: u32, out: u32, nsubscriptions: u32, nevents: u32) = poll::poll;
            exit proc_exit(rval: u32) = process::exit;
            both proc_raise(sig: u32) = process::raise;
            both random_get(buf: u32, buf_len: u32) = random::get;
            both sched_yield() = process::yield_now;
            later sock_accept(fd: u32, flags: u32, result_fd: u32) = sock::accept;
            both sock_recv(
                fd: u32, ri_data: u32, ri_data_len: u32, ri_flags: u32, ro_datalen: u32,
                ro_flags: u32
            ) = sock::recv;
            both sock_send(
                fd: u32, si_data: u32, si_data_len: u32, si_flags: u32, so_datalen: u32
            ) = sock::send;
            both sock_shutdown(fd: u32, how: u32) = sock::shutdown;
        }
    };
}

/// A function of WASI, as modules import it.
pub struct WasiFunction {
    pub name: &'static str,
    /// A letter for each parameter: `i` i32, `l` i64.
    pub parameters: &'static str,
    /// The parameters' names.
    pub names: &'static [&'static str],
    /// The letter of the result; empty if there is none.
    pub result: &'static str,
    /// Snapshot 0 has it too.
    pub is_unstable: bool,
}

macro_rules! letter {
    (u32) => {
        "i"
    };
    (u64) => {
        "l"
    };
}

macro_rules! list {
    ($($snapshots:ident $name:ident($($parameter:ident: $ty:ident),*) = $own:path;)*) => {
        /// The functions of WASI. The runtime defines `wasi_snapshot_preview1_NAME` and
        /// `wasi_unstable_NAME`.
        pub const FUNCTIONS: &[WasiFunction] = &[$(WasiFunction {
            name: stringify!($name),
            parameters: concat!($(letter!($ty)),*),
            names: &[$(stringify!($parameter)),*],
            result: if matches!(stringify!($snapshots).as_bytes(), b"exit") { "" } else { "i" },
            is_unstable: !matches!(stringify!($snapshots).as_bytes(), b"later"),
        },)*];
    };
}

wasi_functions!(list);

/// Whether a function, with or without its module's name, looks for directories, takes a path or
/// accepts a connection.
pub fn uses_extra_powers(function: &str) -> bool {
    let name = function.rsplit('.').next().unwrap_or(function);
    ["path_", "fd_prestat_", "sock_accept"].iter().any(|start| name.starts_with(start))
}

/// Module names under which WASI functions are imported.
pub const MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

/// Begins the symbols of functions that print each call and do the same (`--trace`). The rest is
/// the symbol of the function.
pub const TRACE_PREFIX: &str = "w2n_trace_";

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
/// * A node has [`embedded::NODE_SIZE`] bytes: kind (`u32`, a `$filetype`), count
///   (`u32`), place (`u64`), size (`u64`), and eight spare bytes. A directory's place is that of
///   `count` entries, sorted by name; a file's that of `count` blocks, of
///   [`embedded::BLOCK`] bytes each but for the last; a link's that of the `count` bytes of
///   its target.
/// * An entry has [`embedded::ENTRY_SIZE`] bytes: place of the name (`u64`), its length
///   (`u32`), number of the node (`u32`).
/// * A block has [`embedded::BLOCK_SIZE`] bytes: place (`u64`) and length (`u32`) of
///   what is stored, and its length when unpacked (`u32`). If the two are equal, it is stored as it
///   is; else compressed (DEFLATE, RFC 1951). Equal blocks are stored once.
pub mod embedded {
    pub const NODE_SIZE: usize = 32;
    pub const ENTRY_SIZE: usize = 16;
    pub const BLOCK_SIZE: usize = 16;
    pub const BLOCK: usize = 64 << 10;
    pub const DIRECTORY: u32 = 3;
    pub const FILE: u32 = 4;
    pub const LINK: u32 = 7;
}
