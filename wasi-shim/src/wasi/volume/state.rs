//! The files of a volume by their numbers, and the bytes that they take.
//!
//! A file stays as long as it has a name or is open. Only blocks that were written are there. Lists
//! are sorted and searched by halves: maps would take ten times the code.

use crate::wasi::clock;
use crate::wasi::errno::{Errno, Result};
use crate::wasi::types::{FileType, Filestat};
use crate::width::usize_of;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};
use std::ops::Range;
use std::result::Result as StdResult;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of a block of contents.
pub const BLOCK: u64 = 4096;

/// What a file costs beside its contents, and a name beside its two copies.
const FILE_COST: u64 = 256;
const NAME_COST: u64 = 192;

/// The first directory.
pub const ROOT: u64 = 1;

/// The device number of files in a volume: no device of the system has it.
const DEVICE: u64 = u64::MAX - 2;

pub struct Volume(Mutex<State>);

pub struct State {
    /// The file with number n is at n - 1.
    files: Vec<Option<Node>>,
    /// Numbers that no file has any more.
    free: Vec<u64>,
    limit: u64,
    used: u64,
}

pub struct Node {
    pub kind: Kind,
    /// Names that it has.
    pub links: u64,
    /// Descriptors that stand for it.
    pub n_open: u64,
    /// Nanoseconds: accessed, modified, changed.
    pub times: [u64; 3],
}

pub enum Kind {
    Directory(Entries),
    File {
        size: u64,
        blocks: Blocks,
    },
    /// Its target.
    Link(Vec<u8>),
}

/// The contents of a file: blocks with their numbers, in order.
#[derive(Default)]
pub struct Blocks(Vec<(u64, Box<[u8]>)>);

impl Blocks {
    fn place(&self, number: u64) -> StdResult<usize, usize> {
        self.0.binary_search_by_key(&number, |(number, _)| *number)
    }

    pub fn get(&self, number: u64) -> Option<&[u8]> {
        self.place(number).ok().map(|place| &*self.0[place].1)
    }

    fn n_in(&self, range: Range<u64>) -> usize {
        let [start, end] = [range.start, range.end].map(|number| self.place(number).unwrap_or_else(|place| place));
        end.saturating_sub(start)
    }
}

/// What is in a directory.
#[derive(Default)]
pub struct Entries {
    /// By name.
    names: Vec<Entry>,
    /// Cookies and names, in the order in which they came.
    order: Vec<(u64, Vec<u8>)>,
    last: u64,
    /// The directory above; the first one's is itself.
    pub parent: u64,
}

struct Entry {
    name: Vec<u8>,
    inode: u64,
    /// The cookie that follows it in a list.
    cookie: u64,
}

impl Entries {
    fn place(&self, name: &[u8]) -> StdResult<usize, usize> {
        self.names.binary_search_by(|entry| entry.name[..].cmp(name))
    }

    /// The file with a name.
    pub fn get(&self, name: &[u8]) -> Option<u64> {
        self.place(name).ok().map(|place| self.names[place].inode)
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Cookies and names after a cookie.
    pub fn after(&self, cookie: u64) -> impl Iterator<Item = (u64, &[u8])> {
        let start = self.order.partition_point(|(other, _)| *other <= cookie);
        self.order[start..].iter().map(|(cookie, name)| (*cookie, &name[..]))
    }

    /// Requires that nothing has the name.
    fn insert(&mut self, name: &[u8], inode: u64) {
        let place = self.place(name).unwrap_or_else(|place| place);
        self.last = self.last.saturating_add(1);
        let cookie = self.last.saturating_add(OWN_COOKIES);
        self.names.insert(place, Entry { name: name.to_vec(), inode, cookie });
        self.order.push((cookie, name.to_vec()));
    }

    fn remove(&mut self, name: &[u8]) -> Option<u64> {
        let Entry { inode, cookie, .. } = self.names.remove(self.place(name).ok()?);
        let place = self.order.binary_search_by_key(&cookie, |(cookie, _)| *cookie);
        drop(self.order.remove(place.ok()?));
        Some(inode)
    }
}

/// Cookies of `.` and `..`, which precede all others.
pub const OWN_COOKIES: u64 = 2;

impl Volume {
    /// An empty one.
    pub fn new(limit: u64) -> Volume {
        let root = Node::new(Kind::Directory(Entries { parent: ROOT, ..Entries::default() }));
        let root = Node { links: 1, ..root };
        Volume(Mutex::new(State { files: vec![Some(root)], free: Vec::new(), limit, used: 0 }))
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    pub fn new(kind: Kind) -> Node {
        Node { kind, links: 0, n_open: 0, times: [now(); 3] }
    }

    pub fn file_type(&self) -> FileType {
        match self.kind {
            Kind::Directory(_) => FileType::Directory,
            Kind::File { .. } => FileType::RegularFile,
            Kind::Link(_) => FileType::SymbolicLink,
        }
    }

    pub fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory(_))
    }

