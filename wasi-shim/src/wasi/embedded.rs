//! Directory trees that the program carries (`--embed`), read where they lie.
//!
//! Comes in: the bytes of [`crate::abi::wasi::embedded`], which the compiler wrote. Nothing is
//! unpacked before it is read, and then a block at a time; the last few stay, however many files
//! are open. Nothing here can be changed.

use crate::abi::program::{Packed, Program};
use crate::abi::wasi::embedded::{BLOCK, BLOCK_SIZE, DIRECTORY, ENTRY_SIZE, LINK, NODE_SIZE};
use crate::program::slice;
use crate::wasi::errno::{Errno, Result};
use crate::wasi::tree::{Contents, Opened, TakeEntry, Tree};
use crate::wasi::types::{FileType, Filestat};
use crate::wasi::unpack::Unpack;
use crate::width::usize_of;
use rustix::fs::{OFlags, SeekFrom};
use std::ffi::CStr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// Links that are followed on one way (`MAXSYMLINKS` of Linux).
const MOST_LINKS: u32 = 40;

/// Bytes that one call reads (`MAX_RW_COUNT` of Linux): the guest counts in 32 bits.
const MOST_AT_ONCE: usize = 0x7fff_f000;

/// The device number of embedded files: no device of the system has it.
const DEVICE: u64 = u64::MAX;

/// A node.
#[derive(Clone)]
pub struct EmbeddedNode {
    bytes: &'static [u8],
    node: u32,
    unpack: Option<Unpack>,
}

/// A number at a place and so many bytes on.
fn u32_at(bytes: &[u8], at: usize, offset: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..][offset..].first_chunk().expect("the compiler wrote it"))
}

fn u64_at(bytes: &[u8], at: usize, offset: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..][offset..].first_chunk().expect("the compiler wrote it"))
}

/// The place of a row of an array.
fn row(start: u64, number: usize, size: usize) -> usize {
    usize_of(start).saturating_add(number.saturating_mul(size))
}

