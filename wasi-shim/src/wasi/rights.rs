//! What may be done with a descriptor, in WASI's bits (`typenames.witx`, `$rights`).
//!
//! A descriptor begins with all that makes sense for its kind, its access mode and its grant,
//! whatever rights the guest named besides reading and writing: programs of all toolchains name too
//! few. The guest can give rights up (`fd_fdstat_set_rights`), and never gets them back.

pub const FD_DATASYNC: u64 = 1 << 0;
pub const FD_READ: u64 = 1 << 1;
pub const FD_SEEK: u64 = 1 << 2;
pub const FD_FDSTAT_SET_FLAGS: u64 = 1 << 3;
pub const FD_SYNC: u64 = 1 << 4;
pub const FD_TELL: u64 = 1 << 5;
pub const FD_WRITE: u64 = 1 << 6;
pub const FD_ADVISE: u64 = 1 << 7;
pub const FD_ALLOCATE: u64 = 1 << 8;
pub const PATH_CREATE_DIRECTORY: u64 = 1 << 9;
pub const PATH_CREATE_FILE: u64 = 1 << 10;
pub const PATH_LINK_SOURCE: u64 = 1 << 11;
pub const PATH_LINK_TARGET: u64 = 1 << 12;
pub const PATH_OPEN: u64 = 1 << 13;
pub const FD_READDIR: u64 = 1 << 14;
pub const PATH_READLINK: u64 = 1 << 15;
pub const PATH_RENAME_SOURCE: u64 = 1 << 16;
pub const PATH_RENAME_TARGET: u64 = 1 << 17;
pub const PATH_FILESTAT_GET: u64 = 1 << 18;
pub const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;
pub const PATH_FILESTAT_SET_TIMES: u64 = 1 << 20;
pub const FD_FILESTAT_GET: u64 = 1 << 21;
pub const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
pub const FD_FILESTAT_SET_TIMES: u64 = 1 << 23;
pub const PATH_SYMLINK: u64 = 1 << 24;
pub const PATH_REMOVE_DIRECTORY: u64 = 1 << 25;
pub const PATH_UNLINK_FILE: u64 = 1 << 26;
pub const POLL_FD_READWRITE: u64 = 1 << 27;
pub const SOCK_SHUTDOWN: u64 = 1 << 28;
pub const SOCK_ACCEPT: u64 = 1 << 29;

/// Of files and streams, before reading and writing come in.
const FILE: u64 = FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | FD_SYNC | FD_DATASYNC | POLL_FD_READWRITE;

/// With a position. Programs take a character device without these for a terminal.
const SEEKABLE: u64 = FD_SEEK | FD_TELL | FD_ADVISE;

const WRITABLE: u64 = FD_WRITE | FD_ALLOCATE | FD_FILESTAT_SET_SIZE;

/// What changes more of a file than its contents by writing; the one behind a standard stream was
/// not granted for that.
const BESIDE_WRITING: u64 = FD_ALLOCATE | FD_FILESTAT_SET_SIZE | FD_FILESTAT_SET_TIMES;

const SOCKET: u64 = SOCK_SHUTDOWN | SOCK_ACCEPT;

const DIRECTORY: u64 = PATH_OPEN
    | FD_READDIR
    | PATH_READLINK
    | PATH_FILESTAT_GET
    | FD_FILESTAT_GET
    | FD_FDSTAT_SET_FLAGS
    | FD_SYNC
    | FD_DATASYNC;

/// What changes a directory, or something in it.
const CHANGES: u64 = PATH_CREATE_DIRECTORY
    | PATH_CREATE_FILE
    | PATH_LINK_TARGET
    | PATH_LINK_SOURCE
    | PATH_RENAME_SOURCE
    | PATH_RENAME_TARGET
    | PATH_FILESTAT_SET_SIZE
    | PATH_FILESTAT_SET_TIMES
    | FD_FILESTAT_SET_TIMES
    | PATH_SYMLINK
    | PATH_REMOVE_DIRECTORY
    | PATH_UNLINK_FILE;

/// All that a descriptor opened below a directory can have. Writing stays in it for read-only
/// grants, too: wasi-libc takes away from its wishes what is missing here, so that an attempt to
/// write would not fail when opening, but later and without a reason.
pub const INHERITING: u64 = (1 << 30) - 1;

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Access {
    pub read: bool,
    pub write: bool,
}

/// Rights of a file or a stream. `may_change` is false below a read-only grant.
pub fn of_file(access: Access, is_seekable: bool, is_socket: bool, may_change: bool) -> u64 {
    let part = |condition, rights| if condition { rights } else { 0 };
    FILE | part(is_seekable, SEEKABLE)
        | part(access.read, FD_READ)
        | part(access.write, WRITABLE)
        | part(is_socket, SOCKET)
        | part(may_change, FD_FILESTAT_SET_TIMES)
}

/// Rights of a standard stream.
pub fn of_stream(access: Access, is_seekable: bool, is_socket: bool) -> u64 {
    of_file(access, is_seekable, is_socket, false) & !BESIDE_WRITING
}

pub fn of_directory(may_change: bool) -> u64 {
    if may_change { DIRECTORY | CHANGES } else { DIRECTORY & !CHANGES }
}
