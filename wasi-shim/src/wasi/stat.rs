//! What is known of files, in the layout of either snapshot, and their times.
//!
//! In snapshot 0 the number of links has four bytes.

use crate::system::kernel;
use crate::wasi::descriptor::{Directory, Home, Object};
use crate::wasi::errno::{Errno, INVALID, Result};
use crate::wasi::guest::Guest;
use crate::wasi::rights;
use crate::wasi::tree::{Change, FileChange};
use crate::wasi::types::Filestat;
use crate::width::saturating_u32;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::fs::{self, AtFlags, Timespec, Timestamps};
use std::time::Duration;

fn write_words(guest: &Guest, result: u32, words: &[u64]) -> Result<()> {
    let mut place = guest.array(result, saturating_u32(words.len()), size_of::<u64>())?;
    words.iter().try_for_each(|word| place.write(&word.to_le_bytes()))
}

pub fn write<const UNSTABLE: bool>(guest: &Guest, result: u32, stat: &Filestat) -> Result<()> {
    let Filestat { device, inode, file_type, links, size, times: [accessed, modified, changed] } = *stat;
    let file_type = file_type as u64;
    if UNSTABLE {
        // The type's word holds the number of links as well.
        let links = u64::from(u32::try_from(links).unwrap_or(u32::MAX));
        return write_words(
            guest,
            result,
            &[device, inode, file_type | links << 32, size, accessed, modified, changed],
        );
    }
    write_words(guest, result, &[device, inode, file_type, links, size, accessed, modified, changed])
}

pub fn get<const UNSTABLE: bool>(guest: &Guest, number: u32, result: u32) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    descriptor.require(rights::FD_FILESTAT_GET)?;
    let mut stat = match (&descriptor.object, descriptor.system()) {
        (_, Some(system)) => Filestat::of(fs::fstat(system)?),
        (Object::Directory(Directory { home: Home::Virtual(tree), .. }), None) => tree.stat(c".", true)?,
        (Object::Virtual(file), None) => file.stat()?,
        _ => return Err(Errno::Badf.into()),
    };
    // A stream's is not always what the system says.
    stat.file_type = descriptor.file_type;
    write::<UNSTABLE>(guest, result, &stat)
}

pub fn set_size(guest: &Guest, number: u32, size: u64) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    let is_valid = i64::try_from(size).is_ok();
    if let Object::Virtual(file) = &descriptor.object {
        descriptor.require(rights::FD_FILESTAT_SET_SIZE | rights::FD_WRITE)?;
        return if is_valid { file.change(FileChange::SetSize(size)) } else { Err(Errno::Inval.into()) };
    }
    let file = descriptor.as_file()?;
    descriptor.require(rights::FD_FILESTAT_SET_SIZE | rights::FD_WRITE)?;
    if !is_valid {
        return Err(Errno::Inval.into());
    }
    Ok(fs::ftruncate(file, size)?)
}

pub fn set_times(guest: &Guest, number: u32, accessed: u64, modified: u64, which: u32) -> Result<()> {
    let times = timestamps(accessed, modified, which)?;
    let descriptor = guest.context.descriptors.get(number)?;
    if descriptor.read_only {
        return Err(Errno::Rofs.into());
    }
    descriptor.require(rights::FD_FILESTAT_SET_TIMES)?;
    match &descriptor.object {
        // Whoever started the program did not grant what its streams lead to.
        Object::Stream(_) => Err(Errno::Badf.into()),
        Object::Virtual(file) => file.change(FileChange::SetTimes(&times)),
        Object::Directory(Directory { home: Home::Virtual(tree), .. }) => {
            tree.change(Change::SetTimes { path: c".", follow: true, times: &times })
        }
        _ => Ok(fs::futimens(descriptor.system().ok_or(Errno::Rofs)?, &times)?),
    }
}

/// `$fstflags`.
const SET_ACCESSED: u32 = 1 << 0;
const ACCESSED_NOW: u32 = 1 << 1;
const SET_MODIFIED: u32 = 1 << 2;
const MODIFIED_NOW: u32 = 1 << 3;

/// Nanoseconds as the system counts them. 64 bits of them are less than 600 years.
pub fn timespec(nanoseconds: u64) -> Timespec {
    let time = Duration::from_nanos(nanoseconds);
    Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() }
}

/// # Errors
/// `inval` if a time is to be both given and now.
pub fn timestamps(accessed: u64, modified: u64, which: u32) -> Result<Timestamps> {
    if which & !(SET_ACCESSED | ACCESSED_NOW | SET_MODIFIED | MODIFIED_NOW) != 0 {
        return Err(INVALID);
    }
    let one = |time: u64, set: u32, now: u32| match (which & set != 0, which & now != 0) {
        (true, true) => Err(Errno::Inval),
        (true, false) => Ok(timespec(time)),
        (false, true) => Ok(Timespec { tv_sec: 0, tv_nsec: fs::UTIME_NOW }),
        (false, false) => Ok(Timespec { tv_sec: 0, tv_nsec: fs::UTIME_OMIT }),
    };
    Ok(Timestamps {
        last_access: one(accessed, SET_ACCESSED, ACCESSED_NOW)?,
        last_modification: one(modified, SET_MODIFIED, MODIFIED_NOW)?,
    })
}

/// Sets the times of what an `O_PATH` descriptor stands for, even if that is a link.
pub fn set_times_of_path(found: &std::fs::File, times: &Timestamps) -> Result<()> {
    match fs::utimensat(found, c"", times, AtFlags::EMPTY_PATH) {
        // Linux before 5.8 knows the flag for other calls only.
        Err(rustix::io::Errno::INVAL) => set_times_by_name(found.as_fd(), times),
        result => Ok(result?),
    }
}

fn set_times_by_name(found: BorrowedFd, times: &Timestamps) -> Result<()> {
    let name = kernel::path_of_descriptor(found.as_raw_fd());
    Ok(fs::utimensat(fs::CWD, name, times, AtFlags::empty())?)
}
