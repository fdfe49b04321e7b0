//! Files through which the system gives access to the memory of processes. Below every grant they
//! are refused with `acces`.
//!
//! With `/proc/self/mem` a guest could read and write all of its own process, and so leave the
//! sandbox. What was opened is asked itself, by its descriptor and before anything is read from it:
//! neither the path, nor links, nor mounts of the same files elsewhere matter.
//!
//! What belongs here is what reads or writes memory by plain reading and writing. Devices that need
//! `ioctl` or `mmap` for that are not dangerous in a guest's hands, because WASI has neither.

use crate::system::kernel;
use crate::wasi::errno::{Errno, Result};
use rustix::fs::{self, Stat};
use std::fs::File;

/// # Errors
/// `acces` if the file lies on a file system that gives access to memory.
pub fn refuse_file_system(opened: &File) -> Result<()> {
    if kernel::is_on_memory_file_system(opened)? { Err(Errno::Acces.into()) } else { Ok(()) }
}

/// The file's metadata.
///
/// # Errors
/// `acces` if the file gives access to memory.
pub fn refuse(opened: &File) -> Result<Stat> {
    refuse_file_system(opened)?;
    let stat = fs::fstat(opened)?;
    if kernel::is_memory_device(&stat) { Err(Errno::Acces.into()) } else { Ok(stat) }
}
