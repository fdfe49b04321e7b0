//! The functions of WASI on a descriptor: reading, writing, positions, flags, rights.
//!
//! Bytes go straight between the system and the guest's memory: what a short read or write leaves
//! is for the guest's next call, as in a native program.

use crate::interrupt;
use crate::wasi::descriptor::{Descriptor, Object};
use crate::wasi::errno::{Errno, INTERRUPTED, INVALID, Result, check};
use crate::wasi::guest::Guest;
use crate::wasi::path::FD_FLAGS;
use crate::wasi::rights;
use crate::wasi::stat::timespec;
use crate::wasi::tree::FileChange;
use crate::width::saturating_u32;
use rustix::event::{self, PollFd, PollFlags};
use rustix::fd::{AsRawFd, BorrowedFd, RawFd};
use rustix::fs::{self, Advice, FallocateFlags, OFlags, SeekFrom};
use std::num::NonZeroU64;
use std::sync::Arc;

type Transfer = unsafe extern "C" fn(i32, *const libc::iovec, i32) -> isize;
type TransferAt = unsafe extern "C" fn(i32, *const libc::iovec, i32, i64) -> isize;

pub fn read(guest: &Guest, number: u32, pieces: u32, count: u32, result: u32) -> Result<()> {
    transfer(guest, [number, pieces, count, result], rights::FD_READ, libc::readv)
}

pub fn write(guest: &Guest, number: u32, pieces: u32, count: u32, result: u32) -> Result<()> {
    transfer(guest, [number, pieces, count, result], rights::FD_WRITE, libc::writev)
}

pub fn pread(guest: &Guest, number: u32, pieces: u32, count: u32, offset: u64, result: u32) -> Result<()> {
    transfer_at(guest, [number, pieces, count, result], rights::FD_READ, offset, libc::preadv)
}

pub fn pwrite(guest: &Guest, number: u32, pieces: u32, count: u32, offset: u64, result: u32) -> Result<()> {
    transfer_at(guest, [number, pieces, count, result], rights::FD_WRITE, offset, libc::pwritev)
}

fn transfer(guest: &Guest, [number, pieces, count, result]: [u32; 4], right: u64, function: Transfer) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    if matches!(descriptor.object, Object::Virtual(_)) {
        return transfer_virtual(guest, descriptor, [pieces, count, result], right, None);
    }
    let file = descriptor.as_file()?;
    descriptor.require(right)?;
    let pieces = guest.pieces(pieces, count)?;
    let n_pieces = i32::try_from(pieces.len()).map_err(|_| Errno::Inval)?;
    guest.at(result, 4)?;
    let file = file.as_raw_fd();
    await_ready(guest, file, if right == rights::FD_READ { PollFlags::IN } else { PollFlags::OUT })?;
    // SAFETY: every piece lies in the guest's memory, which is mapped, and which nothing refers to
    // as Rust's.
    let n = retry(|| unsafe { function(file, pieces.as_ptr(), n_pieces) })?;
    guest.write_u32(result, saturating_u32(n))
}

/// In a library that can be interrupted: waits until a stream is ready, or until it is interrupted.
/// A stream that never waits is ready.
#[inline(never)]
pub fn await_ready(guest: &Guest, file: RawFd, events: PollFlags) -> Result<()> {
    if guest.program.poll_page.is_null() {
        return Ok(());
    }
    // SAFETY: the descriptor stays open while the call lasts.
    let file = unsafe { BorrowedFd::borrow_raw(file) };
    if fs::fcntl_getfl(file).is_ok_and(|flags| flags.contains(OFlags::NONBLOCK)) {
        return Ok(());
    }
    let look = timespec(interrupt::LOOK.subsec_nanos().into());
    loop {
        if interrupt::take(guest.program) {
            return Err(INTERRUPTED);
        }
        match event::poll(&mut [PollFd::from_borrowed_fd(file, events)], Some(&look)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            // The call itself says what is wrong.
            _ => return Ok(()),
        }
    }
}

