//! A directory of a volume.

use crate::wasi::errno::{Errno, Result};
use crate::wasi::tree::{Change, Opened, TakeEntry, Tree};
use crate::wasi::types::{FileType, Filestat};
use crate::wasi::volume::file::VolumeFile;
use crate::wasi::volume::state::{Blocks, Entries, Kind, OWN_COOKIES, ROOT, State, Volume};
use crate::wasi::volume::walk::Follow;
use rustix::fs::OFlags;
use std::ffi::CStr;
use std::sync::{Arc, MutexGuard};

pub struct VolumeDirectory {
    volume: Arc<Volume>,
    inode: u64,
}

impl VolumeDirectory {
    /// The first directory of an empty volume.
    pub fn new(limit: u64) -> VolumeDirectory {
        let volume = Arc::new(Volume::new(limit));
        // It has a link that nothing takes away, so it needs no count of descriptors.
        VolumeDirectory { volume, inode: ROOT }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.volume.lock()
    }

    fn open_directory(&self, state: &mut State, inode: u64) -> Result<VolumeDirectory> {
        state.open(inode)?;
        Ok(VolumeDirectory { volume: self.volume.clone(), inode })
    }

    fn create_directory(&self, path: &CStr) -> Result<()> {
        let mut state = self.lock();
        let found = state.find(self.inode, path, Follow::Never)?;
        if found.inode.is_some() {
            return Err(Errno::Exist.into());
        }
        let name = found.name(Errno::Exist)?;
        state.create(found.parent, name, Kind::Directory(Entries::default())).map(|_| ())
    }

    fn remove_directory(&self, path: &CStr) -> Result<()> {
        let mut state = self.lock();
        let found = state.find(self.inode, path, Follow::Never)?;
        let inode = found.existing(&state)?;
        let name = found.name(Errno::Inval)?;
        if !state.entries(inode)?.is_empty() {
            return Err(Errno::Notempty.into());
        }
        state.remove_name(found.parent, name)
    }

    fn unlink(&self, path: &CStr) -> Result<()> {
        let mut state = self.lock();
        let found = state.find(self.inode, path, Follow::Never)?;
        let inode = found.existing(&state)?;
        if state.get(inode)?.is_directory() {
            return Err(Errno::Isdir.into());
        }
        state.remove_name(found.parent, &found.name)
    }

    fn symlink(&self, target: &CStr, path: &CStr) -> Result<()> {
        let mut state = self.lock();
        let found = state.find(self.inode, path, Follow::Never)?;
        if found.inode.is_some() {
            return Err(Errno::Exist.into());
        }
        let name = found.name(Errno::Exist)?;
        if found.has_slash {
            return Err(Errno::Noent.into());
        }
        state.create(found.parent, name, Kind::Link(target.to_bytes().to_vec())).map(|_| ())
    }

    /// The same volume.
    fn of_same<'t>(&self, to: &'t dyn Tree) -> Result<&'t VolumeDirectory> {
        let to = to.as_volume().filter(|to| Arc::ptr_eq(&to.volume, &self.volume));
        Ok(to.ok_or(Errno::Xdev)?)
    }

    /// In the order in which Linux looks: both directories, what is there, what is not there yet.
    fn link(&self, path: &CStr, to: &VolumeDirectory, new_path: &CStr) -> Result<()> {
        let mut state = self.lock();
        let old = state.find(self.inode, path, Follow::BeforeSlash)?;
        if old.has_slash {
            // A directory, which can't have another name.
            return old.existing(&state).and(Err(Errno::Perm.into()));
        }
        let new = state.find(to.inode, new_path, Follow::Never)?;
        let inode = old.existing(&state)?;
        if new.inode.is_some() {
            return Err(Errno::Exist.into());
        }
        if new.has_slash {
            return Err(Errno::Noent.into());
        }
        if state.get(inode)?.is_directory() {
            return Err(Errno::Perm.into());
        }
        state.add_name(new.parent, new.name(Errno::Exist)?, inode)
    }

    /// In the order in which Linux looks, as above.
    fn rename(&self, path: &CStr, to: &VolumeDirectory, new_path: &CStr) -> Result<()> {
        let mut state = self.lock();
        let old = state.find(self.inode, path, Follow::Never)?;
        let new = state.find(to.inode, new_path, Follow::Never)?;
        let (old_name, new_name) = (old.name(Errno::Busy)?, new.name(Errno::Busy)?);
        let inode = old.existing(&state)?;
        let is_directory = state.get(inode)?.is_directory();
        if !is_directory && new.has_slash {
            return Err(Errno::Notdir.into());
        }
        if is_directory && state.is_below(new.parent, inode) {
            return Err(Errno::Inval.into());
        }
        if new.inode.is_some_and(|replaced| state.is_below(old.parent, replaced)) {
            return Err(Errno::Notempty.into());
        }
        if new.inode == Some(inode) {
            return Ok(());
        }
        if let Some(replaced) = new.inode {
            match (is_directory, state.get(replaced)?.is_directory()) {
                (true, false) => return Err(Errno::Notdir.into()),
                (false, true) => return Err(Errno::Isdir.into()),
                (true, true) if !state.entries(replaced)?.is_empty() => return Err(Errno::Notempty.into()),
                _ => {}
            }
            // What takes the name's place needs no more room than the name had.
            state.remove_name(new.parent, new_name)?;
        }
        // The new name first: if there is no room for it, the old one stays.
        state.add_name(new.parent, new_name, inode)?;
        state.remove_name(old.parent, old_name)
    }
}

