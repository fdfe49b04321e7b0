//! Paths in a volume, which never lead out of the directory that they begin at.

use crate::wasi::errno::{Errno, Result};
use crate::wasi::volume::state::{Kind, State};
use std::ffi::CStr;

/// Links that are followed on one way (`MAXSYMLINKS` of Linux).
const MOST_LINKS: u32 = 40;

/// Bytes of a name at most (`NAME_MAX`).
const LONGEST_NAME: usize = 255;

/// Whether a link at the end of a path is followed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Not at all: the name itself is what is made, moved or removed.
    Never,
    /// If a slash follows it.
    BeforeSlash,
    Always,
}

impl Follow {
    /// As a call asks for it that looks at what is there.
    pub fn if_asked(follow: bool) -> Follow {
        if follow { Follow::Always } else { Follow::BeforeSlash }
    }
}

/// Where a path leads.
pub struct Found {
    /// The directory in which the last name is.
    pub parent: u64,
    /// Empty where the path names a directory in another way, as `.` does.
    pub name: Vec<u8>,
    /// What has the name.
    pub inode: Option<u64>,
    /// The path ends with a slash, and so means a directory.
    pub has_slash: bool,
}

impl Found {
    /// What is there.
    ///
    /// # Errors
    /// `noent`; `notdir` of a file whose name a slash follows.
    pub fn existing(&self, state: &State) -> Result<u64> {
        let inode = self.inode.ok_or(Errno::Noent)?;
        if self.has_slash && !state.get(inode)?.is_directory() {
            return Err(Errno::Notdir.into());
        }
        Ok(inode)
    }

    /// The last name.
    ///
    /// # Errors
    /// `errno` if the path has none.
    pub fn name(&self, errno: Errno) -> Result<&[u8]> {
        if self.name.is_empty() { Err(errno.into()) } else { Ok(&self.name) }
    }
}

impl State {
    /// Follows a path from a directory.
    ///
    /// # Errors
    /// As the system's: `noent`, `notdir`, `loop`, `nametoolong`; `perm` for a way out.
    pub fn find(&self, start: u64, path: &CStr, follow: Follow) -> Result<Found> {
        let path = path.to_bytes();
        if path.starts_with(b"/") {
            return Err(Errno::Perm.into());
        }
        let mut has_slash = path.ends_with(b"/");
        // The directories on the way here, and the steps to go, the next one last.
        let mut way = vec![start];
        let mut steps = Vec::new();
        push_steps(&mut steps, path);
        let mut n_links: u32 = 0;
        while let Some(step) = steps.pop() {
            let here = *way.last().ok_or(Errno::Perm)?;
            let entries = self.entries(here)?;
            let is_last = steps.is_empty();
            match &step[..] {
                b"." => continue,
                b".." if way.len() == 1 => return Err(Errno::Perm.into()),
                b".." => {
                    way.pop();
                    continue;
                }
                name if name.len() > LONGEST_NAME => return Err(Errno::Nametoolong.into()),
                _ => {}
            }
            let Some(inode) = entries.get(&step) else {
                return match is_last {
                    true => Ok(Found { parent: here, name: step, inode: None, has_slash }),
                    false => Err(Errno::Noent.into()),
                };
            };
            if let Kind::Link(target) = &self.get(inode)?.kind
                && (!is_last || follow == Follow::Always || follow == Follow::BeforeSlash && has_slash)
            {
                n_links = n_links.saturating_add(1);
                if n_links > MOST_LINKS {
                    return Err(Errno::Loop.into());
                }
                has_slash |= is_last && target.ends_with(b"/");
                push_steps(&mut steps, target);
            } else if is_last {
                return Ok(Found { parent: here, name: step, inode: Some(inode), has_slash });
            } else {
                way.push(inode);
            }
        }
        let here = way.pop().ok_or(Errno::Perm)?;
        self.entries(here)?;
        Ok(Found { parent: here, name: Vec::new(), inode: Some(here), has_slash })
    }

    /// Whether a directory is another one, or below it.
    pub fn is_below(&self, mut directory: u64, above: u64) -> bool {
        loop {
            if directory == above {
                return true;
            }
            match self.entries(directory) {
                Ok(entries) if entries.parent != directory => directory = entries.parent,
                _ => return false,
            }
        }
    }
}

/// Puts the steps of a path on those that are left, the first one last.
fn push_steps(steps: &mut Vec<Vec<u8>>, path: &[u8]) {
    let own = path.rsplit(|&byte| byte == b'/').filter(|step| !step.is_empty());
    steps.extend(own.map(<[u8]>::to_vec));
}
