//! `--dev`: a read-only directory with the devices that programs expect of every system.
//!
//! They are the system's own, opened by their usual names, and must be those devices by number: a
//! system may have something else there.

use crate::wasi::errno::{Errno, Failure, Result};
use crate::wasi::tree::{Opened, TakeEntry, Tree};
use crate::wasi::types::{FileType, Filestat};
use rustix::fs::{self, FileType as SystemType, Mode, OFlags};
use std::ffi::CStr;

/// Guest's name, place, major and minor number (`Documentation/admin-guide/devices.txt` of Linux).
const DEVICES: [(&str, &CStr, u32, u32); 3] =
    [("null", c"/dev/null", 1, 3), ("urandom", c"/dev/urandom", 1, 9), ("zero", c"/dev/zero", 1, 5)];

/// The device number of the directory: no device of the system has it.
const DEVICE: u64 = u64::MAX - 1;

/// The directory.
pub struct Devices;

/// What a path means.
enum Found {
    Directory,
    /// Of [`DEVICES`].
    Device(usize),
}

fn find(path: &CStr) -> Result<Found> {
    let path = path.to_bytes();
    if path.starts_with(b"/") {
        return Err(Errno::Perm.into());
    }
    let mut found = Found::Directory;
    for step in path.split(|&byte| byte == b'/') {
        found = match (found, step) {
            (Found::Device(_), _) => return Err(Errno::Notdir.into()),
            (Found::Directory, b"" | b".") => Found::Directory,
            (Found::Directory, b"..") => return Err(Errno::Perm.into()),
            (Found::Directory, name) => {
                let place = DEVICES.iter().position(|(known, ..)| known.as_bytes() == name);
                Found::Device(place.ok_or(Errno::Noent)?)
            }
        };
    }
    Ok(found)
}

fn inode(nth: usize) -> u64 {
    (nth as u64).saturating_add(2)
}

impl Tree for Devices {
    fn stat(&self, path: &CStr, _follow: bool) -> Result<Filestat> {
        let (inode, file_type) = match find(path)? {
            Found::Directory => (1, FileType::Directory),
            Found::Device(nth) => (inode(nth), FileType::CharacterDevice),
        };
        Ok(Filestat { device: DEVICE, inode, file_type, links: 1, size: 0, times: [0; 3] })
    }

    fn open(&self, path: &CStr, flags: OFlags) -> Result<Opened> {
        let creates = flags.contains(OFlags::CREATE);
        let found = match find(path) {
            Err(Failure::Errno(Errno::Noent)) if creates => Err(Errno::Rofs.into()),
            Ok(_) if creates && flags.contains(OFlags::EXCL) => Err(Errno::Exist.into()),
            found => found,
        };
        let Found::Device(nth) = found? else {
            let is_change = creates || flags.contains(OFlags::TRUNC) || flags & OFlags::RWMODE != OFlags::RDONLY;
            return if is_change { Err(Errno::Isdir.into()) } else { Ok(Opened::Directory(Box::new(Devices))) };
        };
        if flags.contains(OFlags::DIRECTORY) {
            return Err(Errno::Notdir.into());
        }
        let (_, place, major, minor) = DEVICES[nth];
        // No flag means anything to a device, but for the access and whether to wait.
        let flags = (flags & (OFlags::RWMODE | OFlags::NONBLOCK)) | OFlags::CLOEXEC | OFlags::NOCTTY;
        let opened = fs::open(place, flags, Mode::empty())?;
        let stat = fs::fstat(&opened)?;
        let numbers = (fs::major(stat.st_rdev), fs::minor(stat.st_rdev));
        let is_character = SystemType::from_raw_mode(stat.st_mode) == SystemType::CharacterDevice;
        if !is_character || numbers != (major, minor) {
            return Err(Errno::Nodev.into());
        }
        Ok(Opened::Device(opened))
    }

    fn list(&self, cookie: u64, take: TakeEntry) -> Result<()> {
        let own = [(1, FileType::Directory, "."), (1, FileType::Directory, "..")];
        let devices = DEVICES.iter().enumerate();
        let devices = devices.map(|(nth, (name, ..))| (inode(nth), FileType::CharacterDevice, *name));
        let all = own.into_iter().chain(devices).enumerate();
        for (nth, (inode, file_type, name)) in all.skip(usize::try_from(cookie).unwrap_or(usize::MAX)) {
            if !take((nth as u64).saturating_add(1), inode, file_type, name.as_bytes())? {
                break;
            }
        }
        Ok(())
    }

    fn read_link(&self, path: &CStr) -> Result<Vec<u8>> {
        find(path).and(Err(Errno::Inval.into()))
    }
}
