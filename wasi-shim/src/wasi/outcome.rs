//! What a call of wasi-common came to: an `errno` for the guest, or the end of the program.
//!
//! wasi-common knows the most frequent errors of the system; at all others, a read-only file system's among them, it
//! wants to stop the program. Here they get their number.

use crate::trap::raise_wasi;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use wasi_common::snapshots::preview_1::types::Errno;
use wiggle::GuestError;

/// Completes a call of wasi-common: its functions are asynchronous in form only. The result is the guest's `errno`.
#[inline(always)]
pub fn finish(call: impl Future<Output = wiggle::error::Result<i32>>) -> i32 {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(status)) => status,
        Poll::Ready(Err(error)) => from_failure(error),
        Poll::Pending => unreachable!("only files of other kinds than ours wait"),
    }
}

/// The result of a WASI function that failed. `error` is not an `errno` already.
#[inline(always)]
fn from_failure(error: wiggle::error::Error) -> i32 {
    for cause in error.chain() {
        if let Some(error) = cause.downcast_ref::<io::Error>() {
            return from_system(error) as i32;
        }
        if let Some(error) = cause.downcast_ref::<GuestError>() {
            raise_wasi(guest_error(error));
        }
    }
    raise_wasi("WASI call failed")
}

/// The witx text asks that pointers which the host can't follow trap.
fn guest_error(error: &GuestError) -> &'static str {
    match error {
        GuestError::PtrOverflow | GuestError::PtrOutOfBounds(_) => "out of bounds memory access in a WASI call",
        GuestError::PtrNotAligned(..) => "unaligned pointer in a WASI call",
        GuestError::InFunc { err, .. } => guest_error(err),
        _ => "invalid argument of a WASI call",
    }
}

fn from_system(error: &io::Error) -> Errno {
    match error.raw_os_error() {
        Some(libc::ENOSYS) => Errno::Nosys,
        Some(libc::EROFS) => Errno::Rofs,
        Some(libc::EXDEV) => Errno::Xdev,
        Some(libc::ETXTBSY) => Errno::Txtbsy,
        Some(libc::ENODEV) => Errno::Nodev,
        Some(libc::ENXIO) => Errno::Nxio,
        Some(libc::ENOTTY) => Errno::Notty,
        Some(libc::EINTR) => Errno::Intr,
        Some(libc::EDEADLK) => Errno::Deadlk,
        Some(libc::ENOLCK) => Errno::Nolck,
        Some(libc::ENOTCONN) => Errno::Notconn,
        Some(libc::ENOTSOCK) => Errno::Notsock,
        Some(libc::ECONNREFUSED) => Errno::Connrefused,
        Some(libc::ESRCH) => Errno::Srch,
        Some(libc::ECHILD) => Errno::Child,
        Some(libc::EDOM) => Errno::Dom,
        Some(libc::ERANGE) => Errno::Range,
        Some(libc::EPROTO) => Errno::Proto,
        Some(libc::EMULTIHOP) => Errno::Multihop,
        Some(libc::ENOLINK) => Errno::Nolink,
        Some(libc::EBADMSG) => Errno::Badmsg,
        Some(libc::EIDRM) => Errno::Idrm,
        Some(libc::ENOMSG) => Errno::Nomsg,
        Some(libc::ENOEXEC) => Errno::Noexec,
        Some(libc::EOWNERDEAD) => Errno::Ownerdead,
        Some(libc::ENOTRECOVERABLE) => Errno::Notrecoverable,
        _ => Errno::Io,
    }
}
