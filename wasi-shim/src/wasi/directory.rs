//! Granted directories, and the list of what is in a directory.
//!
//! A cookie is the system's own position after an entry. So a list goes on where it stopped even
//! when entries came or went meanwhile, as far as the file system can do that, and nothing has to
//! be remembered or read twice.

use crate::wasi::descriptor::Home;
use crate::wasi::embedded::EmbeddedNode;
use crate::wasi::errno::{Errno, Result};
use crate::wasi::guest::{Cursor, Guest};
use crate::wasi::rights;
use crate::wasi::types::FileType;
use crate::width::saturating_u32;
use rustix::fs::{self, AtFlags, FileType as SystemType, RawDir, SeekFrom};
use std::fs::File;
use std::mem::MaybeUninit;
use std::sync::PoisonError;

/// `$prestat` of a directory: the tag, and the length of the name.
pub fn prestat_get(guest: &Guest, number: u32, result: u32) -> Result<()> {
    let descriptor = guest.context.descriptors.get(number)?;
    let directory = descriptor.as_directory().map_err(|_| Errno::Badf)?;
    let name = directory.preopen.as_ref().ok_or(Errno::Badf)?;
    let mut bytes = [0; 8];
    bytes[4..].copy_from_slice(&saturating_u32(name.len()).to_le_bytes());
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
    let mut output = Output { place: guest.cursor(buffer), left: size };
    let _guard = directory.listing.lock().unwrap_or_else(PoisonError::into_inner);
    match &directory.home {
        Home::Host(host) => list(host, cookie, &mut output)?,
        Home::Embedded(place) => list_embedded(place, cookie, &mut output)?,
    }
    guest.write_u32(result, size.saturating_sub(output.left))
}

/// `.`, `..`, and the entries; a cookie is the number of the next.
fn list_embedded(place: &EmbeddedNode, cookie: u64, output: &mut Output) -> Result<()> {
    let own = [(&b"."[..], place.clone()), (b"..", place.clone())];
    let all = own.into_iter().chain(place.entries());
    for (nth, (name, place)) in all.enumerate().skip(usize::try_from(cookie).unwrap_or(usize::MAX)) {
        if output.left == 0 {
            break;
        }
        let stat = place.stat();
        output.entry((nth as u64).saturating_add(1), stat.inode, stat.file_type, name)?;
    }
    Ok(())
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
