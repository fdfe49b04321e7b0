//! Emscripten's calls of a system that WASI has under other names: files by their paths, and what
//! its C library asks about descriptors. A result below zero is an error number of WASI.
//!
//! A path is relative to a directory that was opened, or, as the working directory is `/`, to the
//! granted directory whose name is the longest beginning of it.
//!
//! Not here: what fills in structures, whose layout depends on the version of Emscripten.

use crate::shim::caller::Caller;
use crate::trap::raise_wasi;
use crate::wasi::context::Context;
use crate::wasi::errno::{Errno, Failure, OUT_OF_BOUNDS, Result};
use crate::wasi::guest::Guest;
use crate::wasi::rights::{FD_READ, FD_WRITE};
use crate::wasi::{directory, file, path, stat};
use rustix::fs::AtFlags;
use std::ffi::{CStr, CString};

/// `AT_FDCWD`
const WORKING_DIRECTORY: u32 = (-100i32).cast_unsigned();
/// `AT_REMOVEDIR`
const REMOVE_DIRECTORY: u32 = 0x200;

/// Flags of `open`: `O_CREAT`, `O_DIRECTORY`, `O_EXCL`, `O_TRUNC`, and those of `$oflags`.
const OPEN_FLAGS: [(u32, u32); 4] = [(0o100, 1), (0o200_000, 2), (0o200, 4), (0o1000, 8)];
/// `O_APPEND`, `O_NONBLOCK`, and those of `$fdflags`.
const FD_FLAGS: [(u32, u32); 2] = [(0o2000, 1), (0o4000, 4)];
const NO_FOLLOW: u32 = 0o400_000;
/// `O_ACCMODE`, `O_RDONLY`, `O_WRONLY`
const ACCESS: u32 = 3;
const READ_ONLY: u32 = 0;
const WRITE_ONLY: u32 = 1;

/// Names of the standard streams.
const STREAMS: [(&CStr, u32); 3] = [(c"/dev/stdin", 0), (c"/dev/stdout", 1), (c"/dev/stderr", 2)];

/// Makes a call on the caller's memory and descriptors; its result as Emscripten's C library gets
/// it.
fn call(caller: &Caller, work: impl FnOnce(&Guest) -> Result<u32>) -> u32 {
    match work(&Guest::of(caller.return_address)) {
        Ok(value) => value,
        Err(Failure::Errno(errno)) => i32::from(errno as u16).wrapping_neg().cast_unsigned(),
        Err(Failure::Trap(message)) => raise_wasi(message),
    }
}

/// Longest path with its ending zero, as for WASI.
const LONGEST_PATH: u32 = 4096;

pub fn openat(caller: &Caller, directory: u32, path: u32, flags: u32, _mode: u32) -> u32 {
    call(caller, |guest| {
        let path = text(guest, path)?;
        if let Some((_, stream)) = STREAMS.iter().find(|(name, _)| *name == &*path) {
            return Ok(*stream);
        }
        let (number, path) = find(guest, directory, &path)?;
        let rights = match flags & ACCESS {
            READ_ONLY => FD_READ,
            WRITE_ONLY => FD_WRITE,
            _ => FD_READ | FD_WRITE,
        };
        let translate = |table: &[(u32, u32)]| {
            table.iter().filter(|(own, _)| flags & own != 0).fold(0, |all, (_, wasi)| all | wasi)
        };
        let follow = u32::from(flags & NO_FOLLOW == 0);
        path::open_at(guest, number, &path, [follow, translate(&OPEN_FLAGS), translate(&FD_FLAGS)], rights)
    })
}