impl Tree for VolumeDirectory {
    fn stat(&self, path: &CStr, follow: bool) -> Result<Filestat> {
        let state = self.lock();
        let inode = state.find(self.inode, path, Follow::if_asked(follow))?.existing(&state)?;
        Ok(state.get(inode)?.stat(inode))
    }

    fn open(&self, path: &CStr, flags: OFlags) -> Result<Opened> {
        if flags.contains(OFlags::CREATE | OFlags::DIRECTORY) {
            return Err(Errno::Inval.into());
        }
        let creates = flags.contains(OFlags::CREATE);
        let is_exclusive = creates && flags.contains(OFlags::EXCL);
        let mut state = self.lock();
        let follow = !flags.contains(OFlags::NOFOLLOW);
        // Where something is to be made, a slash is an error, and not a way to follow a link.
        let has_slash = path.to_bytes().ends_with(b"/");
        let follow = if is_exclusive || creates && has_slash { Follow::Never } else { Follow::if_asked(follow) };
        let found = state.find(self.inode, path, follow)?;
        if creates && found.has_slash {
            return Err(Errno::Isdir.into());
        }
        if found.inode.is_some() && is_exclusive {
            return Err(Errno::Exist.into());
        }
        let inode = match found.inode {
            None if creates => {
                let kind = Kind::File { size: 0, blocks: Blocks::default() };
                state.create(found.parent, &found.name, kind)?
            }
            _ => found.existing(&state)?,
        };
        let writes = flags & OFlags::RWMODE != OFlags::RDONLY;
        match state.get(inode)?.file_type() {
            FileType::Directory if writes || creates || flags.contains(OFlags::TRUNC) => Err(Errno::Isdir.into()),
            FileType::Directory => Ok(Opened::Directory(Box::new(self.open_directory(&mut state, inode)?))),
            _ if flags.contains(OFlags::DIRECTORY) => Err(Errno::Notdir.into()),
            FileType::SymbolicLink => Err(Errno::Loop.into()),
            _ => {
                if flags.contains(OFlags::TRUNC) {
                    state.set_size(inode, 0)?;
                }
                Ok(Opened::File(Box::new(VolumeFile::open(&self.volume, &mut state, inode, flags)?)))
            }
        }
    }

    fn list(&self, cookie: u64, take: TakeEntry) -> Result<()> {
        let state = self.lock();
        for (number, name) in [(1, &b"."[..]), (OWN_COOKIES, b"..")] {
            if cookie < number && !take(number, self.inode, FileType::Directory, name)? {
                return Ok(());
            }
        }
        let entries = state.entries(self.inode)?;
        for (number, name) in entries.after(cookie) {
            let inode = entries.get(name).ok_or(Errno::Io)?;
            if !take(number, inode, state.get(inode)?.file_type(), name)? {
                break;
            }
        }
        Ok(())
    }

    fn read_link(&self, path: &CStr) -> Result<Vec<u8>> {
        let state = self.lock();
        let inode = state.find(self.inode, path, Follow::BeforeSlash)?.existing(&state)?;
        match &state.get(inode)?.kind {
            Kind::Link(target) => Ok(target.clone()),
            _ => Err(Errno::Inval.into()),
        }
    }

    fn change(&self, change: Change) -> Result<()> {
        match change {
            Change::CreateDirectory(path) => self.create_directory(path),
            Change::RemoveDirectory(path) => self.remove_directory(path),
            Change::Unlink(path) => self.unlink(path),
            Change::Symlink { target, path } => self.symlink(target, path),
            Change::SetTimes { path, follow, times } => {
                let mut state = self.lock();
                let inode = state.find(self.inode, path, Follow::if_asked(follow))?.existing(&state)?;
                state.get_mut(inode)?.set_times(times);
                Ok(())
            }
            Change::Rename { path, to, new_path } => self.rename(path, self.of_same(to)?, new_path),
            Change::Link { path, to, new_path } => self.link(path, self.of_same(to)?, new_path),
        }
    }

    fn as_volume(&self) -> Option<&VolumeDirectory> {
        Some(self)
    }
}

impl Drop for VolumeDirectory {
    fn drop(&mut self) {
        if self.inode != ROOT {
            self.lock().close(self.inode);
        }
    }
}
