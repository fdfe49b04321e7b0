//! Output files: written where nobody sees them and then put in their place, so that nobody ever sees a half-written one.
//!
//! The file has no name until it is finished (`O_TMPFILE`), so that nothing stays behind even when the process is killed. Only where a
//! file system can't do that, it has a name of its own beside its place until then.

use anyhow::{Context, Result, bail};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

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

/// A file on its way to its place. Dropped before [`Place::commit`], it leaves nothing behind.
pub struct Place<'a> {
    output: &'a Path,
    folder: PathBuf,
    file: Temporary,
    /// The output exists and is not a file, `/dev/null` for instance: it must not be replaced.
    is_special: bool,
}

enum Temporary {
    Nameless(File),
    Named(NamedTempFile),
}

impl<'a> Place<'a> {
    pub fn new(output: &'a Path, access: Access) -> Result<Place<'a>> {
        let kind = output.symlink_metadata().map(|metadata| metadata.file_type());
        let is_special = kind
            .is_ok_and(|kind| kind.is_char_device() || kind.is_block_device() || kind.is_fifo() || kind.is_socket());
        let folder = match output.parent() {
            _ if is_special => std::env::temp_dir(),
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        if !folder.is_dir() {
            bail!("{}: there is no folder {}", cannot_write(output), folder.display());
        }
        let file = match nameless(&folder, access) {
            Some(file) => Temporary::Nameless(file),
            None => {
                let permissions = std::fs::Permissions::from_mode(access.mode());
                let file = builder().permissions(permissions).tempfile_in(&folder);
                Temporary::Named(file.with_context(|| cannot_write(output))?)
            }
        };
        Ok(Place { output, folder, file, is_special })
    }

    /// Adds bytes to the file.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = match &mut self.file {
            Temporary::Nameless(file) => file.write_all(bytes),
            Temporary::Named(file) => file.write_all(bytes),
        };
        written.with_context(|| cannot_write(self.output))
    }

    pub fn commit(self) -> Result<()> {
        let Place { output, folder, file, is_special } = self;
        let commit = || -> io::Result<()> {
            match file {
                Temporary::Nameless(file) if is_special => copy(file, output),
                Temporary::Named(file) if is_special => copy(file.reopen()?, output),
                Temporary::Nameless(file) => give_name(&file, &folder, output),
                Temporary::Named(file) => file.persist(output).map(drop).map_err(io::Error::from),
            }
        };
        commit().with_context(|| cannot_write(output))
    }
}

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".w2n-");
    builder
}

/// A file without a name, if one can be had here and be given a name later.
fn nameless(folder: &Path, access: Access) -> Option<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(folder, flags, Mode::from_raw_mode(access.mode())).ok()?);
    path_of(&file).symlink_metadata().is_ok().then_some(file)
}

/// Where the system shows an open file.
fn path_of(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Gives a nameless file its name. A file that has that name already is replaced in one step, for which the new one needs
/// another name for a moment.
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

fn copy(mut file: File, output: &Path) -> io::Result<()> {
    io::Seek::rewind(&mut file)?;
    let mut target = std::fs::OpenOptions::new().write(true).open(output)?;
    io::copy(&mut file, &mut target)?;
    Ok(())
}

/// Writes a file of data.
///
/// # Errors
/// With the file's name.
pub fn write(output: &Path, bytes: &[u8]) -> Result<()> {
    let mut place = Place::new(output, Access::Data)?;
    place.write(bytes)?;
    place.commit()
}

/// Writes a file that can be executed or loaded.
///
/// # Errors
/// With the file's name.
pub fn write_program(output: &Path, bytes: &[u8]) -> Result<()> {
    let mut place = Place::new(output, Access::Program)?;
    place.write(bytes)?;
    place.commit()
}

fn cannot_write(output: &Path) -> String {
    format!("can't write {}", output.display())
}
