//! Packs in a folder of the user's.
//!
//! A pack is written under another name and renamed, so that any number of builds can use the
//! folder at once. Whoever can write to the folder decides what a program does, unless entries are
//! sealed with a secret; so without one the folder must be the user's alone.

use super::pack::{Contents, Pack, PackWriter};
use super::storage::{Addition, Found, Renewal, ShardName, Storage};
use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};
use std::fs::{self, File, Permissions};
use std::io::BufWriter;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::NamedTempFile;

/// How a pack's name ends.
const EXTENSION: &str = "pack";

/// How the name of a pack begins that is being written.
const UNFINISHED: &str = ".unfinished-";

/// A shard has at most this many packs: then they are written anew as one.
const MOST_PACKS: usize = 16;

/// A build that was killed leaves an unfinished pack.
const ABANDONED: Duration = Duration::from_hours(24);

/// A folder with packs.
pub struct Folder {
    path: PathBuf,
    /// The most bytes of all packs together.
    limit: u64,
    /// Entries are sealed with a secret.
    is_secret: bool,
}

/// A pack that is being written for a shard, whose packs have names that begin with `prefix`.
struct NewPack<'a> {
    folder: &'a Folder,
    prefix: String,
    writer: PackWriter<BufWriter<NamedTempFile>>,
}

impl Folder {
    /// The folder of that name, which is created if it does not exist.
    ///
    /// # Errors
    /// When it is not a folder, or others can write to it and entries are not sealed with a secret.
    pub fn new(name: &str, limit: u64, is_secret: bool) -> Result<Folder> {
        let path = PathBuf::from(name);
        // What is wrong shows when a pack is written.
        let _ = fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
        match path.metadata() {
            Ok(metadata) if !metadata.is_dir() => bail!("--cache {name}: not a directory"),
            Ok(metadata) if !is_secret => check_owner(&path, metadata.uid(), metadata.mode())?,
            _ => {}
        }
        Ok(Folder { path, limit, is_secret })
    }

    fn list(&self) -> Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.path).with_context(|| self.path.display().to_string())?;
        Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
    }

    /// Removes the least recently used packs until the rest is within the limit. Errors are
    /// ignored: another build may do the same.
    fn make_room(&self) {
        let mut packs: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for path in self.list().unwrap_or_default() {
            let Ok(metadata) = path.symlink_metadata() else { continue };
            let Ok(used) = metadata.modified() else { continue };
            if is_pack(&path) {
                packs.push((used, metadata.len(), path));
            } else if begins(&path, UNFINISHED) && used.elapsed().is_ok_and(|age| age > ABANDONED) {
                let _ = fs::remove_file(path);
            }
        }
        packs.sort();
        let mut total = packs.iter().fold(0u64, |total, (_, length, _)| total.saturating_add(*length));
        for (_, length, path) in packs {
            if total <= self.limit {
                break;
            }
            if fs::remove_file(path).is_ok() {
                total = total.saturating_sub(length);
            }
        }
    }
}

impl Storage for Folder {
    /// The packs in the order of their names.
    fn packs(&self, shard: &ShardName) -> Result<Found> {
        let prefix = prefix(shard);
        let mut paths: Vec<_> =
            self.list()?.into_iter().filter(|path| begins(path, &prefix) && is_pack(path)).collect();
        paths.sort();
        let packs: Vec<_> =
            paths.into_iter().filter_map(|path| Pack::open(path.clone(), Contents::File(open(&path)?))).collect();
        let renewal = if packs.len() >= MOST_PACKS { Renewal::WithNew } else { Renewal::None };
        Ok(Found { packs, renewal, damage: None })
    }

    fn addition(&self, shard: &ShardName) -> Result<Box<dyn Addition + '_>> {
        let mode = if self.is_secret { 0o666 } else { 0o600 };
        let mut builder = tempfile::Builder::new();
        builder.prefix(UNFINISHED).permissions(Permissions::from_mode(mode));
        let file = builder.tempfile_in(&self.path).with_context(|| self.path.display().to_string())?;
        let writer = PackWriter::new(BufWriter::with_capacity(1 << 20, file));
        Ok(Box::new(NewPack { folder: self, prefix: prefix(shard), writer }))
    }

    /// Entries with other seals have other keys, or are damaged; nobody can tell.
    fn damage(&self, _n_entries: u64) -> Option<String> {
        None
    }
}

impl Addition for NewPack<'_> {
    fn add(&mut self, key: &blake3::Hash, sealed: &[u8]) -> Result<()> {
        self.writer.add(key, sealed)
    }

    /// Renames the pack to its name. Then the least recently used packs make room.
    fn finish(self: Box<Self>, old: &[Pack]) -> Result<()> {
        let NewPack { folder, prefix, writer } = *self;
        let file = writer.finish()?.into_inner().map_err(|error| error.into_error())?;
        let written = file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let number = written.strip_prefix(UNFINISHED).unwrap_or(&written);
        let path = folder.path.join(format!("{prefix}{number}.{EXTENSION}"));
        file.persist(&path).with_context(|| path.display().to_string())?;
        for pack in old {
            let _ = fs::remove_file(&pack.name);
        }
        folder.make_room();
        Ok(())
    }
}

/// How the names of a shard's packs begin.
fn prefix(shard: &ShardName) -> String {
    format!("{}-{}-", shard.stem, &shard.context.to_hex()[..16])
}

fn check_owner(folder: &Path, owner: u32, mode: u32) -> Result<()> {
    let name = folder.display();
    let help = "help: use a directory of your own, or seal the entries with --cache-key FILE";
    if owner != rustix::process::geteuid().as_raw() {
        bail!("--cache {name}: the directory belongs to another user, who could put code there\n{help}");
    }
    if mode & 0o022 != 0 {
        bail!(
            "--cache {name}: others may write to the directory, and could put code there\n{help}, or chmod go-w {name}"
        );
    }
    Ok(())
}

/// Whether a file of that name in a cache's folder is a pack, or one that is being written.
pub fn is_own(name: &str) -> bool {
    is_pack(Path::new(name)) || name.starts_with(UNFINISHED)
}

fn begins(path: &Path, name: &str) -> bool {
    path.file_name().unwrap_or_default().as_encoded_bytes().starts_with(name.as_bytes())
}

fn is_pack(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == EXTENSION)
}

fn open(path: &Path) -> Option<File> {
    // Opening a pipe or device must not wait.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    file.metadata().ok()?.is_file().then_some(file)
}
