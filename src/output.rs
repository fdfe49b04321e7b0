//! Output files: written where nobody sees them and then put in their place, so that nobody ever
//! sees a half-written one. What is not a file, such as a device or a pipe, is written through.
//!
//! The file has no name until it is finished (`O_TMPFILE`), so that nothing stays behind even when
//! the process is killed. Only where a file system can't do that, it has a name of its own beside
//! its place until then.
//!
//! A link stands for what it leads to, as for a shell's `>`. A link to a file stays a link, and the
//! file is replaced where it is; a dangling link gets its file. (clang and rustc replace the link,
//! because a linker removes its output first. Then a link to a device is lost with it, and the
//! user's output goes where nobody looks.) The kernel's protection of links in folders that all may
//! write to (`fs.protected_symlinks`) holds, because the link is followed by the kernel first.

use crate::stdio;
use anyhow::{Context, Result, bail};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, PROC_SUPER_MAGIC};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// As an output's name: standard output.
pub const STDOUT: &str = "-";

/// What a new file may be used for; the umask takes its part away.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Access {
    Data,
    Program,
}

impl Access {
    fn mode(self) -> u32 {
        match self {
            Access::Data => 0o666,
            Access::Program => 0o777,
        }
    }
}

/// Where an output will be. Dropped before [`Place::write`], it leaves nothing behind.
pub struct Place<'a> {
    /// As the user calls it.
    output: &'a Path,
    destination: Destination,
    sync: Sync,
}

/// Whether a file is on the disk before it gets its name.
///
/// File systems may write the name first. After a crash or a power cut it would have half a file,
/// or an empty one, in place of a good old one. The folder is not synced: after a crash the name
/// may still have the old file, or none, as if the command had not run yet. git does the same with
/// its objects; databases, which must not lose what they confirmed, sync the folder too.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Sync {
    Before,
    /// For what is checked before it is used, and made again if need be.
    Never,
}

enum Destination {
    Stream(Stream),
    /// `file` becomes `name`, which lies in `folder`.
    File {
        file: Temporary,
        folder: PathBuf,
        name: PathBuf,
    },
}

enum Temporary {
    Nameless(File),
    Named(NamedTempFile),
}

/// What is written through, because it can't be replaced.
enum Stream {
    /// Ours already. Another descriptor of the same file would begin at its start.
    Stdout,
    Stderr,
    /// A device, a pipe, a socket, or what another descriptor has open.
    Named,
}

/// Where a name leads.
enum Target {
    Stream(Stream),
    /// A file, or a name for one.
    File(PathBuf),
}

