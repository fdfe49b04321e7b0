//! Where packs lie: in a folder, or at a remote end.
//!
//! Whoever can write there decides what a program does, unless entries are sealed with a secret. So
//! a folder must be the user's alone, or there must be a secret; a remote end always needs one.

use super::folder::Folder;
use super::pack::Pack;
#[cfg(feature = "remote-cache")]
use super::remote::Remote;
use super::seal::Seal;
use crate::options::{CacheOptions, without_password};
use anyhow::{Result, bail};

/// A place for packs.
pub trait Storage: Send + Sync {
    /// The packs of a shard.
    ///
    /// # Errors
    /// When the storage can't be read.
    fn packs(&self, shard: &ShardName) -> Result<Found>;

    /// Begins to add entries to a shard.
    ///
    /// # Errors
    /// When the storage can't be written.
    fn addition(&self, shard: &ShardName) -> Result<Box<dyn Addition + '_>>;

    /// What it means that `n_entries` had wrong seals, if that needs a warning.
    fn damage(&self, n_entries: u64) -> Option<String>;
}

/// Entries that are being added to a shard.
pub trait Addition: Send {
    /// # Errors
    /// When there is no space.
    fn add(&mut self, key: &blake3::Hash, sealed: &[u8]) -> Result<()>;

    /// The entries are there for the next build, instead of the packs `old`.
    ///
    /// # Errors
    /// When the storage can't be written.
    fn finish(self: Box<Self>, old: &[Pack]) -> Result<()>;
}

/// What identifies a shard.
pub struct ShardName {
    /// The module's name, for those who look into the storage.
    pub stem: String,
    /// What the functions of the module have in common.
    pub context: blake3::Hash,
}

/// The packs of a shard.
pub struct Found {
    pub packs: Vec<Pack>,
    pub renewal: Renewal,
    /// Something else lies where the shard should be.
    pub damage: Option<String>,
}

/// Whether a build writes what it found anew, together with what it made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    None,
    /// There are many packs: if something is written anyway.
    WithNew,
    /// The packs expire soon.
    Now,
}

/// The remote ends.
const REMOTE: [&str; 3] = ["redis", "rediss", "s3"];

/// The storage that the user named.
///
/// # Errors
/// When there is no such storage, or others could write there.
pub fn open(options: &CacheOptions, seal: &Seal) -> Result<Box<dyn Storage>> {
    let CacheOptions { place, key, limit } = options;
    let Some((scheme, _)) = place.split_once("://") else {
        return Ok(Box::new(Folder::new(place, *limit, key.is_some())?));
    };
    let shown = without_password(place);
    if !REMOTE.contains(&scheme) {
        let kinds = REMOTE.map(|scheme| format!("{scheme}://")).join(", ");
        bail!("--cache {shown}: there is no kind of cache `{scheme}`\nhelp: a cache is a directory, or one of {kinds}");
    }
    open_remote(&shown, options, seal)
}

#[cfg(feature = "remote-cache")]
fn open_remote(shown: &str, options: &CacheOptions, seal: &Seal) -> Result<Box<dyn Storage>> {
    use anyhow::Context;
    if options.key.is_none() {
        bail!(
            "--cache {shown}: others may write there, and could put code into your programs\n\
             help: seal the entries with --cache-key FILE; (umask 077; head -c 32 /dev/urandom >FILE) makes a key"
        );
    }
    Ok(Box::new(Remote::new(&options.place, seal.clone()).with_context(|| format!("--cache {shown}"))?))
}

#[cfg(not(feature = "remote-cache"))]
fn open_remote(shown: &str, _: &CacheOptions, _: &Seal) -> Result<Box<dyn Storage>> {
    bail!(
        "--cache {shown}: this wasm2native was built without remote caches\n\
         help: build it with `cargo build --release --features remote-cache`, or name a directory"
    );
}
