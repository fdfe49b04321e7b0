//! The functions of WASI that take a path.
//!
//! Each looks its directory up, checks the grant and the rights, and hands the path to [`beneath`].
//! What would change something below a read-only grant ends before the path is looked at, with
//! `rofs`; only where a program may ask for a change that need not happen (to make a directory or a
//! file that is there already) it is looked at first, as on a file system that is mounted
//! read-only.

use crate::wasi::beneath::{self, GuestPath};
use crate::wasi::descriptor::{Descriptor, Directory, Home, HomeToChange, Object};
use crate::wasi::errno::{Errno, Failure, INVALID, Result};
use crate::wasi::guest::Guest;
use crate::wasi::refused;
use crate::wasi::rights::{self, Access};
use crate::wasi::stat;
use crate::wasi::tree::{Change, Opened, Tree};
use crate::wasi::types::{FileType, Filestat};
use crate::width::saturating_u32;
use rustix::fs::{self, AtFlags, FileType as SystemType, Mode, OFlags, Stat};
use std::ffi::CStr;
use std::fs::File;
use std::sync::Mutex;

/// `$lookupflags`.
const FOLLOW: u32 = 1;

/// `$oflags`.
const CREATE: u32 = 1 << 0;
const DIRECTORY: u32 = 1 << 1;
const EXCLUSIVE: u32 = 1 << 2;
const TRUNCATE: u32 = 1 << 3;

/// `$fdflags` and the system's; `rsync` and `sync` are one thing to Linux.
pub const FD_FLAGS: [(u32, OFlags); 5] =
    [(1, OFlags::APPEND), (2, OFlags::DSYNC), (4, OFlags::NONBLOCK), (8, OFlags::RSYNC), (16, OFlags::SYNC)];

fn follows(flags: u32) -> Result<bool> {
    if flags & !FOLLOW != 0 { Err(INVALID) } else { Ok(flags & FOLLOW != 0) }
}

pub fn create_directory(guest: &Guest, number: u32, path: u32, length: u32) -> Result<()> {
    create_directory_at(guest, number, &guest.path(path, length)?)
}

pub fn create_directory_at(guest: &Guest, number: u32, path: &CStr) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    if descriptor.read_only {
        stat_path(descriptor.as_directory()?, path, false).map_err(read_only_if_missing)?;
        return Err(Errno::Exist.into());
    }
    match descriptor.directory_to_change(rights::PATH_CREATE_DIRECTORY)? {
        HomeToChange::Virtual(tree) => tree.change(Change::CreateDirectory(path)),
        HomeToChange::Host(directory) => {
            let place = beneath::locate(directory, path)?;
            Ok(fs::mkdirat(&place.parent, place.name_with_slash(), Mode::from_raw_mode(0o777))?)
        }
    }
}

/// What was not found can't be made.
fn read_only_if_missing(failure: Failure) -> Failure {
    match failure {
        Failure::Errno(Errno::Noent) => Errno::Rofs.into(),
        other => other,
    }
}

pub fn filestat_get<const UNSTABLE: bool>(
    guest: &Guest,
    number: u32,
    flags: u32,
    path: u32,
    length: u32,
    result: u32,
) -> Result<()> {
    let (path, follow) = (guest.path(path, length)?, follows(flags)?);
    let descriptor = guest.context.descriptors.get(number)?;
    let directory = descriptor.as_directory()?;
    descriptor.require(rights::PATH_FILESTAT_GET)?;
    stat::write::<UNSTABLE>(guest, result, &stat_path(directory, &path, follow)?)
}

/// # Errors
/// As those of [`filestat_get`].
pub fn exists_at(guest: &Guest, number: u32, path: &CStr) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    descriptor.require(rights::PATH_FILESTAT_GET)?;
    stat_path(descriptor.as_directory()?, path, true).map(|_| ())
}

fn stat_path(directory: &Directory, path: &CStr, follow: bool) -> Result<Filestat> {
    Ok(match &directory.home {
        Home::Host(host) => Filestat::of(beneath::find(host, path, follow)?.1),
        Home::Virtual(tree) => tree.stat(path, follow)?,
    })
}

