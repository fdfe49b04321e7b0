//! An open file of a volume.

use crate::wasi::errno::{Errno, Result};
use crate::wasi::tree::{Contents, FileChange};
use crate::wasi::types::Filestat;
use crate::wasi::volume::state::{BLOCK, Kind, State, Volume};
use crate::width::usize_of;
use rustix::fs::{OFlags, SeekFrom};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that one call reads or writes (`MAX_RW_COUNT` of Linux): the guest counts in 32 bits.
const MOST_AT_ONCE: usize = 0x7fff_f000;

/// The position's lock is taken before that of the volume.
pub struct VolumeFile {
    volume: Arc<Volume>,
    inode: u64,
    position: Mutex<u64>,
    flags: AtomicU32,
}

impl VolumeFile {
    /// # Errors
    /// `noent` if there is no such file.
    pub fn open(volume: &Arc<Volume>, state: &mut State, inode: u64, flags: OFlags) -> Result<VolumeFile> {
        state.open(inode)?;
        let kept = flags & (OFlags::APPEND | OFlags::NONBLOCK | OFlags::DSYNC | OFlags::RSYNC | OFlags::SYNC);
        let flags = AtomicU32::new(kept.bits());
        Ok(VolumeFile { volume: volume.clone(), inode, position: Mutex::new(0), flags })
    }

    fn position(&self) -> MutexGuard<'_, u64> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn size(&self) -> Result<u64> {
        Ok(self.stat()?.size)
    }

    fn read_at(&self, pieces: &[libc::iovec], offset: u64) -> Result<usize> {
        let state = self.volume.lock();
        let Kind::File { size, blocks } = &state.get(self.inode)?.kind else { return Err(Errno::Badf.into()) };
        each_part(pieces, offset, *size, |place, length, number, start| {
            match blocks.get(number) {
                // SAFETY: the piece lies in the guest's memory, as `Guest::pieces` checked, and the
                // block does not.
                Some(block) => unsafe { libc::memcpy(place.cast(), block[start..].as_ptr().cast(), length) },
                // SAFETY: as above.
                None => unsafe { libc::memset(place.cast(), 0, length) },
            };
            Ok(())
        })
    }

    /// Writes what fits, at the file's end if there is no offset. How many bytes that were, and
    /// where they end.
    fn write_at(&self, pieces: &[libc::iovec], offset: Option<u64>) -> Result<(usize, u64)> {
        let mut state = self.volume.lock();
        let offset = offset.unwrap_or(state.get(self.inode)?.stat(self.inode).size);
        let mut end = offset;
        if offset >= i64::MAX.cast_unsigned() {
            return Err(Errno::Fbig.into());
        }
        let written = each_part(pieces, offset, i64::MAX.cast_unsigned(), |place, length, number, start| {
            let block = state.block(self.inode, number)?;
            // SAFETY: as in `read_at`.
            unsafe { libc::memcpy(block[start..].as_mut_ptr().cast(), place.cast(), length) };
            end = end.saturating_add(length as u64);
            Ok(())
        });
        let node = state.get_mut(self.inode)?;
        if let Kind::File { size, .. } = &mut node.kind
            && end > offset
        {
            *size = end.max(*size);
            node.touch();
        }
        written.map(|n| (n, end))
    }
}

/// Calls `take` with each part of the pieces that lies in one block, up to the file's `end`: its
/// place, its length, the number of the block and where in it. How many bytes that were; an error
/// only if it was the first part's.
fn each_part(
    pieces: &[libc::iovec],
    mut offset: u64,
    end: u64,
    mut take: impl FnMut(*mut u8, usize, u64, usize) -> Result<()>,
) -> Result<usize> {
    let mut done: usize = 0;
    for piece in pieces {
        let length = piece.iov_len.min(MOST_AT_ONCE.saturating_sub(done));
        let mut filled: usize = 0;
        while filled < length && offset < end {
            let start = usize_of(offset % BLOCK);
            let in_file = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
            let n = usize_of(BLOCK).saturating_sub(start).min(length.saturating_sub(filled)).min(in_file);
            let place = piece.iov_base.cast::<u8>().wrapping_add(filled);
            match take(place, n, offset / BLOCK, start) {
                Err(failure) if done == 0 && filled == 0 => return Err(failure),
                Err(_) => return Ok(done.saturating_add(filled)),
                Ok(()) => {}
            }
            filled = filled.saturating_add(n);
            offset = offset.saturating_add(n as u64);
        }
        done = done.saturating_add(filled);
    }
    Ok(done)
}

impl Contents for VolumeFile {
    fn stat(&self) -> Result<Filestat> {
        Ok(self.volume.lock().get(self.inode)?.stat(self.inode))
    }

    fn read(&self, pieces: &[libc::iovec], offset: Option<u64>) -> Result<usize> {
        match offset {
            Some(offset) if i64::try_from(offset).is_err() => Err(Errno::Inval.into()),
            Some(offset) => self.read_at(pieces, offset),
            None => {
                let mut position = self.position();
                let n = self.read_at(pieces, *position)?;
                *position = position.saturating_add(n as u64);
                Ok(n)
            }
        }
    }

    /// As on Linux, appending also holds where an offset is given.
    fn write(&self, pieces: &[libc::iovec], offset: Option<u64>) -> Result<usize> {
        if offset.is_some_and(|offset| i64::try_from(offset).is_err()) {
            return Err(Errno::Inval.into());
        }
        // Nothing moves the position then, not even to the end.
        if pieces.iter().all(|piece| piece.iov_len == 0) {
            return Ok(0);
        }
        let mut position = self.position();
        let start = (!self.flags().contains(OFlags::APPEND)).then(|| offset.unwrap_or(*position));
        let (n, end) = self.write_at(pieces, start)?;
        if offset.is_none() {
            *position = end;
        }
        Ok(n)
    }

    fn seek(&self, position: SeekFrom) -> Result<u64> {
        let mut now = self.position();
        let new = match position {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(offset) => now.checked_add_signed(offset),
            SeekFrom::End(offset) => self.size()?.checked_add_signed(offset),
            _ => None,
        };
        *now = new.filter(|&new| i64::try_from(new).is_ok()).ok_or(Errno::Inval)?;
        Ok(*now)
    }

    fn change(&self, change: FileChange) -> Result<()> {
        match change {
            FileChange::SetSize(size) => self.volume.lock().set_size(self.inode, size),
            FileChange::Allocate { offset, length } => {
                if length == 0 || [offset, length].iter().any(|&number| i64::try_from(number).is_err()) {
                    return Err(Errno::Inval.into());
                }
                self.volume.lock().allocate(self.inode, offset, length)
            }
            FileChange::SetTimes(times) => {
                self.volume.lock().get_mut(self.inode)?.set_times(times);
                Ok(())
            }
            FileChange::SetFlags(flags) => {
                self.flags.store(flags.bits(), Ordering::Relaxed);
                Ok(())
            }
        }
    }

    fn flags(&self) -> OFlags {
        OFlags::from_bits_retain(self.flags.load(Ordering::Relaxed))
    }
}

impl Drop for VolumeFile {
    fn drop(&mut self) {
        self.volume.lock().close(self.inode);
    }
}
