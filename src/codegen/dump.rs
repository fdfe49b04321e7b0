//! `--dump DIR`: every stage's result of every function as a file of its own, `0007-fib.1-clif`,
//! `.2-optimized`, `.3-vcode`.
//!
//! Files are numbered in the order of the jobs, so that two runs can be compared folder by folder.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Longest part of a function's name that goes into a file's name.
const LONGEST_NAME: usize = 60;

/// Where one function's stages are written.
pub struct Dump {
    stem: PathBuf,
    title: String,
}

impl Dump {
    pub fn new(folder: &Path, number: usize, title: String, name: &str) -> Result<Dump> {
        fs::create_dir_all(folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
        let name: String = name.chars().map(plain).take(LONGEST_NAME).collect();
        Ok(Dump { stem: folder.join(format!("{number:05}-{name}")), title })
    }

    pub fn write(&self, stage: &str, text: &str) -> Result<()> {
        let mut path = self.stem.clone().into_os_string();
        path.push(format!(".{stage}"));
        let path = PathBuf::from(path);
        fs::write(&path, format!("; {}\n{text}", self.title)).with_context(|| format!("can't write {}", path.display()))
    }
}
