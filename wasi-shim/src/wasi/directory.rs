//! Granted directories, and the list of what is in a directory.
//!
//! A cookie is the system's own position after an entry. So a list goes on where it stopped even
//! when entries came or went meanwhile, as far as the file system can do that, and nothing has to
//! be remembered or read twice.

use crate::wasi::descriptor::{Descriptor, Home, Object};
use crate::wasi::errno::{Errno, Result};
use crate::wasi::guest::{Cursor, Guest};
use crate::wasi::refused;
use crate::wasi::rights;
use crate::wasi::types::FileType;
use crate::width::saturating_u32;
use rustix::fs::{self, AtFlags, FileType as SystemType, RawDir, SeekFrom};
use std::fs::File;
use std::mem::MaybeUninit;
use std::sync::PoisonError;

/// `$prestat` of a directory: the tag, and the length of the name.
pub fn prestat_get(guest: &Guest, number: u32, result: u32) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number).inspect_err(|_| refused::asked(guest, number))?;
    let name = prestat_name(&descriptor).ok_or(Errno::Badf)?;
    let mut bytes = [0; 8];
    bytes[4..].copy_from_slice(&saturating_u32(name.len()).to_le_bytes());
    guest.write(result, &bytes)
}

pub fn prestat_dir_name(guest: &Guest, number: u32, buffer: u32, size: u32) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    let name = match prestat_name(&descriptor) {
        Some(name) => name,
        None => return Err(descriptor.as_directory().map_or_else(|failure| failure, |_| Errno::Badf.into())),
    };
    if name.len() > size as usize {
        return Err(Errno::Nametoolong.into());
    }
    guest.write(buffer, name)
}

/// What sockets are called where guests look for directories.
const LISTENER: &[u8] = b"listening socket";

/// The name of a granted directory. Guests look for directories from descriptor 3 on, up to the
/// first that is not one. Sockets precede directories, so they have a name that is in no path.
fn prestat_name(descriptor: &Descriptor) -> Option<&[u8]> {
    match &descriptor.object {
        Object::Directory(_) => granted_name(descriptor),
        Object::Listener(_) => Some(LISTENER),
        _ => None,
    }
}

/// The guest's name of a directory that was granted.
pub fn granted_name(descriptor: &Descriptor) -> Option<&[u8]> {
    descriptor.as_directory().ok()?.preopen.as_deref()
}

/// Bytes of a `$dirent`, which the name follows.
const ENTRY_SIZE: usize = 24;

pub fn readdir(guest: &Guest, number: u32, buffer: u32, size: u32, cookie: u64, result: u32) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    let directory = descriptor.as_directory().map_err(|_| Errno::Badf)?;
    descriptor.require(rights::FD_READDIR)?;
    guest.at(result, 4)?;
    let mut output = Output { place: guest.cursor(buffer), left: size };
    let _guard = directory.listing.lock().unwrap_or_else(PoisonError::into_inner);
    match &directory.home {
        Home::Host(host) => list(host, cookie, &mut output)?,
        Home::Virtual(tree) => tree.list(cookie, &mut |next, inode, file_type, name| {
            output.entry(next, inode, file_type, name)?;
            Ok(output.left != 0)
        })?,
    }
    guest.write_u32(result, size.saturating_sub(output.left))
}

fn list(host: &File, cookie: u64, output: &mut Output) -> Result<()> {
    if i64::try_from(cookie).is_err() {
        return Err(Errno::Inval.into());
    }
    fs::seek(host, SeekFrom::Start(cookie))?;
    let mut scratch = [MaybeUninit::uninit(); 8192];
    let mut entries = RawDir::new(host, &mut scratch);
    while output.left != 0 {
        let Some(entry) = entries.next() else { break };
        let entry = entry?;
        let name = entry.file_name();
        let mut file_type = entry.file_type();
        let mut inode = entry.ino();
        if name == c".." {
            // The directory above may be one that was not granted.
            inode = fs::fstat(host)?.st_ino;
        } else if file_type == SystemType::Unknown {
            // Some file systems don't say. What is gone already keeps its unknown type.
            let stat = fs::statat(host, name, AtFlags::SYMLINK_NOFOLLOW);
            file_type = stat.map_or(file_type, |stat| SystemType::from_raw_mode(stat.st_mode));
        }
        output.entry(entry.next_entry_cookie(), inode, FileType::of(file_type), name.to_bytes())?;
    }
    Ok(())
}

/// The guest's buffer: the entry that does not fit is cut, and a full buffer tells the guest that
/// there may be more.
struct Output<'a> {
    place: Cursor<'a>,
    left: u32,
}

impl Output<'_> {
    /// `$dirent` and the name.
    fn entry(&mut self, next: u64, inode: u64, file_type: FileType, name: &[u8]) -> Result<()> {
        let mut head = [0; ENTRY_SIZE];
        head[0..8].copy_from_slice(&next.to_le_bytes());
        head[8..16].copy_from_slice(&inode.to_le_bytes());
        head[16..20].copy_from_slice(&saturating_u32(name.len()).to_le_bytes());
        head[20] = file_type as u8;
        self.put(&head)?;
        self.put(name)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let length = bytes.len().min(self.left as usize);
        self.left = self.left.saturating_sub(saturating_u32(length));
        self.place.write(&bytes[..length])
    }
}
