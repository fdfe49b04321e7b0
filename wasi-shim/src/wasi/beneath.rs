//! Paths that can't leave their directory.
//!
//! Comes in: an open directory and an untrusted path. Goes out: an open descriptor below it, or the
//! directory that holds the path's last name, and that name. Two rules keep the guest inside, and
//! every function of WASI that takes a path goes through one of them:
//!
//! * [`open`] asks the kernel (`openat2` with `RESOLVE_BENEATH`), which refuses a path that is
//!   absolute or leads out by `..` or by a link, before it looks at what is there. Where the kernel
//!   lacks or forbids this call, cap-primitives goes to the last name's directory step by step, and
//!   [`open_by_steps`] opens the name there, with the same answers.
//! * [`locate`] opens the directory part so, and leaves a single name. System calls that take it
//!   neither follow it if it is a link nor go up: [`GuestPath::name`] is never `..`, and calls that
//!   would follow a link because of a slash after it never get the slash.
//!
//! Both refuse what gives access to the memory of processes ([`exposed`]), however it was reached.
//!
//! No answer depends on anything outside.

use crate::wasi::errno::{Errno, Result};
use crate::wasi::exposed;
use cap_primitives::fs::{OpenOptions, OpenOptionsExt};
use rustix::fs::{self, Mode, OFlags, ResolveFlags, Stat};
use rustix::io;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Opens what `path` names below `directory`, with flags as of `open(2)`.
pub fn open(directory: &File, path: &CStr, flags: OFlags) -> Result<(File, Stat)> {
    if flags.contains(OFlags::TRUNC) {
        // Tracefs obeys this flag before anyone could ask what was opened. Other flags have no
        // effect by themselves.
        let follow = flags & OFlags::NOFOLLOW;
        if let Ok(found) = enter(directory, path, OFlags::PATH | follow) {
            exposed::refuse_file_system(&found)?;
        }
    }
    let opened = enter(directory, path, flags)?;
    let stat = exposed::refuse(&opened)?;
    Ok((opened, stat))
}

/// Finds what `path` names without access to its contents: a link itself if it is not followed.
pub fn find(directory: &File, path: &CStr, follow: bool) -> Result<(File, Stat)> {
    open(directory, path, OFlags::PATH | if follow { OFlags::empty() } else { OFlags::NOFOLLOW })
}

/// Each rename on the machine makes `openat2` fail with `EAGAIN` while it goes through a `..`.
const MOST_ATTEMPTS: u32 = 4;

/// As many as the kernel follows.
const MOST_LINKS: u32 = 40;

fn enter(directory: &File, path: &CStr, flags: OFlags) -> Result<File> {
    if flags.contains(OFlags::CREATE | OFlags::DIRECTORY) {
        // Linux before 6.4 made a file.
        return Err(Errno::Inval.into());
    }
    let flags = flags | OFlags::CLOEXEC;
    for _ in 0..MOST_ATTEMPTS {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match fs::openat2(directory, path, flags, mode(flags), resolve) {
            Ok(opened) => return Ok(opened.into()),
            Err(io::Errno::AGAIN) => {}
            // Some filters of system calls answer so. A file's own refusal comes a second time.
            Err(io::Errno::NOSYS | io::Errno::PERM) => break,
            Err(io::Errno::XDEV) => return Err(Errno::Perm.into()),
            Err(error) => return Err(error.into()),
        }
    }
    open_by_steps(directory, path.to_bytes().to_vec(), flags)
}

/// The mode of a file that is made.
fn mode(flags: OFlags) -> Mode {
    if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o666) } else { Mode::empty() }
}

