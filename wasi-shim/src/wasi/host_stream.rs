//! A standard stream that is functions of the library's host, or nothing at all. To the guest it
//! looks like a pipe: it has no position.

use crate::abi::config::{STREAM_CALLBACK, Stream};
use crate::wasi::errno::{Errno, Failure, Result};
use crate::wasi::tree::{Contents, FileChange, HostCall, Pieces};
use crate::wasi::types::{FileType, Filestat};
use rustix::fs::{OFlags, SeekFrom};
use std::sync::atomic::{AtomicU32, Ordering};

pub struct HostStream {
    stream: Stream,
    /// Which of the three it is.
    number: u32,
    /// As of `fcntl(2)`: the guest's wishes, of which the host knows nothing.
    flags: AtomicU32,
}

// SAFETY: the pointers are the host's, which says that they may be used while the library is in
// use, by one thread at a time.
unsafe impl Send for HostStream {}
// SAFETY: as above.
unsafe impl Sync for HostStream {}

impl HostStream {
    pub fn new(stream: Stream, number: u32) -> HostStream {
        HostStream { stream, number, flags: AtomicU32::new(0) }
    }
}

/// The device number of these streams: no device of the system has it.
const DEVICE: u64 = u64::MAX - 2;

impl Contents for HostStream {
    fn stat(&self) -> Result<Filestat> {
        let inode = u64::from(self.number);
        Ok(Filestat { device: DEVICE, inode, file_type: FileType::Unknown, links: 1, size: 0, times: [0; 3] })
    }

    fn read(&self, _: &[libc::iovec], _: Option<u64>) -> Result<usize> {
        Err(Errno::Spipe.into())
    }

    fn seek(&self, _: SeekFrom) -> Result<u64> {
        Err(Errno::Spipe.into())
    }

    fn write(&self, _: &[libc::iovec], _: Option<u64>) -> Result<usize> {
        Err(Errno::Spipe.into())
    }

    fn change(&self, change: FileChange) -> Result<()> {
        match change {
            FileChange::SetFlags(flags) => {
                self.flags.store(flags.bits(), Ordering::Relaxed);
                Ok(())
            }
            _ => Err(Errno::Inval.into()),
        }
    }

    fn flags(&self) -> OFlags {
        OFlags::from_bits_retain(self.flags.load(Ordering::Relaxed))
    }

    fn host(&self) -> Option<(HostCall, Stream)> {
        Some((call, self.stream))
    }
}

/// Reads into the first piece, or writes all of them until the host takes less than there is.
///
/// A trap that the host's function raises leaves this frame as `longjmp` does, so nothing here
/// needs to be released.
fn call(stream: Stream, pieces: Pieces, is_read: bool) -> Result<usize> {
    let mut total = 0usize;
    while let Some(piece) = pieces()? {
        match call_once(stream, &piece, is_read) {
            Ok(n) => {
                total = total.saturating_add(n);
                if is_read || n < piece.iov_len {
                    break;
                }
            }
            Err(failure) if total == 0 => return Err(failure),
            // The guest's next call will get the error.
            Err(_) => break,
        }
    }
    Ok(total)
}

fn call_once(stream: Stream, piece: &libc::iovec, is_read: bool) -> Result<usize> {
    let function = if is_read { stream.read } else { stream.write };
    let function = match function {
        Some(function) if stream.kind == STREAM_CALLBACK => function,
        _ => return Ok(if is_read { 0 } else { piece.iov_len }),
    };
    loop {
        // SAFETY: the host gave the function and its data for this. The piece lies in the guest's
        // memory, as was checked.
        let n = unsafe { function(stream.data, piece.iov_base, piece.iov_len) };
        match usize::try_from(n) {
            Ok(n) if n <= piece.iov_len => return Ok(n),
            // More than there is: nothing is known of what it did.
            Ok(_) => return Err(Errno::Io.into()),
            Err(_) => match i32::try_from(n.unsigned_abs()).map_or(Errno::Io, Errno::from_system) {
                Errno::Intr => {}
                errno => return Err(Failure::Errno(errno)),
            },
        }
    }
}