impl<'a> Place<'a> {
    /// # Errors
    /// When there is no such place, or no file can be made there.
    pub fn new(output: &'a Path, access: Access) -> Result<Place<'a>> {
        let name = match target(output).with_context(|| cannot_write(output))? {
            Target::Stream(stream) => {
                return Ok(Place { output, destination: Destination::Stream(stream), sync: Sync::Before });
            }
            Target::File(name) => name,
        };
        Place::at(output, name, access)
    }

    /// For a file that is our own, and no output of the user's: whatever has the name, also a link
    /// or a pipe, is replaced, and nothing that it leads to is touched.
    ///
    /// # Errors
    /// When no file can be made there.
    pub fn replacing(name: &'a Path, access: Access) -> Result<Place<'a>> {
        Place::at(name, name.to_owned(), access)
    }

    fn at(output: &'a Path, name: PathBuf, access: Access) -> Result<Place<'a>> {
        let folder = folder_of(&name).to_owned();
        if !folder.is_dir() {
            bail!("{}: there is no folder {}", cannot_write(output), folder.display());
        }
        let file = match nameless(&folder, access) {
            Some(file) => Temporary::Nameless(file),
            None => {
                let permissions = fs::Permissions::from_mode(access.mode());
                let file = builder().permissions(permissions).tempfile_in(&folder);
                Temporary::Named(file.with_context(|| cannot_write(output))?)
            }
        };
        Ok(Place { output, destination: Destination::File { file, folder, name }, sync: Sync::Before })
    }

    pub fn with_sync(self, sync: Sync) -> Place<'a> {
        Place { sync, ..self }
    }

    /// Writes all of the output and puts it in its place.
    ///
    /// # Errors
    /// With the output's name. Nothing is left of a file then.
    pub fn write(self, bytes: &[u8]) -> Result<()> {
        let Place { output, destination, sync } = self;
        let written = match destination {
            Destination::Stream(Stream::Stdout) => return stdio::print(bytes),
            Destination::Stream(Stream::Stderr) => stdio::write_to(io::stderr(), bytes),
            Destination::Stream(Stream::Named) => write_through(output, bytes),
            Destination::File { file, folder, name } => file.become_file(&name, &folder, bytes, sync),
        };
        written.with_context(|| cannot_write(output))
    }
}

impl Temporary {
    fn become_file(mut self, name: &Path, folder: &Path, bytes: &[u8], sync: Sync) -> io::Result<()> {
        let file = match &mut self {
            Temporary::Nameless(file) => file,
            Temporary::Named(file) => file.as_file_mut(),
        };
        file.write_all(bytes)?;
        if sync == Sync::Before {
            write_back(file)?;
        }
        // A program that is open for writing can't be executed, so it is closed before others can
        // see it.
        match self {
            Temporary::Nameless(writer) => {
                let file = File::open(path_of(&writer))?;
                drop(writer);
                give_name(&file, folder, name)
            }
            Temporary::Named(file) => Ok(file.into_temp_path().persist(name)?),
        }
    }
}

/// A file that is open elsewhere is cut, as by a shell; all else can't be.
fn write_through(output: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(output)?;
    file.write_all(bytes)?;
    // A block device takes everything at first, and fails later.
    write_back(&file)
}

/// Waits until the contents are on the disk, where there is one.
fn write_back(file: &File) -> io::Result<()> {
    match rustix::fs::fdatasync(file) {
        // There is none: a pipe, a terminal, a file system that can't.
        Err(Errno::INVAL | Errno::NOTSUP | Errno::ROFS) => Ok(()),
        result => Ok(result?),
    }
}

/// Whether an output is written through, so that nothing can lie beside it.
pub fn is_stream(output: &Path) -> bool {
    matches!(target(output), Ok(Target::Stream(_)))
}

/// Follows links, but not those of `/proc` to open files: their text is for people. It names what
/// is no path (`pipe:[7]`), what is deleted, or a file that must not be replaced while it is open.
fn target(output: &Path) -> io::Result<Target> {
    /// As the kernel has it.
    const MOST_LINKS: usize = 40;
    if output == Path::new(STDOUT) {
        return Ok(Target::Stream(Stream::Stdout));
    }
    let metadata = match fs::metadata(output) {
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let mut name = output.to_owned();
    for _ in 0..=MOST_LINKS {
        let Ok(link) = fs::read_link(&name) else {
            let is_file = metadata.is_none_or(|metadata| metadata.is_file() || metadata.is_dir());
            return Ok(if is_file { Target::File(name) } else { Target::Stream(Stream::Named) });
        };
        if rustix::fs::statfs(folder_of(&name))?.f_type == PROC_SUPER_MAGIC {
            return Ok(Target::Stream(descriptor(&name)));
        }
        name = name.parent().unwrap_or(Path::new("")).join(link);
    }
    Err(Errno::LOOP.into())
}

/// What a link in `/proc` is open as.
fn descriptor(link: &Path) -> Stream {
    let is_ours = || Some(folder_of(link).canonicalize().ok()? == Path::new("/proc/self/fd").canonicalize().ok()?);
    match link.file_name().and_then(|name| name.to_str()) {
        Some("1") if is_ours() == Some(true) => Stream::Stdout,
        Some("2") if is_ours() == Some(true) => Stream::Stderr,
        _ => Stream::Named,
    }
}

fn folder_of(name: &Path) -> &Path {
    match name.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".w2n-");
    builder
}

/// A file without a name, if there can be one here that is given a name later.
fn nameless(folder: &Path, access: Access) -> Option<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(folder, flags, Mode::from_raw_mode(access.mode())).ok()?);
    path_of(&file).symlink_metadata().is_ok().then_some(file)
}

/// Where the system shows an open file.
fn path_of(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Gives a nameless file its name. A file that has that name already is replaced in one step, for
/// which the new one needs another name for a moment.
fn give_name(file: &File, folder: &Path, output: &Path) -> io::Result<()> {
    let link = |name: &Path| -> io::Result<()> {
        Ok(rustix::fs::linkat(CWD, path_of(file), CWD, name, AtFlags::SYMLINK_FOLLOW)?)
    };
    match link(output) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok(builder().make_in(folder, link)?.into_temp_path().persist(output)?)
        }
        result => result,
    }
}

/// Writes a file of data.
///
/// # Errors
/// With the file's name.
pub fn write(output: &Path, bytes: &[u8]) -> Result<()> {
    Place::new(output, Access::Data)?.write(bytes)
}

/// Writes a file that can be executed or loaded.
///
/// # Errors
/// With the file's name.
pub fn write_program(output: &Path, bytes: &[u8]) -> Result<()> {
    Place::new(output, Access::Program)?.write(bytes)
}

fn cannot_write(output: &Path) -> String {
    format!("can't write {}", output.display())
}