/// Opens without `openat2`. No system call gets more than one name, and none follows a link: the
/// text of a link at the end takes the place of its name, and the path that this gives is followed
/// from the beginning, so that nothing in it can lead out.
///
/// The kernel follows 40 links in all. Here up to 40 are followed on the way to a last name, and up
/// to 40 that are last names.
fn open_by_steps(directory: &File, mut path: Vec<u8>, flags: OFlags) -> Result<File> {
    for _ in 0..=MOST_LINKS {
        let Split { parent, name, has_slash } = split(&path)?;
        let parent_file = walk(directory, parent)?;
        let must_be_directory = has_slash && name != b".";
        if must_be_directory && flags.contains(OFlags::CREATE) {
            return Err(Errno::Isdir.into());
        }
        let own_flags = if must_be_directory { flags | OFlags::DIRECTORY } else { flags };
        let follows = must_be_directory || !flags.contains(OFlags::NOFOLLOW);
        let opened = fs::openat(&parent_file, name, own_flags | OFlags::NOFOLLOW, mode(flags));
        let link = match &opened {
            Ok(opened) if follows && flags.contains(OFlags::PATH) => fs::readlinkat(opened, c"", Vec::new()),
            Err(io::Errno::LOOP | io::Errno::NOTDIR) if follows => fs::readlinkat(&parent_file, name, Vec::new()),
            _ => Err(io::Errno::INVAL),
        };
        let Ok(link) = link else { return Ok(opened?.into()) };
        if link.to_bytes().starts_with(b"/") {
            return Err(Errno::Perm.into());
        }
        let slash = if has_slash { &b"/"[..] } else { b"" };
        path = [parent, b"/", link.to_bytes(), slash].concat();
    }
    Err(Errno::Loop.into())
}

/// The directory that a path names. With the dot after it, cap-primitives follows a link to one,
/// and as many links as the kernel does.
fn walk(directory: &File, path: &[u8]) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags((OFlags::PATH | OFlags::DIRECTORY).bits().cast_signed());
    let path = [path, b"/."].concat();
    Ok(cap_primitives::fs::open(directory, Path::new(OsStr::from_bytes(&path)), &options)?)
}

/// A path in parts.
struct Split<'a> {
    /// The directory in which the last name is.
    parent: &'a [u8],
    /// One name, or `.` where the path names a directory in another way; without slashes.
    name: &'a [u8],
    /// The path ends with a slash after the name, and so means a directory.
    has_slash: bool,
}

/// # Errors
/// `perm` if the path is absolute.
fn split(path: &[u8]) -> Result<Split<'_>> {
    if path.starts_with(b"/") {
        return Err(Errno::Perm.into());
    }
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last.saturating_add(1));
    let (trimmed, has_slash) = (&path[..end], end < path.len());
    let start = trimmed.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash.saturating_add(1));
    Ok(match &trimmed[start..] {
        // The directory itself is what the path means.
        b"." | b".." => Split { parent: trimmed, name: b".", has_slash },
        name if start == 0 => Split { parent: b".", name, has_slash },
        name => Split { parent: &trimmed[..start], name, has_slash },
    })
}

/// Where a path leads to, all but its last step.
pub struct GuestPath {
    pub parent: File,
    /// One name, or `.`; without slashes.
    pub name: CString,
    /// The path ends with a slash, and so means a directory.
    pub has_slash: bool,
}

impl GuestPath {
    /// The name with the slash, for system calls that make or remove a name. Those never follow a
    /// link because of it.
    pub fn name_with_slash(&self) -> CString {
        if !self.has_slash {
            return self.name.clone();
        }
        CString::new([self.name.as_bytes(), b"/"].concat()).expect("neither part has a zero")
    }
}

pub fn locate(directory: &File, path: &CStr) -> Result<GuestPath> {
    let Split { parent, name, has_slash } = split(path.to_bytes())?;
    let text = |bytes: &[u8]| CString::new(bytes).expect("a part of a path without zeros");
    let parent = enter(directory, &text(parent), OFlags::PATH | OFlags::DIRECTORY)?;
    exposed::refuse_file_system(&parent)?;
    Ok(GuestPath { parent, name: text(name), has_slash })
}
