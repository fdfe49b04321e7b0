//! Packs at a remote end: Redis, or what speaks S3's protocol.
//!
//! A shard is one object with the list of its packs ([`list`]), and an object for each pack. A
//! build reads the list, then the packs; it adds packs, and writes the list once more. Two builds
//! at the same time may lose each other's rows: then functions are compiled again.
//!
//! Nothing from there is trusted. The list is sealed like the entries, so whoever has not the
//! secret can neither add a pack nor say how long one is. Names depend on the secret as well, so
//! only damage, and somebody who writes without the secret, lead to a wrong seal.

mod address;

mod client;

mod list;

use super::pack::{Contents, Pack, PackWriter};
use super::seal::Seal;
use super::storage::{Addition, Found, Renewal, ShardName, Storage};
use crate::number::{to_u32, to_usize};
use address::Address;
use anyhow::Result;
use client::{Client, EXPIRY, Object, each};
use list::Row;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

/// A pack ends with the entry that makes it this long. An answer with it must arrive in half a
/// second.
const ENOUGH: usize = 512 << 10;

/// A function whose entry is longer is not kept.
const MOST: usize = 8 << 20;

/// As many packs are few, however short they are.
const FEW_PACKS: usize = 16;

pub struct Remote {
    client: Client,
    seal: Seal,
    /// Names of packs in lists that are lost or damaged.
    useless: Mutex<HashSet<String>>,
}

/// Entries that are being added to a shard.
struct NewPacks<'a> {
    remote: &'a Remote,
    shard: Names,
    finished: Vec<Vec<u8>>,
    writer: PackWriter<Vec<u8>>,
    /// Bytes of entries in the pack that is being written.
    length: usize,
}

/// How the objects of a shard are named, and what its list is sealed with.
struct Names {
    prefix: String,
    key: blake3::Hash,
}

impl Names {
    fn list(&self) -> String {
        format!("{}list", self.prefix)
    }

    fn pack(&self, id: u64) -> String {
        format!("{}{id:016x}.pack", self.prefix)
    }

    /// The number of a pack with such a name.
    fn id(&self, name: &str) -> Option<u64> {
        u64::from_str_radix(name.strip_prefix(&self.prefix)?.strip_suffix(".pack")?, 16).ok()
    }
}

impl Remote {
    /// # Errors
    /// When this is not an address, or something is missing that the remote end needs.
    pub fn new(address: &str, seal: Seal) -> Result<Remote> {
        Ok(Remote { client: Client::new(Address::parse(address)?)?, seal, useless: Mutex::default() })
    }

    fn names(&self, shard: &ShardName) -> Names {
        let prefix = format!("{}-{}-", shard.stem, &self.seal.name(&shard.context).to_hex()[..32]);
        let key =
            blake3::Hash::from_bytes(blake3::derive_key("wasm2native 2026-11-29 list of packs", prefix.as_bytes()));
        Names { prefix, key }
    }

    /// The rows of a list. `None` if it is damaged.
    fn rows(&self, names: &Names, list: Object) -> Option<Vec<Row>> {
        match list {
            Object::Missing => Some(Vec::new()),
            Object::Damaged => None,
            Object::Whole(bytes) => list::decode(bytes, &names.key, &self.seal),
        }
    }

    async fn read(&self, names: &Names) -> Result<Found> {
        let list = self.client.first(&names.list(), list::LENGTH).await?;
        let Some(rows) = self.rows(names, list) else {
            let damage = Some(self.accuse("the list of packs has a wrong seal"));
            return Ok(Found { packs: Vec::new(), renewal: Renewal::None, damage });
        };
        let get = async |row: &Row| {
            let name = names.pack(row.id);
            let object = self.client.get(&name, to_usize(row.length.into())).await?;
            Ok((row.id, name, object))
        };
        let objects = each(&rows, get).await?;
        let (mut packs, mut damage, mut useless) = (Vec::new(), None, self.useless());
        for (id, name, object) in objects {
            // One that is missing has expired, or made room.
            let is_missing = matches!(object, Object::Missing);
            let pack = match object {
                // Entries have seals, but one whose row in the index is damaged is just not found.
                Object::Whole(bytes) if identity(&bytes) == id => {
                    Pack::open(PathBuf::from(&name), Contents::Memory(bytes))
                }
                _ => None,
            };
            match pack {
                Some(pack) => packs.push(pack),
                None => {
                    if !is_missing {
                        damage = Some(self.accuse("a pack is not what was written"));
                    }
                    useless.insert(name);
                }
            }
        }
        Ok(Found { packs, renewal: renewal(&rows, hours(SystemTime::now())), damage })
    }

