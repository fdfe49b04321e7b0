//! Standard input, output and error: the process's own descriptors, unbuffered, and never closed.
//!
//! wasi-common's go through the buffers of Rust's standard library: a byte that was read ahead is lost to `poll_oneoff` and to
//! programs that share the descriptor, and every write is copied. Closing one from inside the guest must not let a
//! file take descriptor 2, where trap messages go.
//!
//! SIGPIPE keeps its default action: a program whose reader has gone ends without a word, as C programs do.

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{self, FileType as SystemType, OFlags, SeekFrom};
use rustix::io;
use std::any::Any;
use std::io::{IoSlice, IoSliceMut};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wasi_common::file::{FdFlags, FileType, Filestat, WasiFile};
use wasi_common::{Error, ErrorExt};

pub struct Stdio(BorrowedFd<'static>);

impl Stdio {
    pub fn new(descriptor: i32) -> Stdio {
        // SAFETY: 0, 1 and 2 are the process's for as long as it runs: nothing here closes them. If the process was
        // started without them, every operation fails with EBADF.
        Stdio(unsafe { BorrowedFd::borrow_raw(descriptor) })
    }
}

/// An error of the system as one of wasi-common's.
fn system(error: io::Errno) -> Error {
    std::io::Error::from(error).into()
}

#[async_trait::async_trait]
impl WasiFile for Stdio {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn pollable(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }

    fn isatty(&self) -> bool {
        rustix::termios::isatty(self.0)
    }

    /// Guests take a character device for a terminal, so `/dev/null` must not be one.
    async fn get_filetype(&self) -> Result<FileType, Error> {
        if self.isatty() {
            return Ok(FileType::CharacterDevice);
        }
        let stat = fs::fstat(self.0).map_err(system)?;
        Ok(match SystemType::from_raw_mode(stat.st_mode) {
            SystemType::RegularFile => FileType::RegularFile,
            SystemType::Socket => FileType::SocketStream,
            _ => FileType::Unknown,
        })
    }

    async fn get_fdflags(&self) -> Result<FdFlags, Error> {
        let flags = fs::fcntl_getfl(self.0).map_err(system)?;
        let mut result = FdFlags::empty();
        result.set(FdFlags::APPEND, flags.contains(OFlags::APPEND));
        result.set(FdFlags::NONBLOCK, flags.contains(OFlags::NONBLOCK));
        Ok(result)
    }

    async fn get_filestat(&self) -> Result<Filestat, Error> {
        let stat = fs::fstat(self.0).map_err(system)?;
        Ok(Filestat {
            device_id: stat.st_dev,
            inode: stat.st_ino,
            filetype: self.get_filetype().await?,
            nlink: stat.st_nlink,
            size: stat.st_size as u64,
            atim: time(stat.st_atime, stat.st_atime_nsec),
            mtim: time(stat.st_mtime, stat.st_mtime_nsec),
            ctim: time(stat.st_ctime, stat.st_ctime_nsec),
        })
    }

    async fn set_filestat_size(&self, size: u64) -> Result<(), Error> {
        fs::ftruncate(self.0, size).map_err(system)
    }

    async fn datasync(&self) -> Result<(), Error> {
        fs::fdatasync(self.0).map_err(system)
    }

    async fn sync(&self) -> Result<(), Error> {
        fs::fsync(self.0).map_err(system)
    }

    async fn read_vectored<'a>(&self, buffers: &mut [IoSliceMut<'a>]) -> Result<u64, Error> {
        Ok(io::retry_on_intr(|| io::readv(self.0, buffers)).map_err(system)? as u64)
    }

    async fn read_vectored_at<'a>(&self, buffers: &mut [IoSliceMut<'a>], offset: u64) -> Result<u64, Error> {
        Ok(io::retry_on_intr(|| io::preadv(self.0, buffers, offset)).map_err(system)? as u64)
    }

    async fn write_vectored<'a>(&self, buffers: &[IoSlice<'a>]) -> Result<u64, Error> {
        Ok(io::retry_on_intr(|| io::writev(self.0, buffers)).map_err(system)? as u64)
    }

    async fn write_vectored_at<'a>(&self, buffers: &[IoSlice<'a>], offset: u64) -> Result<u64, Error> {
        Ok(io::retry_on_intr(|| io::pwritev(self.0, buffers, offset)).map_err(system)? as u64)
    }

    async fn seek(&self, position: std::io::SeekFrom) -> Result<u64, Error> {
        let position = match position {
            std::io::SeekFrom::Start(offset) => SeekFrom::Start(offset),
            std::io::SeekFrom::Current(offset) => SeekFrom::Current(offset),
            std::io::SeekFrom::End(offset) => SeekFrom::End(offset),
        };
        fs::seek(self.0, position).map_err(system)
    }

    async fn peek(&self, _: &mut [u8]) -> Result<u64, Error> {
        Err(Error::seek_pipe())
    }

    fn num_ready_bytes(&self) -> Result<u64, Error> {
        io::ioctl_fionread(self.0).map_err(system)
    }
}

fn time(seconds: i64, nanoseconds: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::new(seconds.try_into().ok()?, nanoseconds as u32))
}
