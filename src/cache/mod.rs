//! The cache of `wasm2native run`: programs that were built, by content.
//!
//! An entry is an executable file. Its name is the module's and a hash of everything that its code
//! depends on: the module's bytes, the options, and this build of the compiler. An entry never
//! changes: it is written under another name and renamed, so any number of processes can use the
//! same folder. A lock per entry avoids doing the same work twice; correctness does not need it. If
//! the folder can't be used, the program runs from memory: that costs speed only.
//!
//! A file can be damaged by a power cut, a full disk or a bad copy. So an entry ends with a
//! `seal`, which the system ignores when it executes the file. The seal is checked each time, and
//! the file that was checked is the one that runs: it stays open and is executed by its descriptor.
//! A damaged entry is built again. (The seal detects damage only. Whoever can write to the folder
//! could seal any file; only its owner can.)

pub mod stored;

use crate::codegen::{Generator, target};
use crate::debug::{external, split};
use crate::driver;
use crate::link::native::Natives;
use crate::link::runtime;
use crate::options::{Cpu, GeneratorName, Options};
use crate::output::{Access, OutputFile, Sync};
use crate::progress::Observer;
use crate::scratch::Scratch;
use crate::wasm::input::Input;
use anyhow::{Context, Result, bail};
use rustix::fs::{MemfdFlags, Mode, OFlags};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The most bytes of all entries together.
const LIMIT: u64 = 1 << 30;

/// Another process may be about to execute an entry that was used within this time.
const IN_USE: Duration = Duration::from_secs(600);

/// Hexadecimal digits of the hash at the end of an entry's name.
const HASH_LENGTH: usize = 32;

pub struct Cache {
    /// The folder, or the reason why it can't be used.
    folder: Result<PathBuf, String>,
    limit: u64,
}

/// An executable file.
pub struct CachedProgram {
    pub origin: Origin,
    file: File,
    /// Its path, if it has one.
    name: Option<PathBuf>,
}

/// Where a [`CachedProgram`] comes from.
pub enum Origin {
    Found,
    Built,
    /// Outside of the cache, for the reason given.
    Temporary(String),
}

impl CachedProgram {
    /// The path that this process executes: it leads to the open file, even if its name changes.
    pub fn path(&self) -> PathBuf {
        let open = PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()));
        match &self.name {
            Some(name) if open.symlink_metadata().is_err() => name.clone(),
            _ => open,
        }
    }

    /// Its name in messages.
    pub fn describe(&self) -> String {
        self.name.as_ref().map_or("the program".to_owned(), |name| name.display().to_string())
    }
}

/// The folder of the user's cache: `$WASM2NATIVE_CACHE`, else `$XDG_CACHE_HOME/wasm2native`, else
/// `~/.cache/wasm2native`, else a folder of the user's in the temporary directory.
pub fn folder() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = set("WASM2NATIVE_CACHE") {
        return folder;
    }
    let home = || std::env::home_dir().map(|home| home.join(".cache"));
    let absolute = |path: &PathBuf| path.is_absolute();
    match set("XDG_CACHE_HOME").filter(absolute).or_else(|| home().filter(absolute)) {
        Some(caches) => caches.join("wasm2native"),
        None => std::env::temp_dir().join(format!("wasm2native-{}", rustix::process::getuid().as_raw())),
    }
}

/// Whether a file of that name in a cache's folder is an entry, or the lock of one.
fn is_own(name: &str) -> bool {
    let name = name.strip_suffix(".lock").unwrap_or(name);
    let hash = name.rsplit_once('-').map(|(_, hash)| hash);
    hash.is_some_and(|hash| hash.len() == HASH_LENGTH && hash.bytes().all(|it| it.is_ascii_hexdigit()))
}

impl Cache {
    /// The user's cache, in [`folder`].
    pub fn open() -> Cache {
        Cache::at(&folder(), LIMIT)
    }

    /// A cache of at most `limit` bytes in `folder`, which is created if it does not exist.
    pub fn at(folder: &Path, limit: u64) -> Cache {
        let prepare = || -> Result<PathBuf> {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let metadata = fs::metadata(folder)?;
            // Whoever can write to the folder decides what we execute.
            if metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o002 != 0 {
                bail!("others can write to it");
            }
            Ok(folder.canonicalize()?)
        };
        let folder = prepare().map_err(|error| format!("{}: {error}", folder.display()));
        Cache { folder, limit }
    }

    /// The program for `input` and `options`, from the cache or built.
    pub fn program(&self, input: &Input, options: &Options, observer: &dyn Observer) -> Result<CachedProgram> {
        let build = || driver::program(input, options, observer);
        let entry = match &self.folder {
            Ok(folder) => folder.join(entry_name(input, options)?),
            Err(reason) => return temporary(reason.clone(), &build()?),
        };
        let in_cache = |origin, file| CachedProgram { origin, file, name: Some(entry.clone()) };
        if let Some(file) = open_entry(&entry) {
            return Ok(in_cache(Origin::Found, file));
        }
        let lock_path = entry.with_added_extension("lock");
        let lock = match File::create(&lock_path) {
            Ok(lock) => lock,
            Err(error) => return temporary(format!("{}: {error}", entry.display()), &build()?),
        };
        // Not every file system has locks. Without one, two processes do the same work, and the
        // second result replaces the first, which is equal.
        let _ = lock.lock();
        if let Some(file) = open_entry(&entry) {
            return Ok(in_cache(Origin::Found, file));
        }
        let built = build().map(|program| (store(&entry, &program), program));
        let _ = fs::remove_file(lock_path);
        let (stored, program) = built?;
        match stored {
            Ok(file) => {
                self.remove_oldest();
                Ok(in_cache(Origin::Built, file))
            }
            Err(error) => temporary(format!("{error:#}"), &program),
        }
    }

