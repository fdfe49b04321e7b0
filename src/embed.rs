//! Packs directory trees into the bytes that a program embeds (`--embed`).
//! [`crate::abi::wasi::embedded`] describes their format.
//!
//! Comes in: directories of the host. Goes out: bytes that depend only on names and contents, not
//! on times, owners, the order of the file system or the machine. Links stay links. Equal blocks
//! are stored once, and compressed if that makes them smaller.
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

use crate::abi::wasi::embedded::{BLOCK, DIRECTORY, FILE, LINK, NODE_SIZE};
use crate::number::to_u32;
use crate::progress::Observer;
use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{Mode, OFlags};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The level of compression, zlib's default: good compression in reasonable time.
const LEVEL: u8 = 6;

/// The largest size of all trees, in bytes. Code reaches data by distances of 31 bits, and needs
/// space itself.
const MOST_BYTES: usize = 3 << 29;

/// Packs the host's directories, the first of each pair. Without directories, the result is empty.
///
/// # Errors
/// With the path of a file that can't be read, that is not a file, directory or link, or whose name
/// is not UTF-8.
pub fn pack(trees: &[(PathBuf, String)], observer: &dyn Observer) -> Result<Vec<u8>> {
    if trees.is_empty() {
        return Ok(Vec::new());
    }
    // The header: the offset of the nodes, which is filled in last, and the number of trees.
    let bytes = [[0; 8], (trees.len() as u64).to_le_bytes()].concat();
    let mut packer = Packer { bytes, nodes: vec![Node::default(); trees.len()], stored: HashMap::new(), observer };
    for (index, (host, _)) in trees.iter().enumerate() {
        let mut pack = || {
            ensure!(fs::metadata(host)?.is_dir(), "it is not a directory");
            packer.directory(host)
        };
        packer.nodes[index] = pack().with_context(|| format!("--embed {}", host.display()))?;
    }
    Ok(packer.finish())
}

#[derive(Clone, Default)]
struct Node {
    kind: u32,
    count: u32,
    start: u64,
    size: u64,
}

struct Packer<'a> {
    bytes: Vec<u8>,
    nodes: Vec<Node>,
    /// Offset and stored length of each block, by the hash of its contents.
    stored: HashMap<blake3::Hash, (u64, u32)>,
    observer: &'a dyn Observer,
}

impl Packer<'_> {
    fn directory(&mut self, path: &Path) -> Result<Node> {
        self.observer.reads(path);
        let mut names = Vec::new();
        for entry in fs::read_dir(path).with_context(|| path.display().to_string())? {
            let name = entry.with_context(|| path.display().to_string())?.file_name();
            let Some(name) = name.to_str() else {
                bail!("{}: the name is not UTF-8", path.join(&name).display());
            };
            names.push(name.to_owned());
        }
        names.sort_unstable();
        let mut entries = Vec::new();
        for name in &names {
            let below = path.join(name);
            let node = self.node(&below)?;
            let number = u32::try_from(self.nodes.len()).context("there are too many files")?;
            self.nodes.push(node);
            entries.extend((self.bytes.len() as u64).to_le_bytes());
            entries.extend(u32::try_from(name.len())?.to_le_bytes());
            entries.extend(number.to_le_bytes());
            self.bytes.extend(name.bytes());
        }
        let count = u32::try_from(names.len()).context("there are too many files")?;
        Ok(Node { kind: DIRECTORY, count, start: self.put(&entries), size: 0 })
    }

    fn node(&mut self, path: &Path) -> Result<Node> {
        let describe = || path.display().to_string();
        let kind = fs::symlink_metadata(path).with_context(describe)?.file_type();
        if kind.is_symlink() {
            let target = fs::read_link(path).with_context(describe)?;
            let Some(target) = target.to_str() else { bail!("{}: its target is not UTF-8", path.display()) };
            let length = target.len();
            return Ok(Node {
                kind: LINK,
                count: u32::try_from(length)?,
                start: self.put(target.as_bytes()),
                size: length as u64,
            });
        }
        if kind.is_dir() {
            return self.directory(path);
        }
        if !kind.is_file() {
            bail!("{}: neither a file, nor a directory, nor a link", path.display());
        }
        self.file(path).with_context(describe)
    }

    /// Packs the file that is opened here. The path may lead elsewhere than it did before: to a
    /// link that must not be followed, or to a pipe or device that must not be waited for or read.
    fn file(&mut self, path: &Path) -> Result<Node> {
        self.observer.reads(path);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
        ensure!(file.metadata()?.is_file(), "it changed while it was read");
        let mut block = Vec::with_capacity(BLOCK);
        let mut blocks = Vec::new();
        let (mut count, mut size) = (0u32, 0u64);
        loop {
            block.clear();
            (&mut file).take(BLOCK as u64).read_to_end(&mut block)?;
            if block.is_empty() {
                break;
            }
            let (start, length) = self.block(&block);
            ensure!(self.bytes.len() <= MOST_BYTES, "a program can embed at most {} MiB, compressed", MOST_BYTES >> 20);
            blocks.extend(start.to_le_bytes());
            blocks.extend(length.to_le_bytes());
            blocks.extend(to_u32(block.len()).to_le_bytes());
            count = count.checked_add(1).context("it is too large")?;
            size = size.saturating_add(block.len() as u64);
            // Only the last block may be shorter: the reader computes a block's number from an
            // offset.
            if block.len() < BLOCK {
                break;
            }
        }
        Ok(Node { kind: FILE, count, start: self.put(&blocks), size })
    }

    /// Stores a block unless an equal one exists. Returns its offset and stored length.
    fn block(&mut self, block: &[u8]) -> (u64, u32) {
        let key = blake3::hash(block);
        if let Some(known) = self.stored.get(&key) {
            return *known;
        }
        let packed = miniz_oxide::deflate::compress_to_vec(block, LEVEL);
        // A small saving is not worth the time to unpack.
        let bytes = if packed.len() < (block.len() / 8).saturating_mul(7) { &packed[..] } else { block };
        let place = (self.bytes.len() as u64, to_u32(bytes.len()));
        self.bytes.extend(bytes);
        self.stored.insert(key, place);
        place
    }

    fn put(&mut self, bytes: &[u8]) -> u64 {
        let start = self.bytes.len() as u64;
        self.bytes.extend(bytes);
        start
    }

    fn finish(mut self) -> Vec<u8> {
        let start = self.bytes.len() as u64;
        self.bytes[..8].copy_from_slice(&start.to_le_bytes());
        for Node { kind, count, start, size } in &self.nodes {
            self.bytes.extend(kind.to_le_bytes());
            self.bytes.extend(count.to_le_bytes());
            self.bytes.extend(start.to_le_bytes());
            self.bytes.extend(size.to_le_bytes());
            self.bytes.extend([0; NODE_SIZE - 24]);
        }
        self.bytes
    }
}
