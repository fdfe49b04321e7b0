//! Output files: written beside their place and renamed, so that nobody ever sees a half-written one.

use anyhow::{Context, Result};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use tempfile::NamedTempFile;

/// What a new file may be used for; the umask takes its part away.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Access {
    Data,
    Program,
}

/// A file on its way to its place. Dropped before [`Place::commit`], it leaves nothing behind.
pub struct Place<'a> {
    output: &'a Path,
    file: NamedTempFile,
    /// The output exists and is not a file, `/dev/null` for instance: it must not be replaced.
    is_special: bool,
}

impl<'a> Place<'a> {
    pub fn new(output: &'a Path, access: Access) -> Result<Place<'a>> {
        let kind = output.symlink_metadata().map(|metadata| metadata.file_type());
        let is_special = kind
            .is_ok_and(|kind| kind.is_char_device() || kind.is_block_device() || kind.is_fifo() || kind.is_socket());
        let folder = match output.parent() {
            _ if is_special => &std::env::temp_dir(),
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let permissions = std::fs::Permissions::from_mode(match access {
            Access::Data => 0o666,
            Access::Program => 0o777,
        });
        let file = tempfile::Builder::new().prefix(".w2n-").permissions(permissions).tempfile_in(folder);
        Ok(Place { output, file: file.with_context(|| cannot_write(output))?, is_special })
    }

    /// Where to write.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    pub fn commit(self) -> Result<()> {
        let commit = || -> io::Result<()> {
            if self.is_special {
                let mut target = std::fs::OpenOptions::new().write(true).open(self.output)?;
                io::copy(&mut self.file.reopen()?, &mut target)?;
            } else {
                self.file.persist(self.output)?;
            }
            Ok(())
        };
        commit().with_context(|| cannot_write(self.output))
    }
}

/// Writes a file of data.
///
/// # Errors
/// With the file's name.
pub fn write(output: &Path, bytes: &[u8]) -> Result<()> {
    let mut place = Place::new(output, Access::Data)?;
    place.file.write_all(bytes).with_context(|| cannot_write(output))?;
    place.commit()
}

fn cannot_write(output: &Path) -> String {
    format!("can't write {}", output.display())
}