#[expect(clippy::too_many_arguments, reason = "WASI's")]
pub fn filestat_set_times(
    guest: &Guest,
    number: u32,
    flags: u32,
    path: u32,
    length: u32,
    accessed: u64,
    modified: u64,
    which: u32,
) -> Result<()> {
    let (path, follow) = (guest.path(path, length)?, follows(flags)?);
    let times = stat::timestamps(accessed, modified, which)?;
    let descriptor = guest.context.descriptors.get(number)?;
    match descriptor.directory_to_change(rights::PATH_FILESTAT_SET_TIMES)? {
        HomeToChange::Virtual(tree) => tree.change(Change::SetTimes { path: &path, follow, times: &times }),
        HomeToChange::Host(directory) => {
            let (found, _) = beneath::find(directory, &path, follow)?;
            stat::set_times_of_path(&found, &times)
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "WASI's")]
pub fn link(
    guest: &Guest,
    old_number: u32,
    old_flags: u32,
    old_path: u32,
    old_length: u32,
    new_number: u32,
    new_path: u32,
    new_length: u32,
) -> Result<()> {
    // A new name of a file below a read-only grant could be one that may be written.
    let rights = [rights::PATH_LINK_SOURCE, rights::PATH_LINK_TARGET];
    let (old_path, new_path) = (guest.path(old_path, old_length)?, guest.path(new_path, new_length)?);
    let arguments = [(old_number, &*old_path), (new_number, &*new_path)];
    if follows(old_flags)? {
        return Err(Errno::Inval.into());
    }
    change_two(
        guest,
        arguments,
        rights,
        |path, to, new_path| Change::Link { path, to, new_path },
        |[old, new]| {
            let old = locate_existing(old.0, old.1, Errno::Perm)?;
            let new = beneath::locate(new.0, new.1)?;
            Ok(fs::linkat(&old.parent, &old.name, &new.parent, new.name_with_slash(), AtFlags::empty())?)
        },
    )
}

/// Two paths, each with its directory, which grants its right; and what to do if both are the
/// system's, or neither is.
fn change_two(
    guest: &Guest,
    [(old, old_path), (new, new_path)]: [(u32, &CStr); 2],
    [old_right, new_right]: [u64; 2],
    change_virtual: impl for<'a> FnOnce(&'a CStr, &'a dyn Tree, &'a CStr) -> Change<'a>,
    change: impl FnOnce([(&File, &CStr); 2]) -> Result<()>,
) -> Result<()> {
    let descriptors = &guest.context.descriptors;
    let (old, new) = (descriptors.get(old)?, descriptors.get(new)?);
    match (old.directory_to_change(old_right)?, new.directory_to_change(new_right)?) {
        (HomeToChange::Host(old), HomeToChange::Host(new)) => change([(old, old_path), (new, new_path)]),
        (HomeToChange::Virtual(old), HomeToChange::Virtual(new)) => old.change(change_virtual(old_path, new, new_path)),
        _ => Err(Errno::Xdev.into()),
    }
}

/// Where a name is that is about to be looked at but not followed. With a slash after it the
/// system would follow it: then the path is followed here, and can only end at a directory, which
/// is `wrong` for the caller.
fn locate_existing(directory: &File, path: &CStr, wrong: Errno) -> Result<GuestPath> {
    let place = beneath::locate(directory, path)?;
    if place.has_slash {
        beneath::find(directory, path, true)?;
        return Err(wrong.into());
    }
    Ok(place)
}

pub fn readlink(guest: &Guest, number: u32, path: u32, length: u32, buffer: u32, size: u32, result: u32) -> Result<()> {
    let path = guest.path(path, length)?;
    let descriptor = guest.context.descriptors.get(number)?;
    let directory = descriptor.as_directory()?;
    descriptor.require(rights::PATH_READLINK)?;
    let target = match &directory.home {
        Home::Host(host) => {
            let place = locate_existing(host, &path, Errno::Inval)?;
            fs::readlinkat(&place.parent, &place.name, Vec::new())?.into_bytes()
        }
        Home::Virtual(tree) => tree.read_link(&path)?,
    };
    // As POSIX has it, what does not fit is left out.
    let target = &target[..target.len().min(size as usize)];
    guest.write(buffer, target)?;
    guest.write_u32(result, saturating_u32(target.len()))
}

pub fn remove_directory(guest: &Guest, number: u32, path: u32, length: u32) -> Result<()> {
    remove_at(guest, number, &guest.path(path, length)?, AtFlags::REMOVEDIR)
}

pub fn unlink_file(guest: &Guest, number: u32, path: u32, length: u32) -> Result<()> {
    remove_at(guest, number, &guest.path(path, length)?, AtFlags::empty())
}

