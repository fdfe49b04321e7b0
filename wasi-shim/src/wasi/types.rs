//! Words of WASI's `typenames.witx` that several modules speak, and what they are for the system.

use crate::width::wide;
use rustix::fs::{FileType as SystemType, Stat};

/// `$filetype` of `typenames.witx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FileType {
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketStream = 6,
    SymbolicLink = 7,
}

impl FileType {
    pub fn of(system: SystemType) -> FileType {
        match system {
            SystemType::BlockDevice => FileType::BlockDevice,
            SystemType::CharacterDevice => FileType::CharacterDevice,
            SystemType::Directory => FileType::Directory,
            SystemType::RegularFile => FileType::RegularFile,
            SystemType::Socket => FileType::SocketStream,
            SystemType::Symlink => FileType::SymbolicLink,
            _ => FileType::Unknown,
        }
    }

    /// Whether it has a position.
    pub fn is_seekable(self) -> bool {
        matches!(self, FileType::RegularFile | FileType::BlockDevice)
    }
}

/// `$filestat`: what is known of a file.
pub struct Filestat {
    pub device: u64,
    pub inode: u64,
    pub file_type: FileType,
    pub links: u64,
    pub size: u64,
    /// Nanoseconds: accessed, modified, changed.
    pub times: [u64; 3],
}

impl Filestat {
    /// What the system knows.
    pub fn of(stat: Stat) -> Filestat {
        let time = |seconds: i64, nanoseconds: u64| {
            let time = i128::from(seconds).saturating_mul(1_000_000_000).saturating_add(nanoseconds.into());
            // WASI has no time before 1970, and none after 2554.
            u64::try_from(time).unwrap_or(0)
        };
        Filestat {
            device: stat.st_dev,
            inode: stat.st_ino,
            file_type: FileType::of(SystemType::from_raw_mode(stat.st_mode)),
            links: wide(stat.st_nlink),
            size: stat.st_size.unsigned_abs(),
            times: [
                time(stat.st_atime, stat.st_atime_nsec),
                time(stat.st_mtime, stat.st_mtime_nsec),
                time(stat.st_ctime, stat.st_ctime_nsec),
            ],
        }
    }
}
