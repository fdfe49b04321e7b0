//! Paths that can't leave their directory.
//!
//! Comes in: an open directory and an untrusted path. Goes out: an open descriptor below it, or the
//! directory that holds the path's last name, and that name. Two rules keep the guest inside, and
//! every function of WASI that takes a path goes through one of them:
//!
//! * [`open`] lets cap-primitives follow the path. It asks the kernel (`openat2` with
//!   `RESOLVE_BENEATH`), which refuses a path that is absolute or leads out by `..` or by a link,
//!   before it looks at what is there; on kernels without it, it goes step by step itself.
//! * [`locate`] opens the directory part so, and leaves a single name. System calls that take it
//!   neither follow it if it is a link nor go up: [`GuestPath::name`] is never `..`, and calls that
//!   would follow a link because of a slash after it never get the slash.
//!
//! Both refuse what gives access to the memory of processes ([`exposed`]), however it was reached.
//!
//! No answer depends on anything outside.

use crate::wasi::errno::{Errno, Result};
use crate::wasi::exposed;
use cap_primitives::fs::{FollowSymlinks, OpenOptions, OpenOptionsExt};
use rustix::fs::{OFlags, Stat};
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

fn enter(directory: &File, path: &CStr, flags: OFlags) -> Result<File> {
    let access = flags & OFlags::RWMODE;
    let mut options = OpenOptions::new();
    options.read(access != OFlags::WRONLY).write(access != OFlags::RDONLY);
    options.custom_flags((flags & !OFlags::RWMODE).bits().cast_signed());
    if flags.contains(OFlags::NOFOLLOW) {
        options._cap_fs_ext_follow(FollowSymlinks::No);
    }
    Ok(cap_primitives::fs::open(directory, Path::new(OsStr::from_bytes(path.to_bytes())), &options)?)
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
    let bytes = path.to_bytes();
    if bytes.starts_with(b"/") {
        return Err(Errno::Perm.into());
    }
    let end = bytes.iter().rposition(|&byte| byte != b'/').map_or(0, |last| last.saturating_add(1));
    let (trimmed, has_slash) = (&bytes[..end], end < bytes.len());
    let start = trimmed.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash.saturating_add(1));
    let (parent, name) = match &trimmed[start..] {
        // The directory itself is what the path means.
        b"." | b".." => (trimmed, &b"."[..]),
        name if start == 0 => (&b"."[..], name),
        name => (&trimmed[..start], name),
    };
    let text = |bytes: &[u8]| CString::new(bytes).expect("a part of a path without zeros");
    let parent = enter(directory, &text(parent), OFlags::PATH | OFlags::DIRECTORY)?;
    exposed::refuse_file_system(&parent)?;
    Ok(GuestPath { parent, name: text(name), has_slash })
}
