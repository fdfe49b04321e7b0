//! Granted directories, and the list of what is in a directory.
//!
//! A cookie is the system's own position behind an entry. So a list goes on where it stopped even when entries came or went
//! meanwhile, as far as the file system can do that, and nothing has to be remembered or read twice.

use crate::wasi::descriptor::FileType;
use crate::wasi::errno::{Errno, Result};
use crate::wasi::guest::Guest;
use crate::wasi::rights;
use rustix::fs::{self, AtFlags, FileType as SystemType, RawDir, SeekFrom};
use std::mem::MaybeUninit;
use std::sync::PoisonError;

/// `$prestat` of a directory: the tag, and the length of the name.
pub fn prestat_get(guest: &Guest, number: u32, result: u32) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    let directory = descriptor.as_directory().map_err(|_| Errno::Badf)?;
    let name = directory.preopen.as_ref().ok_or(Errno::Badf)?;
    let mut bytes = [0; 8];
    bytes[4..].copy_from_slice(&(name.len() as u32).to_le_bytes());
    guest.write(result, &bytes)
}

pub fn prestat_dir_name(guest: &Guest, number: u32, buffer: u32, size: u32) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    let name = descriptor.as_directory()?.preopen.as_ref().ok_or(Errno::Badf)?;
    if name.len() > size as usize {
        return Err(Errno::Nametoolong.into());
    }
    guest.write(buffer, name)
}

/// Bytes of a `$dirent`, which the name follows.
const ENTRY_SIZE: usize = 24;

pub fn readdir(guest: &Guest, number: u32, buffer: u32, size: u32, cookie: u64, result: u32) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    let directory = descriptor.as_directory().map_err(|_| Errno::Badf)?;
    descriptor.require(rights::FD_READDIR)?;
    guest.at(result, 4)?;
    let mut output = Output { guest, next: buffer, left: size };
    let _guard = directory.listing.lock().unwrap_or_else(PoisonError::into_inner);
    let start = i64::try_from(cookie).map_err(|_| Errno::Inval)?;
    fs::seek(&directory.host, SeekFrom::Start(start as u64))?;
    let mut scratch = [MaybeUninit::uninit(); 8192];
    let mut entries = RawDir::new(&directory.host, &mut scratch);
    while output.left != 0 {
        let Some(entry) = entries.next() else { break };
        let entry = entry?;
        let name = entry.file_name();
        let mut file_type = entry.file_type();
        let mut inode = entry.ino();
        if name == c".." {
            // The directory above may be one that was not granted.
            inode = fs::fstat(&directory.host)?.st_ino;
        } else if file_type == SystemType::Unknown {
            // Some file systems don't say. What is gone already keeps its unknown type.
            let stat = fs::statat(&directory.host, name, AtFlags::SYMLINK_NOFOLLOW);
            file_type = stat.map_or(file_type, |stat| SystemType::from_raw_mode(stat.st_mode));
        }
        let name = name.to_bytes();
        let mut head = [0; ENTRY_SIZE];
        head[0..8].copy_from_slice(&entry.next_entry_cookie().to_le_bytes());
        head[8..16].copy_from_slice(&inode.to_le_bytes());
        head[16..20].copy_from_slice(&(name.len() as u32).to_le_bytes());
        head[20] = FileType::of(file_type) as u8;
        output.put(&head)?;
        output.put(name)?;
    }
    guest.write_u32(result, size - output.left)
}

/// The guest's buffer: the entry that does not fit is cut, and a full buffer tells the guest that there may be more.
struct Output<'a> {
    guest: &'a Guest,
    next: u32,
    left: u32,
}

impl Output<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let length = bytes.len().min(self.left as usize);
        self.guest.write(self.next, &bytes[..length])?;
        self.next = self.next.wrapping_add(length as u32);
        self.left -= length as u32;
        Ok(())
    }
}