/// Removes a directory with [`AtFlags::REMOVEDIR`], else a file.
pub fn remove_at(guest: &Guest, number: u32, path: &CStr, flags: AtFlags) -> Result<()> {
    let is_directory = flags == AtFlags::REMOVEDIR;
    let right = if is_directory { rights::PATH_REMOVE_DIRECTORY } else { rights::PATH_UNLINK_FILE };
    let descriptor = guest.context.descriptors.get(number)?;
    match descriptor.directory_to_change(right)? {
        HomeToChange::Virtual(tree) if is_directory => tree.change(Change::RemoveDirectory(path)),
        HomeToChange::Virtual(tree) => tree.change(Change::Unlink(path)),
        HomeToChange::Host(directory) => {
            let place = beneath::locate(directory, path)?;
            Ok(fs::unlinkat(&place.parent, place.name_with_slash(), flags)?)
        }
    }
}

pub fn rename(
    guest: &Guest,
    old_number: u32,
    old_path: u32,
    old_length: u32,
    new_number: u32,
    new_path: u32,
    new_length: u32,
) -> Result<()> {
    let (old_path, new_path) = (guest.path(old_path, old_length)?, guest.path(new_path, new_length)?);
    rename_at(guest, (old_number, &old_path), (new_number, &new_path))
}

pub fn rename_at(guest: &Guest, old: (u32, &CStr), new: (u32, &CStr)) -> Result<()> {
    let rights = [rights::PATH_RENAME_SOURCE, rights::PATH_RENAME_TARGET];
    let arguments = [old, new];
    change_two(
        guest,
        arguments,
        rights,
        |path, to, new_path| Change::Rename { path, to, new_path },
        |[old, new]| {
            let (old, new) = (beneath::locate(old.0, old.1)?, beneath::locate(new.0, new.1)?);
            Ok(fs::renameat(&old.parent, old.name_with_slash(), &new.parent, new.name_with_slash())?)
        },
    )
}

