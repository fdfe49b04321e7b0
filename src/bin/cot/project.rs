//! `cot.json`: what a project says of itself.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};

pub const NAME: &str = "cot.json";

/// The file to compile: the one that was named, or the one that `./cot.json` names.
///
/// # Errors
/// No file was named, and there is no `cot.json` with one.
pub fn main_file(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(file) = named {
        return Ok(file.to_owned());
    }
    let path = Path::new(NAME);
    if !path.exists() {
        bail!("no file was named, and there is no {NAME} here that names one");
    }
    match read(path)?.get("main") {
        Some(Value::String(main)) => Ok(PathBuf::from(main)),
        Some(_) => bail!("{NAME}: \"main\" is not a string"),
        None => bail!("{NAME} has no \"main\""),
    }
}

/// What a `cot.json` says; nothing where there is none. Keys that are not known are ignored.
#[derive(Default)]
pub struct Project {
    path: PathBuf,
    values: Value,
}

impl Project {
    /// By the `cot.json` here, or else the next one upwards from the file.
    ///
    /// # Errors
    /// It can't be read.
    pub fn of(file: &Path) -> Result<Project> {
        let absolute = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let upwards = absolute.ancestors().skip(1).map(|folder| folder.join(NAME));
        let found = [PathBuf::from(NAME)].into_iter().chain(upwards).find(|path| path.is_file());
        let project = found.map(|path| read(&path).map(|values| Project { path, values }));
        project.transpose().map(Option::unwrap_or_default)
    }

    /// By the `cot.json` here.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub fn here() -> Result<Project> {
        let path = PathBuf::from(NAME);
        if !path.exists() {
            bail!("there is no {NAME} here");
        }
        Ok(Project { values: read(&path)?, path })
    }

    /// The `cot.json`, if there is one.
    pub fn file(&self) -> Option<&Path> {
        Some(self.path.as_path()).filter(|path| !path.as_os_str().is_empty())
    }

    /// Name and version.
    pub fn title(&self) -> String {
        let words = ["name", "version"].map(|key| self.values.get(key).and_then(Value::as_str).unwrap_or("?"));
        words.join(" ")
    }

    /// Names and shell commands.
    ///
    /// # Errors
    /// `tasks` is something else than that.
    pub fn tasks(&self) -> Result<Vec<(String, String)>> {
        let Some(tasks) = self.values.get("tasks") else { return Ok(Vec::new()) };
        let pairs = tasks
            .as_object()
            .map(|all| all.iter().map(|(name, command)| Some((name.clone(), command.as_str()?.to_owned()))).collect());
        pairs.flatten().with_context(|| format!("{NAME}: \"tasks\" is not an object of strings"))
    }

    /// Whether all files are `@safe`.
    ///
    /// # Errors
    /// `safe` is something else than true or false.
    pub fn is_safe(&self) -> Result<bool> {
        match self.values.get("safe") {
            None => Ok(false),
            Some(Value::Bool(safe)) => Ok(*safe),
            Some(_) => bail!("{}: \"safe\" is neither true nor false", self.path.display()),
        }
    }

    /// Libraries that native programs are linked with.
    ///
    /// # Errors
    /// `libs` is not a list of strings; likewise for the others.
    pub fn libraries(&self) -> Result<Vec<String>> {
        self.strings("libs")
    }

    /// C sources that are compiled and linked, beside the `cot.json` that names them.
    pub fn c_sources(&self) -> Result<Vec<PathBuf>> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        Ok(self.strings("c_sources")?.into_iter().map(|name| folder.join(name)).collect())
    }

    /// Words for the C compiler.
    pub fn c_flags(&self) -> Result<Vec<String>> {
        self.strings("c_flags")
    }

    fn strings(&self, key: &str) -> Result<Vec<String>> {
        let Some(list) = self.values.get(key) else { return Ok(Vec::new()) };
        let strings = list.as_array().map(|all| all.iter().map(|it| it.as_str().map(str::to_owned)).collect());
        strings.flatten().with_context(|| format!("{}: \"{key}\" is not a list of strings", self.path.display()))
    }
}

fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    let values: Value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    if !values.is_object() {
        bail!("{} is not a JSON object", path.display());
    }
    Ok(values)
}
