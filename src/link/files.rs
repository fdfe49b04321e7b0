//! The linker's view of the world: inputs from memory, and one output that stays there until it is
//! finished.

use libwild::error::Result;
use libwild::{FileSystem, FileType, InputFileData, OutputFileData, OutputOptions};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub type Inputs = HashMap<PathBuf, Cow<'static, [u8]>>;

pub struct Files {
    inputs: Arc<Inputs>,
    output: Arc<Mutex<Vec<u8>>>,
}

impl Files {
    /// The second value gets the linker's output.
    pub fn new(inputs: Inputs) -> (Files, Arc<Mutex<Vec<u8>>>) {
        let output = Arc::default();
        (Files { inputs: Arc::new(inputs), output: Arc::clone(&output) }, output)
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

/// The output while the linker works on it.
pub struct Output {
    bytes: Vec<u8>,
    finished: Arc<Mutex<Vec<u8>>>,
}

impl OutputFileData for Output {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn finish(self) -> Result {
        *self.finished.lock().expect("no thread panics while it holds the lock") = self.bytes;
        Ok(())
    }
}

impl FileSystem for Files {
    type Input = Input;
    type Output = Output;

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

    /// The linker removes an old output first, and there is none.
    fn remove_file(&self, _path: &Path) -> Result<()> {
        Ok(())
    }

    fn rename_file(&self, _path: &Path, _new_path: &Path) -> Result<()> {
        Ok(())
    }

    fn create_output(&self, _path: Arc<Path>, options: OutputOptions) -> Result<Output> {
        let size = usize::try_from(options.size).map_err(|_| libwild::error!("the program is too large"))?;
        Ok(Output { bytes: vec![0; size], finished: Arc::clone(&self.output) })
    }

    fn write_auxiliary(&self, path: &Path, _bytes: &[u8]) -> Result {
        Err(libwild::error!("unexpected output {}", path.display()))
    }
}
