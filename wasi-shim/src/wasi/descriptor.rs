//! Descriptors, and the table in which the guest's numbers find them.
//!
//! The table's lock is held only to look something up: calls work on a counted reference, so that a
//! thread that waits in a read keeps nobody from anything, and a descriptor that is closed
//! meanwhile lives until its last call returns.

use crate::system::kernel;
use crate::wasi::errno::{Errno, Failure, Result};
use crate::wasi::rights::{self, Access};
use crate::wasi::tree::{Contents, Tree};
use crate::wasi::types::FileType;
use crate::width::saturating_u32;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{FileType as SystemType, fstat};
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockWriteGuard};

/// What a descriptor stands for.
pub enum Object {
    /// Standard input, output or error: the process's own descriptor, which is never closed, so
    /// that no other file takes the place where messages of traps go.
    Stream(BorrowedFd<'static>),
    File(OwnedFd),
    /// A file of a directory that is not the system's, or a stream of a library's host.
    Virtual(Box<dyn Contents>),
    /// A socket that was granted, which listens.
    Listener(OwnedFd),
    Directory(Directory),
}

/// A directory that was granted, or one below it.
pub struct Directory {
    pub home: Home,
    /// The guest's name of a granted directory.
    pub preopen: Option<Vec<u8>>,
    /// Held while the directory is read: its position in the system belongs to the descriptor.
    pub listing: Mutex<()>,
}

pub enum Home {
    /// The host's, open for reading.
    Host(File),
    /// One that the program carries or keeps.
    Virtual(Box<dyn Tree>),
}

/// A directory in which something may be changed.
#[derive(Clone, Copy)]
pub enum HomeToChange<'a> {
    Host(&'a File),
    Virtual(&'a dyn Tree),
}

pub struct Descriptor {
    pub object: Object,
    pub file_type: FileType,
    /// Below a read-only grant: nothing can be changed through it.
    pub read_only: bool,
    base: AtomicU64,
    inheriting: AtomicU64,
}

impl Descriptor {
    /// One of the standard streams. If the process was started without it, every operation fails.
    pub fn stream(number: i32, access: Access) -> Descriptor {
        // SAFETY: 0, 1 and 2 are the process's for as long as it runs: nothing here closes them.
        // Another one is the host's, which keeps it open.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let stat = fstat(descriptor);
        let file_type = stat.map_or(FileType::Unknown, |stat| FileType::of(SystemType::from_raw_mode(stat.st_mode)));
        let rights = rights::of_stream(access, file_type.is_seekable(), file_type == FileType::SocketStream);
        Descriptor::new(Object::Stream(descriptor), file_type, false, rights)
    }

    /// One of the standard streams that the host of a library provides.
    pub fn host_stream(stream: Box<dyn Contents>, access: Access) -> Descriptor {
        let rights = rights::of_stream(access, false, false);
        Descriptor::new(Object::Virtual(stream), FileType::Unknown, false, rights)
    }

    pub fn file(object: Object, file_type: FileType, access: Access, read_only: bool) -> Descriptor {
        let is_socket = file_type == FileType::SocketStream;
        let rights = rights::of_file(access, file_type.is_seekable(), is_socket, !read_only);
        Descriptor::new(object, file_type, read_only, rights)
    }

    /// A socket that listens. Others may listen there, too, so it can't be shut down.
    pub fn listener(socket: OwnedFd) -> Descriptor {
        let rights = rights::of_stream(Access { read: true, write: false }, false, true) & !rights::SOCK_SHUTDOWN;
        Descriptor::new(Object::Listener(socket), FileType::SocketStream, true, rights)
    }

    fn new(object: Object, file_type: FileType, read_only: bool, base: u64) -> Descriptor {
        Descriptor { object, file_type, read_only, base: base.into(), inheriting: AtomicU64::new(0) }
    }

    pub fn directory(directory: Directory, read_only: bool) -> Descriptor {
        Descriptor {
            object: Object::Directory(directory),
            file_type: FileType::Directory,
            read_only,
            base: rights::of_directory(!read_only).into(),
            inheriting: rights::INHERITING.into(),
        }
    }

    /// The type that guests see. They take a character device for a terminal, so a stream to
    /// `/dev/null` must not be one.
    pub fn shown_type(&self) -> FileType {
        match self.object {
            Object::Stream(descriptor)
                if self.file_type == FileType::CharacterDevice && !rustix::termios::isatty(descriptor) =>
            {
                FileType::Unknown
            }
            _ => self.file_type,
        }
    }

    /// The rights now: base, inheriting.
    pub fn rights(&self) -> [u64; 2] {
        [&self.base, &self.inheriting].map(|rights| rights.load(Ordering::Relaxed))
    }

    /// Gives up all rights but these.
    ///
    /// # Errors
    /// `notcapable` if it lacks one of them.
    pub fn keep_rights(&self, base: u64, inheriting: u64) -> Result<()> {
        let [old_base, old_inheriting] = self.rights();
        if base & !old_base != 0 || inheriting & !old_inheriting != 0 {
            return Err(Errno::Notcapable.into());
        }
        self.base.fetch_and(base, Ordering::Relaxed);
        self.inheriting.fetch_and(inheriting, Ordering::Relaxed);
        Ok(())
    }

    /// # Errors
    /// `notcapable` if the descriptor lacks one of these rights; `badf` where that is reading or
    /// writing, as the system says.
    pub fn require(&self, rights: u64) -> Result<()> {
        match rights & !self.base.load(Ordering::Relaxed) {
            0 => Ok(()),
            missing if missing & (rights::FD_READ | rights::FD_WRITE) != 0 => Err(Errno::Badf.into()),
            _ => Err(Errno::Notcapable.into()),
        }
    }

    /// The directory; changing something needs `right`.
    ///
    /// # Errors
    /// `notdir`, `rofs` below a read-only grant, `notcapable`.
    pub fn directory_to_change(&self, right: u64) -> Result<HomeToChange<'_>> {
        match &self.as_directory()?.home {
            Home::Host(host) if !self.read_only => self.require(right).map(|()| HomeToChange::Host(host)),
            Home::Virtual(tree) if !self.read_only => self.require(right).map(|()| HomeToChange::Virtual(&**tree)),
            _ => Err(Errno::Rofs.into()),
        }
    }

    pub fn as_directory(&self) -> Result<&Directory> {
        match &self.object {
            Object::Directory(directory) => Ok(directory),
            _ => Err(Errno::Notdir.into()),
        }
    }

    /// The system's descriptor of a file or a stream.
    pub fn as_file(&self) -> Result<BorrowedFd<'_>> {
        match &self.object {
            Object::Directory(_) => Err(Errno::Badf.into()),
            _ => self.system().ok_or(Errno::Badf.into()),
        }
    }

