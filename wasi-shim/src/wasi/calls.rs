//! The functions that translated code calls: `wasi_snapshot_preview1_NAME` and `wasi_unstable_NAME`.
//!
//! The rows are those of [`crate::abi::WASI_FUNCTIONS`]. Each function is a symbol of its own, so that the linker keeps
//! only those that the program imports.

use crate::wasi::outcome::finish;
use crate::wasi::{clock, context, open, poll, process, sock};
use wasi_common::snapshots::preview_0::wasi_unstable;
use wasi_common::snapshots::preview_1::wasi_snapshot_preview1;

/// Defines functions of one snapshot: the prefix of the symbols, wasi-common's module, and rows. A row `name(parameters)` is what
/// wasi-common has under this name; `name(parameters) = function` is one of ours.
macro_rules! snapshot {
    ($prefix:literal, $module:ident: $($name:ident($($parameter:ident: $ty:ty),*) $(= $own:path)?;)*) => {$(
        const _: () = {
            #[unsafe(export_name = concat!($prefix, stringify!($name)))]
            extern "C" fn $name($($parameter: $ty),*) -> i32 {
                snapshot!(@call $module::$name($($parameter),*) $(= $own)?)
            }
        };
    )*};
    (@call $module:ident::$name:ident($($parameter:ident),*)) => {{
        // SAFETY: called by translated code.
        let (context, mut memory) = unsafe { (context::get(), context::memory()) };
        finish($module::$name(context, &mut memory, $($parameter),*))
    }};
    (@call $module:ident::$name:ident($($parameter:ident),*) = $own:path) => {
        $own($($parameter),*)
    };
}

/// Defines functions of both snapshots.
macro_rules! both {
    ($($rows:tt)*) => {
        snapshot!("wasi_snapshot_preview1_", wasi_snapshot_preview1: $($rows)*);
        snapshot!("wasi_unstable_", wasi_unstable: $($rows)*);
    };
}

both! {
    args_get(a: i32, b: i32);
    args_sizes_get(a: i32, b: i32);
    clock_res_get(a: i32, b: i32) = clock::resolution;
    clock_time_get(a: i32, b: i64, c: i32) = clock::time;
    environ_get(a: i32, b: i32);
    environ_sizes_get(a: i32, b: i32);
    fd_advise(a: i32, b: i64, c: i64, d: i32);
    fd_allocate(a: i32, b: i64, c: i64);
    fd_close(a: i32);
    fd_datasync(a: i32);
    fd_fdstat_get(a: i32, b: i32);
    fd_fdstat_set_flags(a: i32, b: i32);
    fd_fdstat_set_rights(a: i32, b: i64, c: i64);
    fd_filestat_get(a: i32, b: i32);
    fd_filestat_set_size(a: i32, b: i64);
    fd_filestat_set_times(a: i32, b: i64, c: i64, d: i32);
    fd_pread(a: i32, b: i32, c: i32, d: i64, e: i32);
    fd_prestat_dir_name(a: i32, b: i32, c: i32);
    fd_prestat_get(a: i32, b: i32);
    fd_pwrite(a: i32, b: i32, c: i32, d: i64, e: i32);
    fd_read(a: i32, b: i32, c: i32, d: i32);
    fd_readdir(a: i32, b: i32, c: i32, d: i64, e: i32);
    fd_renumber(a: i32, b: i32);
    fd_seek(a: i32, b: i64, c: i32, d: i32);
    fd_sync(a: i32);
    fd_tell(a: i32, b: i32);
    fd_write(a: i32, b: i32, c: i32, d: i32);
    path_create_directory(a: i32, b: i32, c: i32);
    path_filestat_get(a: i32, b: i32, c: i32, d: i32, e: i32);
    path_filestat_set_times(a: i32, b: i32, c: i32, d: i32, e: i64, f: i64, g: i32);
    path_link(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32);
    path_open(a: i32, b: i32, c: i32, d: i32, e: i32, f: i64, g: i64, h: i32, i: i32) = open::open;
    path_readlink(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32);
    path_remove_directory(a: i32, b: i32, c: i32);
    path_rename(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32);
    path_symlink(a: i32, b: i32, c: i32, d: i32, e: i32);
    path_unlink_file(a: i32, b: i32, c: i32);
    proc_raise(a: i32) = process::raise;
    random_get(a: i32, b: i32);
    sched_yield();
    sock_recv(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32) = sock::recv;
    sock_send(a: i32, b: i32, c: i32, d: i32, e: i32) = sock::send;
    sock_shutdown(a: i32, b: i32) = sock::shutdown;
}

snapshot! {
    "wasi_snapshot_preview1_", wasi_snapshot_preview1:
    poll_oneoff(a: i32, b: i32, c: i32, d: i32) = poll::preview_1;
    sock_accept(a: i32, b: i32, c: i32) = sock::accept;
}

snapshot! {
    "wasi_unstable_", wasi_unstable:
    poll_oneoff(a: i32, b: i32, c: i32, d: i32) = poll::unstable;
}

#[unsafe(no_mangle)]
extern "C" fn wasi_snapshot_preview1_proc_exit(status: i32) -> ! {
    process::exit(status)
}

#[unsafe(no_mangle)]
extern "C" fn wasi_unstable_proc_exit(status: i32) -> ! {
    process::exit(status)
}