fn piece(bytes: &'static [u8], start: u64, length: usize) -> &'static [u8] {
    &bytes[usize_of(start)..][..length]
}

impl EmbeddedNode {
    /// The root of a tree; nothing if there are not so many.
    pub fn root(program: &Program, index: u32) -> Option<EmbeddedNode> {
        // SAFETY: `embedded_length` bytes of constant data.
        let bytes = unsafe { slice(program.embedded, program.embedded_length) };
        let exists = !bytes.is_empty() && u64::from(index) < u64_at(bytes, 0, 8);
        exists.then_some(EmbeddedNode { bytes, node: index, unpack: program.unpack })
    }

    fn at(&self) -> usize {
        row(u64_at(self.bytes, 0, 0), self.node as usize, NODE_SIZE)
    }

    fn kind(&self) -> u32 {
        u32_at(self.bytes, self.at(), 0)
    }

    fn count(&self) -> usize {
        u32_at(self.bytes, self.at(), 4) as usize
    }

    /// Where the entries, the blocks or the target are.
    fn start(&self) -> u64 {
        u64_at(self.bytes, self.at(), 8)
    }

    fn size(&self) -> u64 {
        u64_at(self.bytes, self.at(), 16)
    }

    fn metadata(&self) -> Filestat {
        let file_type = match self.kind() {
            DIRECTORY => FileType::Directory,
            LINK => FileType::SymbolicLink,
            _ => FileType::RegularFile,
        };
        let inode = u64::from(self.node).saturating_add(1);
        Filestat { device: DEVICE, inode, file_type, links: 1, size: self.size(), times: [0; 3] }
    }

    /// # Errors
    /// `inval` if it is not a link.
    fn target(&self) -> Result<&'static [u8]> {
        match self.kind() {
            LINK => Ok(piece(self.bytes, self.start(), self.count())),
            _ => Err(Errno::Inval.into()),
        }
    }

    /// What is in a directory, by name.
    fn entries(&self) -> impl Iterator<Item = (&'static [u8], EmbeddedNode)> {
        let directory = self.clone();
        (0..self.count()).map(move |nth| directory.entry(nth))
    }

    fn entry(&self, nth: usize) -> (&'static [u8], EmbeddedNode) {
        let at = row(self.start(), nth, ENTRY_SIZE);
        let name = piece(self.bytes, u64_at(self.bytes, at, 0), u32_at(self.bytes, at, 8) as usize);
        (name, EmbeddedNode { bytes: self.bytes, node: u32_at(self.bytes, at, 12), unpack: self.unpack })
    }

    fn child(&self, name: &[u8]) -> Result<EmbeddedNode> {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low.midpoint(high);
            let (found, place) = self.entry(middle);
            match found.cmp(name) {
                std::cmp::Ordering::Less => low = middle.saturating_add(1),
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(place),
            }
        }
        Err(Errno::Noent.into())
    }

    /// What a path names below this directory; a link itself if the last is not followed.
    ///
    /// # Errors
    /// As the system's: `noent`, `notdir`, `loop`; `perm` for a way out.
    fn find(&self, path: &CStr, follow: bool) -> Result<EmbeddedNode> {
        let path = path.to_bytes();
        if path.starts_with(b"/") {
            return Err(Errno::Perm.into());
        }
        // The directories on the way here, and the steps to go, the next one last.
        let mut way = vec![self.clone()];
        let mut steps: Vec<&[u8]> = path.rsplit(|&byte| byte == b'/').collect();
        let mut n_links: u32 = 0;
        while let Some(step) = steps.pop() {
            let here = way.last().ok_or(Errno::Perm)?;
            if here.kind() != DIRECTORY {
                return Err(Errno::Notdir.into());
            }
            match step {
                b"" | b"." => {}
                b".." if way.len() == 1 => return Err(Errno::Perm.into()),
                b".." => {
                    way.pop();
                }
                name => {
                    let child = here.child(name)?;
                    if child.kind() != LINK || (!follow && steps.is_empty()) {
                        way.push(child);
                        continue;
                    }
                    n_links = n_links.saturating_add(1);
                    let target = child.target()?;
                    if n_links > MOST_LINKS {
                        return Err(Errno::Loop.into());
                    }
                    if target.starts_with(b"/") {
                        return Err(Errno::Perm.into());
                    }
                    steps.extend(target.rsplit(|&byte| byte == b'/'));
                }
            }
        }
        Ok(way.pop().ok_or(Errno::Perm)?)
    }
}

impl Tree for EmbeddedNode {
    fn stat(&self, path: &CStr, follow: bool) -> Result<Filestat> {
        Ok(self.find(path, follow)?.metadata())
    }

    fn open(&self, path: &CStr, flags: OFlags) -> Result<Opened> {
        let found = self.find(path, !flags.contains(OFlags::NOFOLLOW))?;
        match found.kind() {
            DIRECTORY => Ok(Opened::Directory(Box::new(found))),
            _ if flags.contains(OFlags::DIRECTORY) => Err(Errno::Notdir.into()),
            LINK => Err(Errno::Loop.into()),
            _ => Ok(Opened::File(Box::new(OpenFile { place: found, position: Mutex::new(0) }))),
        }
    }

    /// A cookie is the number of the next entry.
    fn list(&self, cookie: u64, take: TakeEntry) -> Result<()> {
        let own = [(&b"."[..], self.clone()), (b"..", self.clone())];
        let all = own.into_iter().chain(self.entries());
        for (nth, (name, place)) in all.enumerate().skip(usize::try_from(cookie).unwrap_or(usize::MAX)) {
            let Filestat { inode, file_type, .. } = place.metadata();
            if !take((nth as u64).saturating_add(1), inode, file_type, name)? {
                break;
            }
        }
        Ok(())
    }

    fn read_link(&self, path: &CStr) -> Result<Vec<u8>> {
        self.find(path, false)?.target().map(<[u8]>::to_vec)
    }

    fn is_constant(&self) -> bool {
        true
    }
}

/// A file that the guest has opened.
struct OpenFile {
    place: EmbeddedNode,
    position: Mutex<u64>,
}

/// The contents of a block, as they lie in the program, or unpacked.
enum Block {
    Stored(&'static [u8]),
    Unpacked(Arc<[u8]>),
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Block::Stored(bytes) => bytes,
            Block::Unpacked(bytes) => bytes,
        }
    }
}

