//! Programs that `wasm2native run` has built, by content.
//!
//! An entry is an executable file named after the module and a hash of everything that its code depends on: the module's bytes, the
//! options, and this very compiler. An entry never changes once it is there: it is written beside and renamed, so that any number of
//! processes can use the same folder. A lock per entry keeps two of them from doing the same work; correctness does not need it. Anything
//! wrong with the folder costs speed only: the program is then built into a file that has no name any more when it runs.

use crate::driver;
use crate::link::native::Natives;
use crate::options::{Cpu, Emit, Options, Output};
use crate::progress::Observer;
use crate::scratch::Scratch;
use crate::wasm::input::Input;
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Bytes that all entries together may have.
const LIMIT: u64 = 1 << 30;

/// An entry that was used so recently may be about to be executed by another process.
const IN_USE: Duration = Duration::from_secs(600);

pub struct Cache {
    /// The folder, or why there is none.
    folder: Result<PathBuf, String>,
    limit: u64,
}

/// An executable file.
pub struct Program {
    pub origin: Origin,
    file: ProgramFile,
}

/// Where a [`Program`] comes from.
pub enum Origin {
    Found,
    Built,
    /// Outside of the cache, for the reason given.
    Temporary(String),
}

enum ProgramFile {
    Named(PathBuf),
    /// Already deleted; it exists for as long as it is open.
    Nameless(File),
}

impl Program {
    /// What to execute, by this process.
    pub fn path(&self) -> PathBuf {
        match &self.file {
            ProgramFile::Named(path) => path.clone(),
            ProgramFile::Nameless(file) => format!("/proc/self/fd/{}", file.as_raw_fd()).into(),
        }
    }
}

impl Cache {
    /// The user's cache: `$WASM2NATIVE_CACHE`, else `$XDG_CACHE_HOME/wasm2native`, else `~/.cache/wasm2native`, else a folder of
    /// the user's in the temporary directory.
    pub fn open() -> Cache {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(folder) = set("WASM2NATIVE_CACHE") {
            return Cache::at(&folder, LIMIT);
        }
        let home = || std::env::home_dir().map(|home| home.join(".cache"));
        let absolute = |path: &PathBuf| path.is_absolute();
        match set("XDG_CACHE_HOME").filter(absolute).or_else(|| home().filter(absolute)) {
            Some(caches) => Cache::at(&caches.join("wasm2native"), LIMIT),
            None => {
                let user = rustix::process::getuid().as_raw();
                Cache::at(&std::env::temp_dir().join(format!("wasm2native-{user}")), LIMIT)
            }
        }
    }

    /// A cache in `folder`, which is made if it does not exist, of at most `limit` bytes.
    pub fn at(folder: &Path, limit: u64) -> Cache {
        let prepare = || -> Result<PathBuf> {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let metadata = fs::metadata(folder)?;
            // Who can write here decides what we execute.
            if metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o002 != 0 {
                bail!("others can write to it");
            }
            Ok(folder.canonicalize()?)
        };
        let folder = prepare().map_err(|error| format!("{}: {error}", folder.display()));
        Cache { folder, limit }
    }

    /// The program that `input` is with `options`, built if it is not there.
    pub fn program(&self, input: &Input, options: &Options, observer: &dyn Observer) -> Result<Program> {
        let entry = match &self.folder {
            Ok(folder) => folder.join(entry_name(input, options)?),
            Err(reason) => return temporary(reason.clone(), input, options, observer),
        };
        let named = |origin| Ok(Program { origin, file: ProgramFile::Named(entry.clone()) });
        if use_entry(&entry) {
            return named(Origin::Found);
        }
        let lock_path = entry.with_added_extension("lock");
        let lock = match File::create(&lock_path) {
            Ok(lock) => lock,
            Err(error) => return temporary(format!("{}: {error}", entry.display()), input, options, observer),
        };
        // Not every file system has locks. Without, the work is done twice, and the second result replaces the first, its equal.
        let _ = lock.lock();
        if use_entry(&entry) {
            return named(Origin::Found);
        }
        let built = driver::build(input, options, &program_at(&entry), observer);
        let _ = fs::remove_file(lock_path);
        built?;
        self.remove_oldest();
        named(Origin::Built)
    }

    /// Removes entries that were not used for the longest time until the rest is within the limit. Best effort.
    fn remove_oldest(&self) {
        let Ok(files) = self.folder.as_ref().map_err(drop).and_then(|folder| fs::read_dir(folder).map_err(drop)) else {
            return;
        };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = files
            .filter_map(|file| {
                let file = file.ok()?;
                let metadata = file.metadata().ok()?;
                Some((metadata.modified().ok()?, metadata.len(), file.path()))
            })
            .collect();
        files.sort();
        let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (used, length, path) in files {
            let in_use = used.elapsed().is_ok_and(|age| age < IN_USE);
            if total <= self.limit || in_use {
                break;
            }
            if fs::remove_file(path).is_ok() {
                total -= length;
            }
        }
    }
}

/// Whether the entry is there; then it counts as used now. A crash of the machine can leave an empty file.
fn use_entry(entry: &Path) -> bool {
    let Ok(file) = File::open(entry) else { return false };
    let _ = file.set_modified(SystemTime::now());
    file.metadata().is_ok_and(|metadata| metadata.len() > 0)
}

fn program_at(file: &Path) -> [Output; 1] {
    [Output { emit: Emit::Exe, file: file.to_owned() }]
}

fn temporary(reason: String, input: &Input, options: &Options, observer: &dyn Observer) -> Result<Program> {
    let dir = Scratch::new()?;
    let path = dir.path().join("program");
    driver::build(input, options, &program_at(&path), observer)?;
    let file = File::open(&path).with_context(|| format!("can't read {}", path.display()))?;
    Ok(Program { origin: Origin::Temporary(reason), file: ProgramFile::Nameless(file) })
}

/// The module's name, for those who look at the list of processes, and the hash that decides.
fn entry_name(input: &Input, options: &Options) -> Result<String> {
    let stem = Path::new(&input.name).file_stem().unwrap_or_default().to_string_lossy();
    let name: String =
        stem.chars().take(40).map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();

    let mut hash = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(env!("CARGO_PKG_VERSION").as_bytes());
    part(this_compiler().unwrap_or_default().as_bytes());
    part(format!("{options:?}").as_bytes());
    if options.cpu == Cpu::Native {
        part(this_processor().as_bytes());
    }
    part(name.as_bytes());
    part(&input.bytes);
    // Sources are compiled for this: what they include counts, too.
    Natives::read(&options.link)?.contents().for_each(part);
    Ok(format!("{name}-{}", &hash.finalize().to_hex()[..32]))
}

/// Changes with every build of the compiler that is running.
fn this_compiler() -> Option<String> {
    let metadata = fs::metadata(std::env::current_exe().ok()?).ok()?;
    Some(format!("{} {}.{}", metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

/// What Linux says of the first processor: several machines may share a home directory.
fn this_processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let names_features =
        |line: &&str| ["flags", "Features", "isa", "model name"].iter().any(|key| line.starts_with(key));
    let first = text.split("\n\n").next().unwrap_or_default();
    first.lines().filter(names_features).collect::<Vec<_>>().join("\n")
}
