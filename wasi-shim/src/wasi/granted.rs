//! Directories of the host that are granted: opened for reading, and asked whether they may be.

use crate::system::kernel;
use crate::text::Text;
use rustix::fd::AsFd;
use rustix::fs::{self, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use std::fmt::Write;
use std::fs::File;
use std::io;

/// Why a directory is not granted.
pub enum Refused {
    System(io::Error),
    /// Its file system gives access to the memory of processes.
    Memory,
}

impl Refused {
    /// Writes a message. `purpose`: what the directory was for.
    #[cold]
    pub fn explain(&self, text: &mut Text, name: &[u8], purpose: &str) {
        match self {
            Refused::System(error) => {
                text.add("cannot open directory `").add_name(name).add("` for ").add(purpose).add(": ");
                let _ = write!(text, "{error}");
            }
            Refused::Memory => {
                text.add("cannot grant directory `").add_name(name).add("` for ").add(purpose);
                text.add(": its file system (procfs or the like) gives access to the memory of processes");
            }
        }
    }
}

/// Opens a directory by a path that begins at another.
#[cold]
pub fn open(at: impl AsFd, path: &[u8], read_only: bool) -> Result<File, Refused> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = |flags| retry_on_intr(|| fs::openat(&at, path, flags, Mode::empty()));
    let opened = match open(if read_only { flags | OFlags::NOATIME } else { flags }) {
        // Only the owner can ask for that.
        Err(Errno::PERM) if read_only => open(flags),
        opened => opened,
    };
    let opened = File::from(opened.map_err(|error| Refused::System(error.into()))?);
    // In doubt, it is.
    match kernel::is_on_memory_file_system(&opened) {
        Ok(false) => Ok(opened),
        _ => Err(Refused::Memory),
    }
}