    /// The system's descriptor; none of what the program carries or keeps.
    pub fn system(&self) -> Option<BorrowedFd<'_>> {
        match &self.object {
            Object::Stream(descriptor) => Some(*descriptor),
            Object::File(descriptor) | Object::Listener(descriptor) => Some(descriptor.as_fd()),
            Object::Directory(Directory { home: Home::Host(host), .. }) => Some(host.as_fd()),
            Object::Directory(_) | Object::Virtual(_) => None,
        }
    }
}

/// Every descriptor costs memory of ours, also those of which the system knows nothing; its own
/// limit is mostly lower.
const MOST_DESCRIPTORS: usize = 1 << 16;

/// The limit is not asked for as long as there are no more than the standard streams.
const FEWEST_DESCRIPTORS: usize = 3;

/// As many as the system gives a process (`RLIMIT_NOFILE`), and the numbers below that.
fn most_descriptors() -> usize {
    let limit = kernel::limit(libc::RLIMIT_NOFILE);
    limit.and_then(|limit| usize::try_from(limit.rlim_cur).ok()).unwrap_or(MOST_DESCRIPTORS).min(MOST_DESCRIPTORS)
}

/// The descriptors of one program or library by their numbers.
#[derive(Default)]
pub struct DescriptorTable(RwLock<Slots>);

#[derive(Default)]
struct Slots {
    list: Vec<Option<Arc<Descriptor>>>,
    /// All numbers below are taken.
    lowest: usize,
}

const BADF: Failure = Failure::Errno(Errno::Badf);

impl Slots {
    fn get_mut(&mut self, number: u32) -> Result<&mut Option<Arc<Descriptor>>> {
        self.list.get_mut(number as usize).filter(|slot| slot.is_some()).ok_or(BADF)
    }

    fn take(&mut self, number: u32) -> Result<Option<Arc<Descriptor>>> {
        let taken = self.get_mut(number)?.take();
        self.lowest = self.lowest.min(number as usize);
        Ok(taken)
    }
}

impl DescriptorTable {
    fn lock(&self) -> RwLockWriteGuard<'_, Slots> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn get(&self, number: u32) -> Result<Arc<Descriptor>> {
        let slots = self.0.read().unwrap_or_else(PoisonError::into_inner);
        slots.list.get(number as usize).and_then(|slot| slot.clone()).ok_or(BADF)
    }

    /// Adds one that the guest has from the start, whatever the system's limit.
    pub fn add_first(&self, descriptor: Descriptor) {
        self.lock().list.push(Some(Arc::new(descriptor)));
    }

    /// Gives the descriptor the lowest free number, as POSIX does.
    pub fn add(&self, descriptor: Descriptor) -> Result<u32> {
        let mut slots = self.lock();
        let Slots { list, lowest } = &mut *slots;
        while list.get(*lowest).is_some_and(Option::is_some) {
            *lowest = lowest.saturating_add(1);
        }
        let descriptor = Some(Arc::new(descriptor));
        if let Some(slot) = list.get_mut(*lowest) {
            *slot = descriptor;
        } else if list.len() < FEWEST_DESCRIPTORS || list.len() < most_descriptors() {
            list.push(descriptor);
        } else {
            return Err(Errno::Mfile.into());
        }
        Ok(saturating_u32(*lowest))
    }

    pub fn remove(&self, number: u32) -> Result<()> {
        let removed = self.lock().take(number)?;
        // The system closes it here, without the lock, unless another thread still uses it.
        drop(removed);
        Ok(())
    }

    /// Puts the descriptor `from` in the place of `to`, which is closed. Both exist; they may be
    /// the same.
    pub fn renumber(&self, from: u32, to: u32) -> Result<()> {
        let replaced = {
            let mut slots = self.lock();
            slots.get_mut(from)?;
            slots.get_mut(to)?;
            if from == to {
                return Ok(());
            }
            let moved = slots.take(from)?;
            std::mem::replace(slots.get_mut(to)?, moved)
        };
        drop(replaced);
        Ok(())
    }
}
