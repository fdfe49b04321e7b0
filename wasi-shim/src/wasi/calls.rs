//! The functions that translated code calls: `wasi_snapshot_preview1_NAME` and
//! `wasi_unstable_NAME`.
//!
//! The rows are those of [`crate::abi::wasi::FUNCTIONS`]. Each function is a symbol of its own, so
//! that the linker keeps only those that the program imports.

use crate::arch::processor::return_address;
use crate::wasi::errno::finish;
use crate::wasi::guest::Guest;
use crate::wasi::{clock, directory, file, path, poll, process, random, sock, stat, strings};

/// Defines functions of one snapshot: the prefix of the symbols, and rows `name(parameters) =
/// function`.
macro_rules! snapshot {
    ($prefix:literal: $($name:ident($($parameter:ident: $ty:ty),*) = $own:expr;)*) => {$(
        const _: () = {
            #[unsafe(export_name = concat!($prefix, stringify!($name)))]
            extern "C" fn $name($($parameter: $ty),*) -> i32 {
                let guest = Guest::of(return_address());
                finish($own(&guest, $($parameter),*))
            }
        };
    )*};
}

/// Defines functions of both snapshots.
macro_rules! both {
    ($($rows:tt)*) => {
        snapshot!("wasi_snapshot_preview1_": $($rows)*);
        snapshot!("wasi_unstable_": $($rows)*);
    };
}

both! {
    args_get(a: u32, b: u32) = strings::args_get;
    args_sizes_get(a: u32, b: u32) = strings::args_sizes_get;
    clock_res_get(a: u32, b: u32) = clock::resolution;
    clock_time_get(a: u32, b: u64, c: u32) = clock::time;
    environ_get(a: u32, b: u32) = strings::environ_get;
    environ_sizes_get(a: u32, b: u32) = strings::environ_sizes_get;
    fd_advise(a: u32, b: u64, c: u64, d: u32) = file::advise;
    fd_allocate(a: u32, b: u64, c: u64) = file::allocate;
    fd_close(a: u32) = file::close;
    fd_datasync(a: u32) = file::datasync;
    fd_fdstat_get(a: u32, b: u32) = file::fdstat_get;
    fd_fdstat_set_flags(a: u32, b: u32) = file::fdstat_set_flags;
    fd_fdstat_set_rights(a: u32, b: u64, c: u64) = file::fdstat_set_rights;
    fd_filestat_set_size(a: u32, b: u64) = stat::set_size;
    fd_filestat_set_times(a: u32, b: u64, c: u64, d: u32) = stat::set_times;
    fd_pread(a: u32, b: u32, c: u32, d: u64, e: u32) = file::pread;
    fd_prestat_dir_name(a: u32, b: u32, c: u32) = directory::prestat_dir_name;
    fd_prestat_get(a: u32, b: u32) = directory::prestat_get;
    fd_pwrite(a: u32, b: u32, c: u32, d: u64, e: u32) = file::pwrite;
    fd_read(a: u32, b: u32, c: u32, d: u32) = file::read;
    fd_readdir(a: u32, b: u32, c: u32, d: u64, e: u32) = directory::readdir;
    fd_renumber(a: u32, b: u32) = file::renumber;
    fd_sync(a: u32) = file::sync;
    fd_tell(a: u32, b: u32) = file::tell;
    fd_write(a: u32, b: u32, c: u32, d: u32) = file::write;
    path_create_directory(a: u32, b: u32, c: u32) = path::create_directory;
    path_filestat_set_times(a: u32, b: u32, c: u32, d: u32, e: u64, f: u64, g: u32) = path::filestat_set_times;
    path_link(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32) = path::link;
    path_open(a: u32, b: u32, c: u32, d: u32, e: u32, f: u64, g: u64, h: u32, i: u32) = path::open;
    path_readlink(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32) = path::readlink;
    path_remove_directory(a: u32, b: u32, c: u32) = path::remove_directory;
    path_rename(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32) = path::rename;
    path_symlink(a: u32, b: u32, c: u32, d: u32, e: u32) = path::symlink;
    path_unlink_file(a: u32, b: u32, c: u32) = path::unlink_file;
    proc_raise(a: u32) = process::raise;
    random_get(a: u32, b: u32) = random::get;
    sched_yield() = process::yield_now;
    sock_recv(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32) = sock::recv;
    sock_send(a: u32, b: u32, c: u32, d: u32, e: u32) = sock::send;
    sock_shutdown(a: u32, b: u32) = sock::shutdown;
}

snapshot! {
    "wasi_snapshot_preview1_":
    fd_filestat_get(a: u32, b: u32) = stat::get::<false>;
    fd_seek(a: u32, b: u64, c: u32, d: u32) = file::seek::<false>;
    path_filestat_get(a: u32, b: u32, c: u32, d: u32, e: u32) = path::filestat_get::<false>;
    poll_oneoff(a: u32, b: u32, c: u32, d: u32) = poll::poll::<false>;
    sock_accept(a: u32, b: u32, c: u32) = sock::accept;
}

snapshot! {
    "wasi_unstable_":
    fd_filestat_get(a: u32, b: u32) = stat::get::<true>;
    fd_seek(a: u32, b: u64, c: u32, d: u32) = file::seek::<true>;
    path_filestat_get(a: u32, b: u32, c: u32, d: u32, e: u32) = path::filestat_get::<true>;
    poll_oneoff(a: u32, b: u32, c: u32, d: u32) = poll::poll::<true>;
}

#[unsafe(no_mangle)]
extern "C" fn wasi_snapshot_preview1_proc_exit(status: i32) -> ! {
    process::exit(status)
}

#[unsafe(no_mangle)]
extern "C" fn wasi_unstable_proc_exit(status: i32) -> ! {
    process::exit(status)
}