    async fn write(&self, names: &Names, new: Vec<Vec<u8>>, old: HashSet<u64>) -> Result<()> {
        let rows: Vec<Row> = new.iter().map(|bytes| row(bytes)).collect();
        each(new.iter().zip(&rows), async |(bytes, row): (&Vec<u8>, &Row)| {
            self.client.put(&names.pack(row.id), bytes).await
        })
        .await?;
        let list = self.client.get(&names.list(), list::LENGTH).await?;
        let current = self.rows(names, list).unwrap_or_default();
        let changed = list::change(&current, &old, &rows);
        self.client.put(&names.list(), &list::encode(&changed, &names.key, &self.seal)).await?;
        let added: HashSet<u64> = rows.iter().map(|row| row.id).collect();
        each(old.difference(&added), async |id: &u64| {
            self.client.delete(&names.pack(*id)).await;
            Ok(())
        })
        .await?;
        Ok(())
    }

    fn useless(&self) -> MutexGuard<'_, HashSet<String>> {
        self.useless.lock().expect("no thread panics while it holds the lock")
    }

    fn accuse(&self, what: &str) -> String {
        format!(
            "{}: {what}: it is damaged, or somebody without the key writes there; functions were compiled again",
            self.client.address()
        )
    }
}

impl Storage for Remote {
    fn packs(&self, shard: &ShardName) -> Result<Found> {
        self.client.run(self.read(&self.names(shard)))
    }

    fn addition(&self, shard: &ShardName) -> Result<Box<dyn Addition + '_>> {
        let writer = PackWriter::new(Vec::new());
        Ok(Box::new(NewPacks { remote: self, shard: self.names(shard), finished: Vec::new(), writer, length: 0 }))
    }

    fn damage(&self, n_entries: u64) -> Option<String> {
        (n_entries > 0).then(|| self.accuse(&format!("{n_entries} functions have a wrong seal")))
    }
}

impl Addition for NewPacks<'_> {
    fn add(&mut self, key: &blake3::Hash, sealed: &[u8]) -> Result<()> {
        if sealed.len() > MOST {
            return Ok(());
        }
        self.writer.add(key, sealed)?;
        self.length = self.length.saturating_add(sealed.len());
        if self.length >= ENOUGH {
            let writer = std::mem::replace(&mut self.writer, PackWriter::new(Vec::new()));
            self.finished.push(writer.finish()?);
            self.length = 0;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, old: &[Pack]) -> Result<()> {
        let NewPacks { remote, shard, mut finished, writer, length } = *self;
        if length > 0 {
            finished.push(writer.finish()?);
        }
        let useless = remote.useless();
        let old = old.iter().filter_map(|pack| pack.name.to_str()).chain(useless.iter().map(|name| &name[..]));
        let old = old.filter_map(|name| shard.id(name)).collect();
        drop(useless);
        remote.client.run(remote.write(&shard, finished, old))
    }
}

fn row(pack: &[u8]) -> Row {
    // A pack is little longer than the longest entry.
    Row { id: identity(pack), length: to_u32(pack.len()), written: hours(SystemTime::now()) }
}

/// The name of a pack follows from its contents, so that builds which make the same write the same,
/// and damage shows.
fn identity(pack: &[u8]) -> u64 {
    let hash = blake3::hash(pack);
    u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash is longer"))
}

/// Hours since 1970.
fn hours(time: SystemTime) -> u32 {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    u32::try_from(seconds / 3600).unwrap_or(u32::MAX)
}

/// Packs do not live on because they are read. So after half of their time they are written anew,
/// and also when they could be half as many.
fn renewal(rows: &[Row], now: u32) -> Renewal {
    let half = u32::try_from(EXPIRY.as_secs() / 3600 / 2).unwrap_or(u32::MAX);
    if rows.iter().any(|row| now.saturating_sub(row.written) >= half) {
        return Renewal::Now;
    }
    let total = rows.iter().fold(0usize, |total, row| total.saturating_add(to_usize(row.length.into())));
    let n_needed = total / ENOUGH;
    match rows.len() >= FEW_PACKS && rows.len() / 2 > n_needed {
        true => Renewal::WithNew,
        false => Renewal::None,
    }
}