#[inline(never)]
fn transfer_virtual(
    guest: &Guest,
    descriptor: Arc<Descriptor>,
    [pieces, count, result]: [u32; 3],
    right: u64,
    offset: Option<u64>,
) -> Result<()> {
    descriptor.require(right)?;
    let Object::Virtual(file) = &descriptor.object else { return Err(Errno::Badf.into()) };
    let list = guest.pieces(pieces, count)?;
    guest.at(result, 4)?;
    let is_read = right == rights::FD_READ;
    let n = match file.host() {
        Some((call, stream)) if offset.is_none() => {
            // If the host ends the guest's code by a trap, nothing comes back here.
            drop((list, descriptor));
            call(stream, &mut guest.pieces_one_by_one(pieces, count)?, is_read)?
        }
        _ if is_read => file.read(&list, offset)?,
        _ => file.write(&list, offset)?,
    };
    guest.write_u32(result, saturating_u32(n))
}

fn transfer_at(
    guest: &Guest,
    [number, pieces, count, result]: [u32; 4],
    right: u64,
    offset: u64,
    function: TransferAt,
) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    if matches!(descriptor.object, Object::Virtual(_)) {
        return transfer_virtual(guest, descriptor, [pieces, count, result], right, Some(offset));
    }
    let file = descriptor.as_file()?;
    descriptor.require(right)?;
    let pieces = guest.pieces(pieces, count)?;
    let n_pieces = i32::try_from(pieces.len()).map_err(|_| Errno::Inval)?;
    guest.at(result, 4)?;
    let offset = i64::try_from(offset).map_err(|_| Errno::Inval)?;
    // SAFETY: as in `transfer`.
    let n = retry(|| unsafe { function(file.as_raw_fd(), pieces.as_ptr(), n_pieces, offset) })?;
    guest.write_u32(result, saturating_u32(n))
}

/// Again while a signal interrupts: WASI has no handlers that could want to know.
pub fn retry(mut call: impl FnMut() -> isize) -> Result<usize> {
    loop {
        match check(call()) {
            Err(crate::wasi::errno::Failure::Errno(Errno::Intr)) => {}
            result => return result,
        }
    }
}

/// `$whence` of snapshot 1, and of snapshot 0.
const START: [u32; 2] = [0, 2];
const CURRENT: [u32; 2] = [1, 0];
const END: [u32; 2] = [2, 1];

pub fn seek<const UNSTABLE: bool>(guest: &Guest, number: u32, offset: u64, whence: u32, result: u32) -> Result<()> {
    let snapshot = usize::from(UNSTABLE);
    let position = match whence {
        _ if whence == START[snapshot] => {
            if i64::try_from(offset).is_err() {
                return Err(Errno::Inval.into());
            }
            SeekFrom::Start(offset)
        }
        _ if whence == CURRENT[snapshot] => SeekFrom::Current(offset.cast_signed()),
        _ if whence == END[snapshot] => SeekFrom::End(offset.cast_signed()),
        _ => return Err(INVALID),
    };
    seek_to(guest, number, position, rights::FD_SEEK, result)
}

pub fn tell(guest: &Guest, number: u32, result: u32) -> Result<()> {
    seek_to(guest, number, SeekFrom::Current(0), rights::FD_TELL, result)
}

fn seek_to(guest: &Guest, number: u32, position: SeekFrom, right: u64, result: u32) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    if let Object::Virtual(file) = &descriptor.object {
        require_if_seekable(&descriptor, right)?;
        guest.at(result, 8)?;
        return guest.write_u64(result, file.seek(position)?);
    }
    let file = descriptor.as_file()?;
    require_if_seekable(&descriptor, right)?;
    guest.at(result, 8)?;
    guest.write_u64(result, fs::seek(file, position)?)
}

/// What has no position never had the right; the system's `spipe` says more.
fn require_if_seekable(descriptor: &Descriptor, right: u64) -> Result<()> {
    if descriptor.file_type.is_seekable() { descriptor.require(right) } else { Ok(()) }
}

pub fn advise(guest: &Guest, number: u32, offset: u64, length: u64, advice: u32) -> Result<()> {
    let advice = match advice {
        0 => Advice::Normal,
        1 => Advice::Sequential,
        2 => Advice::Random,
        3 => Advice::WillNeed,
        4 => Advice::DontNeed,
        5 => Advice::NoReuse,
        _ => return Err(INVALID),
    };
    let descriptor = guest.context.descriptors.get(number)?;
    require_if_seekable(&descriptor, rights::FD_ADVISE)?;
    if i64::try_from(offset).is_err() || i64::try_from(length).is_err() {
        return Err(Errno::Inval.into());
    }
    if matches!(descriptor.object, Object::Virtual(_)) {
        return if descriptor.file_type.is_seekable() { Ok(()) } else { Err(Errno::Spipe.into()) };
    }
    let file = descriptor.as_file()?;
    Ok(fs::fadvise(file, offset, NonZeroU64::new(length), advice)?)
}