    pub fn stat(&self, inode: u64) -> Filestat {
        let size = match &self.kind {
            Kind::Directory(_) => 0,
            Kind::File { size, .. } => *size,
            Kind::Link(target) => target.len() as u64,
        };
        let links = if self.is_directory() { 2 } else { self.links };
        Filestat { device: DEVICE, inode, file_type: self.file_type(), links, size, times: self.times }
    }

    /// Notes that the contents have changed.
    pub fn touch(&mut self) {
        let now = now();
        self.times = [self.times[0], now, now];
    }

    pub fn set_times(&mut self, times: &Timestamps) {
        for (own, new) in self.times.iter_mut().zip([&times.last_access, &times.last_modification]) {
            match new.tv_nsec {
                UTIME_OMIT => {}
                UTIME_NOW => *own = now(),
                _ => *own = nanoseconds(new),
            }
        }
        self.times[2] = now();
    }

    fn cost(&self) -> u64 {
        let contents = match &self.kind {
            Kind::Directory(_) => 0,
            Kind::File { blocks, .. } => (blocks.0.len() as u64).saturating_mul(BLOCK),
            Kind::Link(target) => target.len() as u64,
        };
        contents.saturating_add(FILE_COST)
    }
}

/// Where a file is.
fn place(inode: u64) -> usize {
    usize_of(inode.wrapping_sub(1))
}

fn now() -> u64 {
    clock::now(clock::REALTIME).unwrap_or(0)
}

