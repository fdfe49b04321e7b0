//! Files through which the system gives access to the memory of processes. Below every grant they
//! are refused with `acces`.
//!
//! With `/proc/self/mem` a guest could read and write all of its own process, and so leave the
//! sandbox. What was opened is asked itself, by its descriptor and before anything is read from it:
//! neither the path, nor links, nor mounts of the same files elsewhere matter.
//!
//! What belongs here is what reads or writes memory by plain reading and writing. Devices that need
//! `ioctl` or `mmap` for that are not dangerous in a guest's hands, because WASI has neither.

use crate::wasi::errno::{Errno, Result};
use rustix::fs::{self, FileType, Stat};
use std::fs::File;

/// Magic numbers of file systems (Linux, `include/uapi/linux/magic.h`).
const FILE_SYSTEMS: [u64; 5] = [
    // procfs: `mem`, `maps`, `fd` of every process, and more.
    0x9fa0,
    // binfmt_misc and nfsd: the system mounts them in procfs.
    0x4249_4e4d,
    0x6e66_7364,
    // debugfs and tracefs: probes read memory.
    0x6462_6720,
    0x7472_6163,
];

/// Whether a file lies on a file system that gives access to memory.
pub fn is_exposed(opened: &File) -> rustix::io::Result<bool> {
    let magic = fs::fstatfs(opened)?.f_type;
    Ok(u64::try_from(magic).is_ok_and(|magic| FILE_SYSTEMS.contains(&magic)))
}

/// # Errors
/// `acces` if the file lies on a file system that gives access to memory.
pub fn refuse_file_system(opened: &File) -> Result<()> {
    if is_exposed(opened)? { Err(Errno::Acces.into()) } else { Ok(()) }
}

/// The file's metadata.
///
/// # Errors
/// `acces` if the file gives access to memory.
pub fn refuse(opened: &File) -> Result<Stat> {
    refuse_file_system(opened)?;
    let stat = fs::fstat(opened)?;
    if is_memory_device(&stat) { Err(Errno::Acces.into()) } else { Ok(stat) }
}

/// Character devices by their numbers (Linux, `Documentation/admin-guide/devices.txt`), so that a
/// node is known by any name.
fn is_memory_device(stat: &Stat) -> bool {
    let numbers = (fs::major(stat.st_rdev), fs::minor(stat.st_rdev));
    // `mem`, `kmem`, `port`, `oldmem`; then `cpu/*/msr`, which tell the processor where the
    // kernel's code is.
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
        && matches!(numbers, (1, 1 | 2 | 4 | 12) | (202, _))
}
