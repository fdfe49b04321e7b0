//! Seals: which bytes are an entry that this compiler, and a holder of the user's secret, made.
//!
//! A seal is BLAKE3 with a key, over the entry's key and its contents. Without a secret it detects
//! damage only; then the folder is the user's alone (see [`storage`](super::storage)).

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Mutex;

/// A secret is at least this long.
const LEAST_SECRET: usize = 16;

/// Nobody has a secret that is longer.
const MOST_SECRET: u64 = 1 << 20;

#[derive(Clone)]
pub struct Seal {
    key: [u8; blake3::KEY_LEN],
}

impl Seal {
    /// How many bytes a seal has.
    pub const LENGTH: usize = blake3::OUT_LEN;

    /// `file` holds the secret.
    ///
    /// # Errors
    /// When it can't be read, is short, or all users can read it.
    pub fn new(file: Option<&Path>) -> Result<Seal> {
        let secret = match file {
            Some(file) => read_secret(file).with_context(|| format!("--cache-key {}", file.display()))?,
            None => Vec::new(),
        };
        Ok(Seal { key: blake3::derive_key("wasm2native 2026-11-28 seal of a cached function", &secret) })
    }

    fn of(&self, key: &blake3::Hash, contents: &[u8]) -> blake3::Hash {
        blake3::Hasher::new_keyed(&self.key).update(key.as_bytes()).update(contents).finalize()
    }

    /// A name that holders of the secret alone can tell, so that those with other secrets use other
    /// names.
    #[cfg(feature = "remote-cache")]
    pub fn name(&self, of: &blake3::Hash) -> blake3::Hash {
        self.of(of, b"name")
    }

    /// Contents with their seal.
    pub fn close(&self, key: &blake3::Hash, contents: &[u8]) -> Vec<u8> {
        [contents, self.of(key, contents).as_bytes()].concat()
    }

    /// The contents, if the seal is right.
    pub fn open(&self, key: &blake3::Hash, mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let (contents, seal) = sealed.split_last_chunk::<{ Seal::LENGTH }>()?;
        // Hashes are compared in constant time.
        if self.of(key, contents) != *seal {
            return None;
        }
        sealed.truncate(contents.len());
        Some(sealed)
    }
}

fn read_secret(file: &Path) -> Result<Vec<u8>> {
    let opened = File::open(file)?;
    let metadata = opened.metadata()?;
    if metadata.mode() & 0o007 != 0 {
        bail!("all users may use the key\nhelp: chmod o= {}", file.display());
    }
    let mut secret = Vec::new();
    opened.take(MOST_SECRET).read_to_end(&mut secret)?;
    if secret.len() < LEAST_SECRET {
        bail!(
            "the key has less than {LEAST_SECRET} bytes\nhelp: (umask 077; head -c 32 /dev/urandom >{})",
            file.display()
        );
    }
    Ok(secret)
}

/// The hash of the program that is running, compiler or host of the library: every build of it
/// makes code of its own, and a copy of it makes the same.
///
/// # Errors
/// When the program can't be read.
pub fn compiler() -> Result<blake3::Hash> {
    static HASH: Mutex<Option<blake3::Hash>> = Mutex::new(None);
    let mut hash = HASH.lock().expect("no thread panics while it holds the lock");
    if let Some(hash) = *hash {
        return Ok(hash);
    }
    // On Linux this is the file that is running, even if another has taken its name.
    let Ok(program) = File::open("/proc/self/exe").or_else(|_| File::open(std::env::current_exe()?)) else {
        bail!(
            "--cache identifies this compiler by /proc/self/exe, which can't be read\n\
             help: mount /proc, or leave out --cache"
        );
    };
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(program).context("--cache identifies this compiler by its bytes, which can't be read")?;
    Ok(*hash.insert(hasher.finalize()))
}