/// Blocks that are kept unpacked, of all trees of the process together.
const MOST_UNPACKED: usize = 16;

/// A block by where it is stored.
type Unpacked = (usize, Arc<[u8]>);

/// The blocks that were unpacked, the one that was read last in front.
static UNPACKED: Mutex<Vec<Unpacked>> = Mutex::new(Vec::new());

/// The contents of a block of `length` bytes. It is unpacked without the lock, so that other
/// threads can read what is there.
fn unpack(function: Unpack, stored: &'static [u8], length: usize) -> Result<Arc<[u8]>> {
    let key = stored.as_ptr() as usize;
    let blocks = || UNPACKED.lock().unwrap_or_else(PoisonError::into_inner);
    {
        let mut blocks = blocks();
        if let Some(nth) = blocks.iter().position(|(other, _)| *other == key) {
            blocks[..=nth].rotate_right(1);
            return Ok(blocks[0].1.clone());
        }
    }
    let mut bytes = vec![0; length];
    let packed = Packed { stored: stored.as_ptr(), stored_length: stored.len(), place: bytes.as_mut_ptr(), length };
    // SAFETY: both places have so many bytes.
    if unsafe { function(&packed) } != 0 {
        return Err(Errno::Io.into());
    }
    let block: Arc<[u8]> = bytes.into();
    let mut blocks = blocks();
    blocks.truncate(MOST_UNPACKED - 1);
    blocks.insert(0, (key, block.clone()));
    Ok(block)
}

impl Contents for OpenFile {
    fn stat(&self) -> Result<Filestat> {
        Ok(self.place.metadata())
    }

    fn read(&self, pieces: &[libc::iovec], offset: Option<u64>) -> Result<usize> {
        if let Some(offset) = offset {
            return self.read_at(pieces, offset);
        }
        let mut position = self.position.lock().unwrap_or_else(PoisonError::into_inner);
        let n = self.read_at(pieces, *position)?;
        *position = position.saturating_add(n as u64);
        Ok(n)
    }

    fn seek(&self, position: SeekFrom) -> Result<u64> {
        let mut now = self.position.lock().unwrap_or_else(PoisonError::into_inner);
        let new = match position {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(offset) => now.checked_add_signed(offset),
            SeekFrom::End(offset) => self.place.size().checked_add_signed(offset),
            _ => None,
        };
        *now = new.filter(|&new| i64::try_from(new).is_ok()).ok_or(Errno::Inval)?;
        Ok(*now)
    }
}

impl OpenFile {
    fn read_at(&self, pieces: &[libc::iovec], mut offset: u64) -> Result<usize> {
        if i64::try_from(offset).is_err() {
            return Err(Errno::Inval.into());
        }
        let mut done: usize = 0;
        for piece in pieces {
            let length = piece.iov_len.min(MOST_AT_ONCE.saturating_sub(done));
            let mut filled: usize = 0;
            while filled < length && offset < self.place.size() {
                let block = self.block(usize_of(offset) / BLOCK)?;
                let bytes = &block[usize_of(offset) % BLOCK..];
                let n = bytes.len().min(length.saturating_sub(filled));
                // SAFETY: the piece lies in the guest's memory, as `Guest::pieces` checked, and the
                // block does not.
                unsafe { libc::memcpy(piece.iov_base.byte_add(filled), bytes.as_ptr().cast(), n) };
                filled = filled.saturating_add(n);
                offset = offset.saturating_add(n as u64);
            }
            done = done.saturating_add(filled);
        }
        Ok(done)
    }

    /// The contents of a block.
    fn block(&self, number: usize) -> Result<Block> {
        let bytes = self.place.bytes;
        let at = row(self.place.start(), number, BLOCK_SIZE);
        let stored = piece(bytes, u64_at(bytes, at, 0), u32_at(bytes, at, 8) as usize);
        let length = u32_at(bytes, at, 12) as usize;
        if stored.len() == length {
            return Ok(Block::Stored(stored));
        }
        unpack(self.place.unpack.ok_or(Errno::Io)?, stored, length).map(Block::Unpacked)
    }
}
