//! Directories that are not the system's, and the files in them: what the functions of WASI ask of
//! them.
//!
//! There are three: [`embedded`](crate::wasi::embedded) trees, [`volume`](crate::wasi::volume) and
//! [`devices`](crate::wasi::devices). Programs reach them through these traits only, so that one
//! that looks for no directory carries none.
//! Paths are relative, and never lead out of the directory that they are given to.

use crate::abi::config::Stream;
use crate::wasi::errno::{Errno, Result};
use crate::wasi::types::{FileType, Filestat};
use crate::wasi::volume::directory::VolumeDirectory;
use rustix::fd::OwnedFd;
use rustix::fs::{OFlags, SeekFrom, Timestamps};
use std::ffi::CStr;

/// What was opened.
pub enum Opened {
    Directory(Box<dyn Tree>),
    File(Box<dyn Contents>),
    /// The system's.
    Device(OwnedFd),
}

/// Takes an entry of a directory: the cookie of what follows, inode, type and name. Whether there
/// is room for more.
pub type TakeEntry<'a> = &'a mut dyn FnMut(u64, u64, FileType, &[u8]) -> Result<bool>;

/// A directory.
pub trait Tree: Send + Sync {
    /// A link itself, if it is not followed.
    fn stat(&self, path: &CStr, follow: bool) -> Result<Filestat>;

    /// Flags as of `open(2)`.
    fn open(&self, path: &CStr, flags: OFlags) -> Result<Opened>;

    /// The entries after a cookie, `.` and `..` first.
    fn list(&self, cookie: u64, take: TakeEntry) -> Result<()>;

    /// The target of a link.
    fn read_link(&self, path: &CStr) -> Result<Vec<u8>>;

    /// Whether nothing in it ever changes: neither names nor contents.
    fn is_constant(&self) -> bool {
        false
    }

    /// Changes something in the directory.
    fn change(&self, change: Change) -> Result<()> {
        let _ = change;
        Err(Errno::Rofs.into())
    }

    /// The directory of a volume that it is.
    fn as_volume(&self) -> Option<&VolumeDirectory> {
        None
    }
}

/// A change below a directory.
pub enum Change<'a> {
    CreateDirectory(&'a CStr),
    RemoveDirectory(&'a CStr),
    Unlink(&'a CStr),
    Symlink { target: &'a CStr, path: &'a CStr },
    SetTimes { path: &'a CStr, follow: bool, times: &'a Timestamps },
    Rename { path: &'a CStr, to: &'a dyn Tree, new_path: &'a CStr },
    Link { path: &'a CStr, to: &'a dyn Tree, new_path: &'a CStr },
}

/// The guest's places to read into or to write from, one after the other.
pub type Pieces<'a> = &'a mut dyn FnMut() -> Result<Option<libc::iovec>>;

/// Reads from a stream, or writes to it; how many bytes.
pub type HostCall = fn(Stream, Pieces, is_read: bool) -> Result<usize>;

/// An open file. Pieces lie in the guest's memory, as `Guest::pieces` checked. What changes a file
/// is `badf` where nothing else is said: it can only be read.
pub trait Contents: Send + Sync {
    fn stat(&self) -> Result<Filestat>;

    /// Where there is no offset, from the position on, which moves.
    fn read(&self, pieces: &[libc::iovec], offset: Option<u64>) -> Result<usize>;

    fn seek(&self, position: SeekFrom) -> Result<u64>;

    fn write(&self, pieces: &[libc::iovec], offset: Option<u64>) -> Result<usize> {
        let _ = (pieces, offset);
        Err(Errno::Badf.into())
    }

    fn change(&self, change: FileChange) -> Result<()> {
        let _ = change;
        Err(Errno::Badf.into())
    }

    /// As of `fcntl(2)`.
    fn flags(&self) -> OFlags {
        OFlags::empty()
    }

    /// A stream of functions of the host, and what calls them, in place of [`Contents::read`] and
    /// [`Contents::write`]. Not a method that does so itself: the host may never return, and what
    /// counts the descriptor must not wait for it.
    fn host(&self) -> Option<(HostCall, Stream)> {
        None
    }
}

/// A change of an open file.
pub enum FileChange<'a> {
    SetSize(u64),
    Allocate {
        offset: u64,
        length: u64,
    },
    SetTimes(&'a Timestamps),
    /// As of `fcntl(2)`.
    SetFlags(OFlags),
}
