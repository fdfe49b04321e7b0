//! The linker's view of the world: inputs from memory, one output on the disk.

use libwild::error::Result;
use libwild::{FileSystem, FileType, FileWriteMode, InputFileData, OsFileSystem, OutputOptions};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub type Inputs = HashMap<PathBuf, Cow<'static, [u8]>>;

pub struct Files {
    inputs: Arc<Inputs>,
}

impl Files {
    pub fn new(inputs: Inputs) -> Files {
        Files { inputs: Arc::new(inputs) }
    }
}

/// One of the inputs.
pub struct Input {
    inputs: Arc<Inputs>,
    name: PathBuf,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.name.fmt(f)
    }
}

impl InputFileData for Input {
    fn bytes(&self) -> &[u8] {
        &self.inputs[&self.name]
    }
}

impl FileSystem for Files {
    type Input = Input;
    type Output = <OsFileSystem as FileSystem>::Output;

    fn open_input(&self, path: &Path, _prepopulate_maps: bool) -> Result<(Input, Option<Arc<File>>)> {
        self.file_type(path)?;
        Ok((Input { inputs: Arc::clone(&self.inputs), name: path.to_owned() }, None))
    }

    fn file_type(&self, path: &Path) -> Result<FileType> {
        match self.inputs.contains_key(path) {
            true => Ok(FileType::File),
            false => Err(std::io::Error::from(std::io::ErrorKind::NotFound).into()),
        }
    }

    fn canonicalize(&self, path: &Path) -> Result<PathBuf> {
        Ok(path.to_owned())
    }

    /// The linker removes an old output first. Ours is new, and its name and permissions are chosen already.
    fn remove_file(&self, _path: &Path) -> Result<()> {
        Ok(())
    }

    fn rename_file(&self, _path: &Path, _new_path: &Path) -> Result<()> {
        Ok(())
    }

    fn create_output(&self, path: Arc<Path>, options: OutputOptions) -> Result<Self::Output> {
        // Written, not mapped: where the disk is full, a write fails, but a mapped page kills the process.
        let options = OutputOptions { write_mode: Some(FileWriteMode::BufferThenWrite), ..options };
        OsFileSystem.create_output(path, options)
    }

    fn write_auxiliary(&self, path: &Path, _bytes: &[u8]) -> Result {
        Err(libwild::error!("unexpected output {}", path.display()))
    }
}
