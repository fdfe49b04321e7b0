//! Output files. A file gets its name when it is complete, so no reader ever sees half of it.
//! Devices, pipes and sockets are written to directly.
//!
//! The file has no name until it is complete (`O_TMPFILE`), so nothing is left even if the process
//! is killed. On a file system without `O_TMPFILE`, it has a temporary name in the same folder.
//!
//! Symbolic links are followed, as by a shell's `>`. A link to a file stays a link, and the file it
//! leads to is replaced; a dangling link gets its file. (clang and rustc replace the link, because
//! a linker removes its output first. That would also replace a link to a device with a file.) The
//! kernel follows the link first, so its protection of links in folders that everyone may write to
//! (`fs.protected_symlinks`) applies.

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

/// The name that means standard output.
pub const STDOUT: &str = "-";

/// What a new file is for, which decides its permissions; the umask applies.
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

/// An output that is not written yet. Dropping it before [`OutputFile::write`] leaves no file.
pub struct OutputFile<'a> {
    /// The name that the user gave.
    output: &'a Path,
    destination: Destination,
    sync: Sync,
}

/// Whether a file is on the disk before it gets its name.
///
/// A file system may write the name first. After a crash or a power cut, the name would then lead
/// to half a file, or an empty one, instead of the old one. The folder is not synced: after a crash
/// the name may still lead to the old file, or to none, as if the command had not run. git treats
/// its objects the same way; databases, which must not lose what they confirmed, sync the folder.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Sync {
    Before,
    /// For files that are checked before use, and can be made again.
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

/// An output that is written to directly, because it can't be replaced.
enum Stream {
    /// Used through our own descriptor; a new one of the same file would begin at its start.
    Stdout,
    Stderr,
    /// A device, a pipe, a socket, or a file that another descriptor has open.
    Named,
}

/// Where a name leads.
enum Resolved {
    Stream(Stream),
    /// A file, or a name for one.
    File(PathBuf),
}

impl<'a> OutputFile<'a> {
    /// # Errors
    /// When the folder does not exist, or no file can be made in it.
    pub fn new(output: &'a Path, access: Access) -> Result<OutputFile<'a>> {
        let name = match resolve(output).with_context(|| cannot_write(output))? {
            Resolved::Stream(stream) => {
                return Ok(OutputFile { output, destination: Destination::Stream(stream), sync: Sync::Before });
            }
            Resolved::File(name) => name,
        };
        OutputFile::at(output, name, access)
    }

    /// For a file of our own, which the user did not name. It replaces whatever has the name, even
    /// a link or a pipe; the file that a link leads to is not touched.
    ///
    /// # Errors
    /// When no file can be made in the folder.
    pub fn replacing(name: &'a Path, access: Access) -> Result<OutputFile<'a>> {
        OutputFile::at(name, name.to_owned(), access)
    }

    fn at(output: &'a Path, name: PathBuf, access: Access) -> Result<OutputFile<'a>> {
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
        Ok(OutputFile { output, destination: Destination::File { file, folder, name }, sync: Sync::Before })
    }

    pub fn with_sync(self, sync: Sync) -> OutputFile<'a> {
        OutputFile { sync, ..self }
    }

    /// Writes the whole output and gives it its name.
    ///
    /// # Errors
    /// With the output's name. No file is left.
    pub fn write(self, bytes: &[u8]) -> Result<()> {
        let OutputFile { output, destination, sync } = self;
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
                // The user's umask may forbid reading; to give the file a name takes no permission.
                let file =
                    File::from(rustix::fs::open(path_of(&writer), OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?);
                drop(writer);
                give_name(&file, folder, name)
            }
            Temporary::Named(file) => Ok(file.into_temp_path().persist(name)?),
        }
    }
}

/// Truncates a file that is open elsewhere, as a shell does, and writes to it.
fn write_through(output: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(output)?;
    file.write_all(bytes)?;
    // A block device takes everything at first, and fails later.
    write_back(&file)
}

/// Waits until the contents are on the disk, if there is a disk.
fn write_back(file: &File) -> io::Result<()> {
    match rustix::fs::fdatasync(file) {
        // A pipe, a terminal, or a file system without it.
        Err(Errno::INVAL | Errno::NOTSUP | Errno::ROFS) => Ok(()),
        result => Ok(result?),
    }
}

/// Whether an output is written to directly, so it has no folder for other files.
pub fn is_stream(output: &Path) -> bool {
    matches!(resolve(output), Ok(Resolved::Stream(_)))
}

/// Follows links, except those of `/proc` to open files. Their text is for people: it may not be a
/// path (`pipe:[7]`), or name a deleted file, or a file that must not be replaced while it is open.
fn resolve(output: &Path) -> io::Result<Resolved> {
    /// The kernel's limit.
    const MOST_LINKS: usize = 40;
    if output == Path::new(STDOUT) {
        return Ok(Resolved::Stream(Stream::Stdout));
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
            return Ok(if is_file { Resolved::File(name) } else { Resolved::Stream(Stream::Named) });
        };
        if rustix::fs::statfs(folder_of(&name))?.f_type == PROC_SUPER_MAGIC {
            return Ok(Resolved::Stream(descriptor(&name)));
        }
        name = name.parent().unwrap_or(Path::new("")).join(link);
    }
    Err(Errno::LOOP.into())
}

/// The open file that a link in `/proc` stands for.
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

/// A file without a name, if the file system can give it one later.
fn nameless(folder: &Path, access: Access) -> Option<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(folder, flags, Mode::from_raw_mode(access.mode())).ok()?);
    path_of(&file).symlink_metadata().is_ok().then_some(file)
}

/// Where the system shows an open file.
fn path_of(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Gives a nameless file its name. Replacing an existing file in one step takes a temporary name
/// for the new one between two system calls.
fn give_name(file: &File, folder: &Path, output: &Path) -> io::Result<()> {
    let link = |name: &Path| -> io::Result<()> {
        Ok(rustix::fs::linkat(CWD, path_of(file), CWD, name, AtFlags::SYMLINK_FOLLOW)?)
    };
    match link(output) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // `tempfile` names files from the root on. A folder on the way may be closed to the
            // user, so the name begins at the open folder.
            let folder = File::from(rustix::fs::open(folder, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?);
            Ok(builder().make_in(path_of(&folder), link)?.into_temp_path().persist(output)?)
        }
        result => result,
    }
}

/// Writes a file of data.
///
/// # Errors
/// With the file's name.
pub fn write(output: &Path, bytes: &[u8]) -> Result<()> {
    OutputFile::new(output, Access::Data)?.write(bytes)
}

/// Writes a file that can be executed or loaded.
///
/// # Errors
/// With the file's name.
pub fn write_program(output: &Path, bytes: &[u8]) -> Result<()> {
    OutputFile::new(output, Access::Program)?.write(bytes)
}

fn cannot_write(output: &Path) -> String {
    format!("can't write {}", output.display())
}
