//! Sockets: the standard streams may be some, and what listens there can be accepted. WASI can't
//! make others.

use crate::wasi::descriptor::{Descriptor, Object};
use crate::wasi::errno::{Errno, INVALID, Result};
use crate::wasi::file::{await_ready, retry};
use crate::wasi::guest::Guest;
use crate::wasi::path::FD_FLAGS;
use crate::wasi::rights::{self, Access};
use crate::wasi::types::FileType;
use crate::width::saturating_u32;
use rustix::event::PollFlags;
use rustix::fd::{AsRawFd, FromRawFd, OwnedFd};

/// `$fdflags`.
const NONBLOCK: u32 = 1 << 2;
/// `$riflags`: look without taking, wait until the pieces are full.
const PEEK: u32 = 1 << 0;
const WAIT_ALL: u32 = 1 << 1;
/// `$roflags`
const TRUNCATED: u16 = 1 << 0;
/// `$sdflags`
const SHUT_READ: u32 = 1 << 0;
const SHUT_WRITE: u32 = 1 << 1;

pub fn accept(guest: &Guest, number: u32, flags: u32, result: u32) -> Result<()> {
    if flags & !FD_FLAGS.iter().fold(0, |known, (flag, _)| known | flag) != 0 {
        return Err(INVALID);
    }
    guest.at(result, 4)?;
    let descriptor = guest.context.descriptors.get(number)?;
    let file = socket(&descriptor, rights::SOCK_ACCEPT)?;
    let flags = libc::SOCK_CLOEXEC | if flags & NONBLOCK != 0 { libc::SOCK_NONBLOCK } else { 0 };
    let nobody = std::ptr::null_mut();
    await_ready(guest, file, PollFlags::IN)?;
    // SAFETY: the peer's address is not asked for.
    let accepted = retry(|| unsafe { libc::accept4(file, nobody, std::ptr::null_mut(), flags) as isize })?;
    let accepted = i32::try_from(accepted).map_err(|_| Errno::Badf)?;
    // SAFETY: a new descriptor that no one else knows.
    let accepted = unsafe { OwnedFd::from_raw_fd(accepted) };
    let access = Access { read: true, write: true };
    let accepted = Descriptor::file(Object::File(accepted), FileType::SocketStream, access, false);
    guest.write_u32(result, guest.context.descriptors.add(accepted)?)
}

pub fn recv(
    guest: &Guest,
    number: u32,
    pieces: u32,
    count: u32,
    flags: u32,
    result: u32,
    result_flags: u32,
) -> Result<()> {
    if flags & !(PEEK | WAIT_ALL) != 0 {
        return Err(INVALID);
    }
    let descriptor = guest.context.descriptors.get(number)?;
    let file = descriptor.as_file().map_err(|_| Errno::Notsock)?.as_raw_fd();
    descriptor.require(rights::FD_READ)?;
    let pieces = guest.pieces(pieces, count)?;
    guest.at(result, 4)?;
    guest.at(result_flags, 2)?;
    let mut message = message(&pieces);
    let flag = |wasi, system| if flags & wasi != 0 { system } else { 0 };
    let flags = flag(PEEK, libc::MSG_PEEK) | flag(WAIT_ALL, libc::MSG_WAITALL);
    await_ready(guest, file, PollFlags::IN)?;
    // SAFETY: the pieces lie in the guest's memory, and the structure is a live variable.
    let n = retry(|| unsafe { libc::recvmsg(file, &mut message, flags) })?;
    let truncated = if message.msg_flags & libc::MSG_TRUNC != 0 { TRUNCATED } else { 0 };
    guest.write_u32(result, saturating_u32(n))?;
    guest.write(result_flags, &truncated.to_le_bytes())
}

pub fn send(guest: &Guest, number: u32, pieces: u32, count: u32, flags: u32, result: u32) -> Result<()> {
    if flags != 0 {
        return Err(INVALID);
    }
    let descriptor = guest.context.descriptors.get(number)?;
    let file = descriptor.as_file().map_err(|_| Errno::Notsock)?.as_raw_fd();
    descriptor.require(rights::FD_WRITE)?;
    let pieces = guest.pieces(pieces, count)?;
    guest.at(result, 4)?;
    let message = message(&pieces);
    await_ready(guest, file, PollFlags::OUT)?;
    // SAFETY: as for `recv`.
    let n = retry(|| unsafe { libc::sendmsg(file, &message, libc::MSG_NOSIGNAL) })?;
    guest.write_u32(result, saturating_u32(n))
}

pub fn shutdown(guest: &Guest, number: u32, how: u32) -> Result<()> {
    let how = match how {
        SHUT_READ => libc::SHUT_RD,
        SHUT_WRITE => libc::SHUT_WR,
        _ if how == SHUT_READ | SHUT_WRITE => libc::SHUT_RDWR,
        0 => return Err(Errno::Inval.into()),
        _ => return Err(INVALID),
    };
    let descriptor = guest.context.descriptors.get(number)?;
    let file = socket(&descriptor, rights::SOCK_SHUTDOWN)?;
    // SAFETY: changes the socket alone.
    retry(|| unsafe { libc::shutdown(file, how) as isize }).map(|_| ())
}

/// The system's number of what should be a socket. What is none never had the right; the system's
/// `notsock` says more.
fn socket(descriptor: &Descriptor, right: u64) -> Result<i32> {
    let file = descriptor.as_file().map_err(|_| Errno::Notsock)?;
    if descriptor.file_type == FileType::SocketStream {
        descriptor.require(right)?;
    }
    Ok(file.as_raw_fd())
}

fn message(pieces: &[libc::iovec]) -> libc::msghdr {
    // SAFETY: null pointers and zeros are valid in every field.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = pieces.as_ptr().cast_mut();
    message.msg_iovlen = pieces.len();
    message
}