pub fn allocate(guest: &Guest, number: u32, offset: u64, length: u64) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    if let Object::Virtual(file) = &descriptor.object {
        descriptor.require(rights::FD_ALLOCATE | rights::FD_WRITE)?;
        return file.change(FileChange::Allocate { offset, length });
    }
    let file = descriptor.as_file()?;
    descriptor.require(rights::FD_ALLOCATE | rights::FD_WRITE)?;
    Ok(fs::fallocate(file, FallocateFlags::empty(), offset, length)?)
}

pub fn close(guest: &Guest, number: u32) -> Result<()> {
    guest.context.descriptors.remove(number)
}

pub fn renumber(guest: &Guest, from: u32, to: u32) -> Result<()> {
    guest.context.descriptors.renumber(from, to)
}

pub fn sync(guest: &Guest, number: u32) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    descriptor.require(rights::FD_SYNC)?;
    if matches!(descriptor.object, Object::Virtual(_)) {
        return Ok(());
    }
    Ok(fs::fsync(descriptor.as_file()?)?)
}

pub fn datasync(guest: &Guest, number: u32) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    descriptor.require(rights::FD_DATASYNC)?;
    if matches!(descriptor.object, Object::Virtual(_)) {
        return Ok(());
    }
    Ok(fs::fdatasync(descriptor.as_file()?)?)
}

/// `$fdflags` of a descriptor.
pub fn flags(descriptor: &Descriptor) -> Result<u32> {
    let system = match (&descriptor.object, descriptor.as_file()) {
        (Object::Virtual(file), _) => file.flags(),
        (_, Ok(file)) => fs::fcntl_getfl(file)?,
        _ => OFlags::empty(),
    };
    let known = FD_FLAGS.iter().filter(|(_, flag)| system.contains(*flag));
    Ok(known.fold(0, |flags, (flag, _)| flags | flag))
}

/// `$fdstat`: type, flags, base rights, inheriting rights.
pub fn fdstat_get(guest: &Guest, number: u32, result: u32) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    let flags = flags(&descriptor)?;
    let [base, inheriting] = descriptor.rights();
    let mut bytes = [0; 24];
    bytes[0] = descriptor.shown_type() as u8;
    bytes[2..4].copy_from_slice(&flags.to_le_bytes()[..2]);
    bytes[8..16].copy_from_slice(&base.to_le_bytes());
    bytes[16..24].copy_from_slice(&inheriting.to_le_bytes());
    guest.write(result, &bytes)
}

pub fn fdstat_set_flags(guest: &Guest, number: u32, flags: u32) -> Result<()> {
    let changeable = OFlags::APPEND | OFlags::NONBLOCK;
    let mut wanted = OFlags::empty();
    let mut known = 0;
    for (flag, system) in FD_FLAGS {
        known |= flag;
        if flags & flag != 0 {
            wanted |= system;
        }
    }
    if flags & !known != 0 {
        return Err(INVALID);
    }
    let descriptor = guest.context.descriptors.get(number)?;
    if let Object::Virtual(file) = &descriptor.object {
        descriptor.require(rights::FD_FDSTAT_SET_FLAGS)?;
        if !changeable.contains(wanted) {
            return Err(Errno::Inval.into());
        }
        return file.change(FileChange::SetFlags((file.flags() & !changeable) | wanted));
    }
    let file = descriptor.as_file()?;
    descriptor.require(rights::FD_FDSTAT_SET_FLAGS)?;
    // The system takes the others without a word, and ignores them.
    if !changeable.contains(wanted) {
        return Err(Errno::Inval.into());
    }
    let now = fs::fcntl_getfl(file)?;
    // Whoever opened a log for it to be appended to did not grant what is in it.
    let is_stream = matches!(descriptor.object, Object::Stream(_));
    if is_stream && now.contains(OFlags::APPEND) && !wanted.contains(OFlags::APPEND) {
        return Err(Errno::Perm.into());
    }
    Ok(fs::fcntl_setfl(file, (now & !changeable) | wanted)?)
}

pub fn fdstat_set_rights(guest: &Guest, number: u32, base: u64, inheriting: u64) -> Result<()> {
    guest.context.descriptors.get(number)?.keep_rights(base, inheriting)
}
