//! Files and sockets, as far as Rust's standard library calls C for them.

use crate::errno::{call, to_c};
use crate::word::Word;
use core::ffi::{c_char, c_int, c_uint, c_void};
use libc::{iovec, msghdr, sockaddr, socklen_t};

/// Defines functions of C that are system calls.
macro_rules! functions {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty = $number:ident($($value:expr),*);)*) => {
        $(
            /// # Safety
            /// As C's.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name($($argument: $type),*) -> $result {
                // SAFETY: as required of the caller.
                to_c(unsafe { call(libc::$number, [$($value),*]) })
            }
        )*
    };
}

functions! {
    read(descriptor: c_int, bytes: *mut c_void, count: usize) -> isize
        = SYS_read(descriptor.word(), bytes.addr(), count);
    write(descriptor: c_int, bytes: *const c_void, count: usize) -> isize
        = SYS_write(descriptor.word(), bytes.addr(), count);
    readv(descriptor: c_int, pieces: *const iovec, count: c_int) -> isize
        = SYS_readv(descriptor.word(), pieces.addr(), count.word());
    writev(descriptor: c_int, pieces: *const iovec, count: c_int) -> isize
        = SYS_writev(descriptor.word(), pieces.addr(), count.word());
    preadv(descriptor: c_int, pieces: *const iovec, count: c_int, offset: i64) -> isize
        = SYS_preadv(descriptor.word(), pieces.addr(), count.word(), offset.word());
    pwritev(descriptor: c_int, pieces: *const iovec, count: c_int, offset: i64) -> isize
        = SYS_pwritev(descriptor.word(), pieces.addr(), count.word(), offset.word());
    open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int
        = SYS_openat(libc::AT_FDCWD.word(), path.addr(), flags.word(), mode.word());
    close(descriptor: c_int) -> c_int = SYS_close(descriptor.word());
    accept4(socket: c_int, address: *mut sockaddr, length: *mut socklen_t, flags: c_int) -> c_int
        = SYS_accept4(socket.word(), address.addr(), length.addr(), flags.word());
    recvmsg(socket: c_int, message: *mut msghdr, flags: c_int) -> isize
        = SYS_recvmsg(socket.word(), message.addr(), flags.word());
    sendmsg(socket: c_int, message: *const msghdr, flags: c_int) -> isize
        = SYS_sendmsg(socket.word(), message.addr(), flags.word());
    shutdown(socket: c_int, how: c_int) -> c_int = SYS_shutdown(socket.word(), how.word());
    getrandom(bytes: *mut c_void, count: usize, flags: c_uint) -> isize
        = SYS_getrandom(bytes.addr(), count, flags.word());
    sched_yield() -> c_int = SYS_sched_yield();
    // There is no call `pause` on all processors: nothing to wait for, no end, no mask.
    pause() -> c_int = SYS_ppoll(0, 0, 0, 0);
}