fn nanoseconds(time: &Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

fn cost_of_name(name: &[u8]) -> u64 {
    (name.len() as u64).saturating_mul(2).saturating_add(NAME_COST)
}

impl State {
    pub fn get(&self, inode: u64) -> Result<&Node> {
        Ok(self.files.get(place(inode)).and_then(Option::as_ref).ok_or(Errno::Noent)?)
    }

    pub fn get_mut(&mut self, inode: u64) -> Result<&mut Node> {
        Ok(self.files.get_mut(place(inode)).and_then(Option::as_mut).ok_or(Errno::Noent)?)
    }

    /// What is in a directory.
    pub fn entries(&self, inode: u64) -> Result<&Entries> {
        match &self.get(inode)?.kind {
            Kind::Directory(entries) => Ok(entries),
            _ => Err(Errno::Notdir.into()),
        }
    }

    fn take(&mut self, bytes: u64) -> Result<()> {
        let used = self.used.checked_add(bytes).filter(|&used| used <= self.limit);
        self.used = used.ok_or(Errno::Nospc)?;
        Ok(())
    }

    fn give_back(&mut self, bytes: u64) {
        self.used = self.used.saturating_sub(bytes);
    }

    /// How many blocks there is room for.
    fn blocks_left(&self) -> u64 {
        self.limit.saturating_sub(self.used) / BLOCK
    }

    /// A new file with a name.
    pub fn create(&mut self, parent: u64, name: &[u8], kind: Kind) -> Result<u64> {
        let node = Node::new(kind);
        let cost = node.cost();
        self.take(cost)?;
        let inode = match self.free.pop() {
            Some(inode) => inode,
            None => {
                self.files.push(None);
                self.files.len() as u64
            }
        };
        self.files[place(inode)] = Some(node);
        let added = self.add_name(parent, name, inode);
        self.remove_if_unused(inode);
        added.map(|()| inode)
    }

    /// Gives a file a name that nothing has. A directory that was removed takes none.
    pub fn add_name(&mut self, parent: u64, name: &[u8], inode: u64) -> Result<()> {
        if self.get(parent)?.links == 0 {
            return Err(Errno::Noent.into());
        }
        let cost = cost_of_name(name);
        self.take(cost)?;
        let node = self.get_mut(parent)?;
        node.touch();
        let Kind::Directory(entries) = &mut node.kind else {
            self.give_back(cost);
            return Err(Errno::Notdir.into());
        };
        entries.insert(name, inode);
        let node = self.get_mut(inode)?;
        node.links = node.links.saturating_add(1);
        node.times[2] = now();
        if let Kind::Directory(entries) = &mut node.kind {
            entries.parent = parent;
        }
        Ok(())
    }

    /// Takes a name away, and the file with its last one.
    pub fn remove_name(&mut self, parent: u64, name: &[u8]) -> Result<()> {
        let node = self.get_mut(parent)?;
        let Kind::Directory(entries) = &mut node.kind else { return Err(Errno::Notdir.into()) };
        let inode = entries.remove(name).ok_or(Errno::Noent)?;
        node.touch();
        self.give_back(cost_of_name(name));
        let node = self.get_mut(inode)?;
        node.links = node.links.saturating_sub(1);
        node.times[2] = now();
        self.remove_if_unused(inode);
        Ok(())
    }

    /// Notes another descriptor of a file.
    pub fn open(&mut self, inode: u64) -> Result<()> {
        let node = self.get_mut(inode)?;
        node.n_open = node.n_open.saturating_add(1);
        Ok(())
    }

    /// Notes that a descriptor is gone.
    pub fn close(&mut self, inode: u64) {
        if let Ok(node) = self.get_mut(inode) {
            node.n_open = node.n_open.saturating_sub(1);
        }
        self.remove_if_unused(inode);
    }

    fn remove_if_unused(&mut self, inode: u64) {
        if self.get(inode).is_ok_and(|node| node.links == 0 && node.n_open == 0)
            && let Some(node) = self.files[place(inode)].take()
        {
            self.free.push(inode);
            self.give_back(node.cost());
        }
    }

    /// The block of a file, which is made if it is not there.
    pub fn block(&mut self, inode: u64, number: u64) -> Result<&mut [u8]> {
        let Kind::File { blocks, .. } = &self.get(inode)?.kind else { return Err(Errno::Badf.into()) };
        let place = blocks.place(number);
        let new = match place {
            Ok(_) => None,
            Err(_) => {
                self.take(BLOCK)?;
                let mut bytes = Vec::new();
                if bytes.try_reserve_exact(usize_of(BLOCK)).is_err() {
                    self.give_back(BLOCK);
                    return Err(Errno::Nospc.into());
                }
                bytes.resize(usize_of(BLOCK), 0);
                Some(bytes.into_boxed_slice())
            }
        };
        let Kind::File { blocks, .. } = &mut self.get_mut(inode)?.kind else { return Err(Errno::Badf.into()) };
        let place = place.unwrap_or_else(|place| place);
        if let Some(bytes) = new {
            blocks.0.insert(place, (number, bytes));
        }
        Ok(&mut blocks.0[place].1)
    }

    /// Cuts a file, or lets it end with zeros that take no room.
    pub fn set_size(&mut self, inode: u64, new: u64) -> Result<()> {
        let node = self.get_mut(inode)?;
        let Kind::File { size, blocks } = &mut node.kind else { return Err(Errno::Inval.into()) };
        let n_before = blocks.0.len();
        if new < *size {
            let (last, rest) = (new / BLOCK, usize_of(new % BLOCK));
            let first_gone = if rest == 0 { last } else { last.saturating_add(1) };
            blocks.0.truncate(blocks.n_in(0..first_gone));
            if let Ok(place) = blocks.place(last) {
                blocks.0[place].1[rest..].fill(0);
            }
        }
        *size = new;
        let n_gone = n_before.saturating_sub(blocks.0.len());
        node.touch();
        self.give_back((n_gone as u64).saturating_mul(BLOCK));
        Ok(())
    }

    /// Makes room for a range of a file, all of it or nothing.
    pub fn allocate(&mut self, inode: u64, offset: u64, length: u64) -> Result<()> {
        let end = offset.checked_add(length).filter(|&end| i64::try_from(end).is_ok()).ok_or(Errno::Fbig)?;
        let Kind::File { blocks, size } = &self.get(inode)?.kind else { return Err(Errno::Badf.into()) };
        let (first, last, size) = (offset / BLOCK, end.div_ceil(BLOCK), *size);
        let n_there = blocks.n_in(first..last) as u64;
        if last.saturating_sub(first).saturating_sub(n_there) > self.blocks_left() {
            return Err(Errno::Nospc.into());
        }
        for number in first..last {
            self.block(inode, number)?;
        }
        if end > size { self.set_size(inode, end) } else { Ok(()) }
    }
}