/// Links to absolute paths are refused: the guest could not follow them, and others, who are not
/// confined, would.
pub fn symlink(guest: &Guest, target: u32, target_length: u32, number: u32, path: u32, length: u32) -> Result<()> {
    let (target, path) = (guest.path(target, target_length)?, guest.path(path, length)?);
    let descriptor = guest.context.descriptors.get(number)?;
    let directory = descriptor.directory_to_change(rights::PATH_SYMLINK)?;
    if target.to_bytes().starts_with(b"/") {
        return Err(Errno::Perm.into());
    }
    match directory {
        HomeToChange::Virtual(tree) => tree.change(Change::Symlink { target: &target, path: &path }),
        HomeToChange::Host(directory) => {
            let place = beneath::locate(directory, &path)?;
            Ok(fs::symlinkat(&target, &place.parent, place.name_with_slash())?)
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "WASI's")]
pub fn open(
    guest: &Guest,
    number: u32,
    lookup_flags: u32,
    path: u32,
    length: u32,
    oflags: u32,
    base: u64,
    _inheriting: u64,
    fd_flags: u32,
    result: u32,
) -> Result<()> {
    let path = guest.path(path, length)?;
    guest.at(result, 4)?;
    if guest.context.descriptors.get(number).is_err() {
        refused::opened(guest, number);
    }
    guest.write_u32(result, open_at(guest, number, &path, [lookup_flags, oflags, fd_flags], base)?)
}

/// Opens a path with `$lookupflags`, `$oflags` and `$fdflags`; the new descriptor.
pub fn open_at(
    guest: &Guest,
    number: u32,
    path: &CStr,
    [lookup_flags, oflags, fd_flags]: [u32; 3],
    base: u64,
) -> Result<u32> {
    let parent = guest.context.descriptors.get(number)?;
    let directory = parent.as_directory()?;
    parent.require(rights::PATH_OPEN)?;
    let [kept, allowed] = parent.rights();
    let access = Access { read: base & rights::FD_READ != 0, write: base & rights::FD_WRITE != 0 };
    if base & (rights::FD_READ | rights::FD_WRITE) & !allowed != 0 {
        return Err(Errno::Notcapable.into());
    }
    let mut flags = open_flags(oflags, fd_flags, access)?;
    if !follows(lookup_flags)? {
        flags |= OFlags::NOFOLLOW;
    }
    // On a read-only grant these have another answer.
    for (flag, right) in [(CREATE, rights::PATH_CREATE_FILE), (TRUNCATE, rights::PATH_FILESTAT_SET_SIZE)] {
        if oflags & flag != 0 && !parent.read_only {
            parent.require(right)?;
        }
    }
    let opened = match &directory.home {
        Home::Host(host) if !parent.read_only => describe(beneath::open(host, path, flags)?, access, false),
        Home::Host(host) => {
            let open = || Ok(describe(open_unnoticed(host, path, without_changes(flags))?, access, true));
            open_read_only(flags, open)?
        }
        Home::Virtual(tree) if tree.is_constant() => {
            open_read_only(flags, || open_virtual(&**tree, path, flags, access, true))?
        }
        Home::Virtual(tree) => open_virtual(&**tree, path, flags, access, parent.read_only)?,
    };
    let [own_base, own_inheriting] = opened.rights();
    // Who gave up rights does not get them back by opening something, and be it the same directory.
    let base = if opened.file_type == FileType::Directory { allowed & kept } else { allowed };
    opened.keep_rights(own_base & base, own_inheriting & allowed)?;
    guest.context.descriptors.add(opened)
}

fn open_flags(oflags: u32, fd_flags: u32, access: Access) -> Result<OFlags> {
    let known = FD_FLAGS.iter().fold(0, |known, (flag, _)| known | flag);
    if oflags & !(CREATE | DIRECTORY | EXCLUSIVE | TRUNCATE) != 0 || fd_flags & !known != 0 {
        return Err(INVALID);
    }
    let mut flags = OFlags::NOCTTY
        | match access {
            Access { read: true, write: true } => OFlags::RDWR,
            Access { read: false, write: true } => OFlags::WRONLY,
            Access { write: false, .. } => OFlags::RDONLY,
        };
    let table = [
        (CREATE, OFlags::CREATE),
        (DIRECTORY, OFlags::DIRECTORY),
        (EXCLUSIVE, OFlags::EXCL),
        (TRUNCATE, OFlags::TRUNC),
    ];
    flags |= table.iter().filter(|(flag, _)| oflags & flag != 0).map(|(_, flag)| *flag).collect::<OFlags>();
    flags |= FD_FLAGS.iter().filter(|(flag, _)| fd_flags & flag != 0).map(|(_, flag)| *flag).collect::<OFlags>();
    Ok(flags)
}

/// Opens for reading alone, and answers as a file system does that is mounted read-only.
fn open_read_only(flags: OFlags, open: impl FnOnce() -> Result<Descriptor>) -> Result<Descriptor> {
    let creates = flags.contains(OFlags::CREATE);
    let opened = open();
    let opened = if creates { opened.map_err(read_only_if_missing)? } else { opened? };
    if creates && flags.contains(OFlags::EXCL) {
        return Err(Errno::Exist.into());
    }
    if flags.contains(OFlags::TRUNC) || flags & OFlags::RWMODE != OFlags::RDONLY {
        return Err(if opened.file_type == FileType::Directory { Errno::Isdir } else { Errno::Rofs }.into());
    }
    Ok(opened)
}

fn open_virtual(tree: &dyn Tree, path: &CStr, flags: OFlags, access: Access, read_only: bool) -> Result<Descriptor> {
    Ok(match tree.open(path, flags)? {
        Opened::Directory(tree) => {
            let directory = Directory { home: Home::Virtual(tree), preopen: None, listing: Mutex::new(()) };
            Descriptor::directory(directory, read_only)
        }
        Opened::File(file) => Descriptor::file(Object::Virtual(file), FileType::RegularFile, access, read_only),
        Opened::Device(device) => Descriptor::file(Object::File(device), FileType::CharacterDevice, access, read_only),
    })
}

/// Opens so that reading does not change the time of the last access. That is for the owner to ask;
/// files of others note it.
fn open_unnoticed(host: &File, path: &CStr, flags: OFlags) -> Result<(File, Stat)> {
    match beneath::open(host, path, flags | OFlags::NOATIME) {
        Err(Failure::Errno(Errno::Perm)) => beneath::open(host, path, flags),
        result => result,
    }
}

/// The flags with all that could change something taken out, and without waiting for the other end
/// of a pipe that may then not be used.
fn without_changes(flags: OFlags) -> OFlags {
    let harmless = flags & !(OFlags::RWMODE | OFlags::CREATE | OFlags::EXCL | OFlags::TRUNC);
    if harmless == flags { flags } else { harmless | OFlags::NONBLOCK }
}

/// The descriptor of what was opened.
fn describe((opened, stat): (File, Stat), access: Access, read_only: bool) -> Descriptor {
    match FileType::of(SystemType::from_raw_mode(stat.st_mode)) {
        FileType::Directory => {
            let directory = Directory { home: Home::Host(opened), preopen: None, listing: Mutex::new(()) };
            Descriptor::directory(directory, read_only)
        }
        file_type => Descriptor::file(Object::File(opened.into()), file_type, access, read_only),
    }
}
