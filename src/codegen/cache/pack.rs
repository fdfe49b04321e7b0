//! A pack: many entries in a file, or in memory. It is written once and never changes.
//!
//! Comes in: entries. Goes out: entries. All entries come first, then the index with a row for
//! each, then the number of rows. Nothing here is trusted: a wrong row leads to bytes that have no
//! right seal, and lengths are compared with the pack's before memory is allocated.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

/// Ends a pack, and changes with this format.
const MAGIC: &[u8; 8] = b"w2npack1";

/// A row of the index: key, offset, length.
const ROW: usize = blake3::OUT_LEN + 8 + 8;

/// The number of rows, and [`MAGIC`].
const END: usize = 8 + MAGIC.len();

/// An open pack.
pub struct Pack {
    /// What the storage calls it.
    pub name: PathBuf,
    contents: Contents,
    rows: Vec<(blake3::Hash, u64, usize)>,
}

/// The bytes of a pack.
pub enum Contents {
    File(File),
    #[cfg_attr(not(feature = "remote-cache"), expect(dead_code, reason = "folders have files"))]
    Memory(Vec<u8>),
}

/// Where an entry lies.
pub struct Entry {
    /// Number of the pack.
    pub pack: usize,
    offset: u64,
    length: usize,
    /// The build at hand uses it.
    pub is_found: AtomicBool,
}

impl Pack {
    /// `None` for what is not a pack.
    pub fn open(name: PathBuf, contents: Contents) -> Option<Pack> {
        let length = contents.length()?;
        let end = length.checked_sub(END as u64)?;
        let [number, magic] = [end, end.checked_add(8)?].map(|offset| contents.read(offset, 8));
        if magic? != MAGIC {
            return None;
        }
        let n_rows = number_at(&number?, 0)?;
        let size = n_rows.checked_mul(ROW as u64)?;
        let start = end.checked_sub(size)?;
        let index = contents.read(start, usize::try_from(size).ok()?)?;
        let rows = index.chunks_exact(ROW).map(|row| {
            let key = blake3::Hash::from_slice(&row[..blake3::OUT_LEN]).ok()?;
            let (offset, length) = (number_at(row, blake3::OUT_LEN)?, number_at(row, blake3::OUT_LEN + 8)?);
            let is_inside = offset.checked_add(length).is_some_and(|end| end <= start);
            is_inside.then_some((key, offset, usize::try_from(length).ok()?))
        });
        Some(Pack { name, rows: rows.flatten().collect(), contents })
    }

    /// What there is, if this is the pack of that number.
    pub fn entries(&self, number: usize) -> impl Iterator<Item = (blake3::Hash, Entry)> {
        self.rows.iter().map(move |&(key, offset, length)| {
            (key, Entry { pack: number, offset, length, is_found: AtomicBool::new(false) })
        })
    }

    pub fn read(&self, entry: &Entry) -> Option<Vec<u8>> {
        self.contents.read(entry.offset, entry.length)
    }

    /// The packs that were not used for long are removed first.
    pub fn mark_used(&self) {
        if let Contents::File(file) = &self.contents {
            let _ = file.set_modified(SystemTime::now());
        }
    }
}

impl Contents {
    fn length(&self) -> Option<u64> {
        match self {
            Contents::File(file) => Some(file.metadata().ok()?.len()),
            Contents::Memory(bytes) => u64::try_from(bytes.len()).ok(),
        }
    }

    fn read(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        match self {
            Contents::File(file) => {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, offset).ok()?;
                Some(bytes)
            }
            Contents::Memory(bytes) => Some(bytes.get(usize::try_from(offset).ok()?..)?.get(..length)?.to_vec()),
        }
    }
}

fn number_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// A pack that is being written.
pub struct PackWriter<W> {
    output: W,
    rows: Vec<(blake3::Hash, u64, usize)>,
    offset: u64,
}

impl<W: Write> PackWriter<W> {
    pub fn new(output: W) -> PackWriter<W> {
        PackWriter { output, rows: Vec::new(), offset: 0 }
    }

    /// # Errors
    /// When there is no space.
    pub fn add(&mut self, key: &blake3::Hash, sealed: &[u8]) -> Result<()> {
        self.output.write_all(sealed)?;
        self.rows.push((*key, self.offset, sealed.len()));
        self.offset = self.offset.checked_add(sealed.len() as u64).context("a pack has less than 2^64 bytes")?;
        Ok(())
    }

    /// The output, with the whole pack.
    ///
    /// # Errors
    /// When there is no space.
    pub fn finish(mut self) -> Result<W> {
        for (key, offset, length) in &self.rows {
            self.output.write_all(key.as_bytes())?;
            self.output.write_all(&offset.to_le_bytes())?;
            self.output.write_all(&(*length as u64).to_le_bytes())?;
        }
        self.output.write_all(&(self.rows.len() as u64).to_le_bytes())?;
        self.output.write_all(MAGIC)?;
        Ok(self.output)
    }
}