pub fn unlinkat(caller: &Caller, directory: u32, path: u32, flags: u32) -> u32 {
    call(caller, |guest| {
        let flags = if flags & REMOVE_DIRECTORY != 0 { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        remove(guest, directory, path, flags)
    })
}

pub fn rmdir(caller: &Caller, path: u32) -> u32 {
    call(caller, |guest| remove(guest, WORKING_DIRECTORY, path, AtFlags::REMOVEDIR))
}

pub fn mkdirat(caller: &Caller, directory: u32, path: u32, _mode: u32) -> u32 {
    call(caller, |guest| {
        let (number, path) = find(guest, directory, &text(guest, path)?)?;
        path::create_directory_at(guest, number, &path).map(|()| 0)
    })
}

pub fn renameat(caller: &Caller, old_directory: u32, old: u32, new_directory: u32, new: u32) -> u32 {
    call(caller, |guest| {
        let (old_number, old) = find(guest, old_directory, &text(guest, old)?)?;
        let (new_number, new) = find(guest, new_directory, &text(guest, new)?)?;
        path::rename_at(guest, (old_number, &old), (new_number, &new)).map(|()| 0)
    })
}

/// Whether something is there: what may be done with it shows when it is opened.
pub fn faccessat(caller: &Caller, directory: u32, path: u32, _mode: u32, _flags: u32) -> u32 {
    call(caller, |guest| {
        let (number, path) = find(guest, directory, &text(guest, path)?)?;
        path::exists_at(guest, number, &path).map(|()| 0)
    })
}

pub fn ftruncate64(caller: &Caller, number: u32, size: u64) -> u32 {
    call(caller, |guest| stat::set_size(guest, number, size).map(|()| 0))
}

/// The working directory is always `/`.
pub fn getcwd(caller: &Caller, buffer: u32, size: u32) -> u32 {
    call(caller, |guest| {
        if size < 2 {
            return Err(Errno::Range.into());
        }
        guest.write(buffer, b"/\0").map(|()| 2)
    })
}

/// Nothing here is a terminal that could be asked for its size.
pub fn ioctl(caller: &Caller, number: u32, _operation: u32, _argument: u32) -> u32 {
    call(caller, |guest| guest.context.descriptors.get(number).and(Err(Errno::Notty.into())))
}

/// `F_GETFD`, `F_SETFD`, `F_GETFL`, `F_SETFL`.
pub fn fcntl64(caller: &Caller, number: u32, command: u32, arguments: u32) -> u32 {
    call(caller, |guest| {
        let descriptor = guest.context.descriptors.get(number)?;
        match command {
            // No other program could get a descriptor.
            1 | 2 => Ok(0),
            3 => {
                let system = file::flags(&descriptor)?;
                let [base, _] = descriptor.rights();
                let access = match (base & FD_READ != 0, base & FD_WRITE != 0) {
                    (true, true) => 2,
                    (false, true) => WRITE_ONLY,
                    _ => READ_ONLY,
                };
                let flags = FD_FLAGS.iter().filter(|(_, wasi)| system & wasi != 0);
                Ok(flags.fold(access, |all, (own, _)| all | own))
            }
            4 => {
                let flags = u32::from_le_bytes(guest.read(arguments)?);
                let flags = FD_FLAGS.iter().filter(|(own, _)| flags & own != 0).fold(0, |all, (_, wasi)| all | wasi);
                file::fdstat_set_flags(guest, number, flags).map(|()| 0)
            }
            _ => Err(Errno::Inval.into()),
        }
    })
}

fn remove(guest: &Guest, directory: u32, path: u32, flags: AtFlags) -> Result<u32> {
    let (number, path) = find(guest, directory, &text(guest, path)?)?;
    path::remove_at(guest, number, &path, flags).map(|()| 0)
}

/// A string of C, which must end inside of the memory.
fn text(guest: &Guest, address: u32) -> Result<CString> {
    for nth in 0..LONGEST_PATH {
        if guest.read(address.checked_add(nth).ok_or(OUT_OF_BOUNDS)?)? == [0] {
            return guest.path(address, nth);
        }
    }
    Err(Errno::Nametoolong.into())
}

/// The descriptor of a directory, and the path from there.
fn find(guest: &Guest, directory: u32, path: &CStr) -> Result<(u32, CString)> {
    let bytes = path.to_bytes();
    if directory != WORKING_DIRECTORY && !bytes.starts_with(b"/") {
        return Ok((directory, path.to_owned()));
    }
    let path = plain(bytes);
    let best = granted(guest.context).filter_map(|(number, name)| {
        let name = without_slashes(plain(&name));
        let rest = path.strip_prefix(name)?;
        let is_whole = name.is_empty() || rest.is_empty() || rest.starts_with(b"/");
        is_whole.then(|| (path.len().saturating_sub(rest.len()), number, plain(rest)))
    });
    let (_, number, rest) = best.max_by_key(|(length, ..)| *length).ok_or(Errno::Noent)?;
    let rest = if rest.is_empty() { b"." } else { rest };
    Ok((number, CString::new(rest).map_err(|_| Errno::Inval)?))
}

/// A path without what makes no difference at its beginning.
fn plain(mut path: &[u8]) -> &[u8] {
    loop {
        path = match path {
            b"." => b"",
            [b'/', rest @ ..] | [b'.', b'/', rest @ ..] => rest,
            _ => return path,
        };
    }
}

fn without_slashes(mut name: &[u8]) -> &[u8] {
    while let Some(rest) = name.strip_suffix(b"/") {
        name = rest;
    }
    name
}

/// The granted directories: descriptor and name.
fn granted(context: &Context) -> impl Iterator<Item = (u32, Vec<u8>)> {
    const FIRST: u32 = 3;
    let descriptors = (FIRST..).map_while(|number| Some((number, context.descriptors.get(number).ok()?)));
    descriptors.filter_map(|(number, descriptor)| Some((number, directory::granted_name(&descriptor)?.to_vec())))
}