    /// Removes the least recently used entries until the rest is within the limit. Errors are
    /// ignored.
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

/// The mark of a sealed file.
const MAGIC: &[u8; 8] = b"\0w2nseal";

/// [`MAGIC`], the program's length as a little-endian number, and the hash.
const SEAL_LENGTH: usize = MAGIC.len() + size_of::<u64>() + blake3::OUT_LEN;

/// The last bytes of an entry, which identify the program that precedes them.
fn seal(length: u64, hash: &blake3::Hash) -> [u8; SEAL_LENGTH] {
    let parts = [&MAGIC[..], &length.to_le_bytes(), hash.as_bytes()].concat();
    parts.try_into().expect("the lengths are constant")
}

/// The hash of a program and of its entry's name, so an intact entry with a wrong name counts as
/// damaged.
fn hash(entry: &Path, program: impl Read) -> io::Result<blake3::Hash> {
    let name = entry.file_name().unwrap_or_default().as_encoded_bytes();
    let mut hash = blake3::Hasher::new();
    hash.update(&(name.len() as u64).to_le_bytes()).update(name).update_reader(program)?;
    Ok(hash.finalize())
}

/// The entry, if it exists and is intact. It counts as used now.
fn open_entry(entry: &Path) -> Option<File> {
    // Opening a pipe or device must not wait.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(entry, flags, Mode::empty()).ok()?);
    let metadata = file.metadata().ok()?;
    let is_executable = metadata.is_file() && metadata.mode() & 0o100 != 0;
    let length = metadata.len().checked_sub(SEAL_LENGTH as u64).filter(|_| is_executable)?;
    let mut found = [0; SEAL_LENGTH];
    file.read_exact_at(&mut found, length).ok()?;
    if found[..MAGIC.len()] != *MAGIC || found != seal(length, &hash(entry, (&file).take(length)).ok()?) {
        return None;
    }
    let _ = file.set_modified(SystemTime::now());
    Some(file)
}

/// Writes an entry, and opens it like any other.
fn store(entry: &Path, program: &[u8]) -> Result<File> {
    let seal = seal(program.len() as u64, &hash(entry, program)?);
    // A crash can damage the entry; the seal detects that.
    let output_file = OutputFile::replacing(entry, Access::Program)?.with_sync(Sync::Never);
    output_file.write(&[program, &seal].concat())?;
    open_entry(entry).with_context(|| format!("{}: the file that was just written is damaged", entry.display()))
}

/// A program without a name, which exists while it is open: in memory, or in a file if the system
/// does not allow that.
fn temporary(reason: String, program: &[u8]) -> Result<CachedProgram> {
    let file = in_memory(program).or_else(|_| in_file(program)).context("can't keep the program while it runs")?;
    Ok(CachedProgram { origin: Origin::Temporary(reason), file, name: None })
}

fn in_memory(program: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("wasm2native", MemfdFlags::CLOEXEC)?);
    file.write_all(program)?;
    Ok(file)
}

fn in_file(program: &[u8]) -> Result<File> {
    let dir = Scratch::new()?;
    let path = dir.path().join("program");
    OpenOptions::new().write(true).create_new(true).mode(0o700).open(&path)?.write_all(program)?;
    Ok(File::open(&path)?)
}

/// The module's name, which helps in a list of processes, and the hash that identifies the entry.
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
    // A cache of functions changes no byte.
    part(format!("{:?}", Options { cache: None, ..options.clone() }).as_bytes());
    if options.cpu == Cpu::Native {
        part(this_processor().as_bytes());
    }
    // Debug information names the source.
    if options.debug {
        part(std::path::absolute(&input.name).unwrap_or_default().as_os_str().as_encoded_bytes());
        let (module, chosen) = (Path::new(&input.name), options.debug_file.as_deref());
        let external = external::file(&input.bytes, module, chosen);
        let external = external.and_then(|file| fs::read(file).ok()).unwrap_or_default();
        part(&external);
        let package = chosen.filter(|_| split::is_package(&external));
        let with_dwarf = if external.is_empty() || package.is_some() { &input.bytes } else { &external };
        for file in split::files(with_dwarf, module, package) {
            part(&fs::read(file).unwrap_or_default());
        }
    }
    // Another clang may have come.
    if options.generator == GeneratorName::Llvm {
        part(Generator::new(options)?.compiler().unwrap_or_default().as_bytes());
    }
    part(name.as_bytes());
    part(&input.bytes);
    // C sources are compiled for this, because the files that they include count as well.
    if let Some(runtime) = runtime::of(&target::triple(options)?, None)? {
        Natives::read(&options.link, runtime.target)?.contents().for_each(part);
    }
    Ok(format!("{name}-{}", &hash.finalize().to_hex()[..HASH_LENGTH]))
}

/// Changes with every build of the compiler that is running.
fn this_compiler() -> Option<String> {
    let metadata = fs::metadata(std::env::current_exe().ok()?).ok()?;
    Some(format!("{} {}.{}", metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
}

/// Linux's description of the first processor: several machines may share a home directory.
fn this_processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let names_features =
        |line: &&str| ["flags", "Features", "isa", "model name"].iter().any(|key| line.starts_with(key));
    let first = text.split("\n\n").next().unwrap_or_default();
    first.lines().filter(names_features).collect::<Vec<_>>().join("\n")
}
