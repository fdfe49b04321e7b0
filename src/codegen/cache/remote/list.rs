//! The list of a shard's packs. Not every remote end can list its objects, and one answer with all
//! names is faster than a question for each.
//!
//! A list is sealed, so its lengths can be relied upon. It always has [`LENGTH`] bytes: a reader
//! asks for that many, and nobody can make it take more.

use crate::codegen::cache::seal::Seal;
use crate::number::to_usize;
use std::collections::HashSet;

/// The size of a list.
pub const LENGTH: usize = 16 << 10;

/// Begins a list, and changes with this format.
const MAGIC: &[u8; 8] = b"w2nlist1";

/// Identity, length and time of a pack.
const ROW: usize = 8 + 4 + 4;

/// [`MAGIC`], and the number of rows.
const HEAD: usize = MAGIC.len() + 4;

/// The most packs in a list.
const MOST: usize = (LENGTH - HEAD - Seal::LENGTH) / ROW;

/// A pack in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Part of the pack's name.
    pub id: u64,
    /// In bytes.
    pub length: u32,
    /// When it was written, in hours since 1970.
    pub written: u32,
}

/// The list as it is stored, of the newest rows.
pub fn encode(rows: &[Row], key: &blake3::Hash, seal: &Seal) -> Vec<u8> {
    let rows = &rows[rows.len().saturating_sub(MOST)..];
    let mut bytes = MAGIC.to_vec();
    bytes.extend(u32::try_from(rows.len()).unwrap_or_default().to_le_bytes());
    for Row { id, length, written } in rows {
        bytes.extend(id.to_le_bytes());
        bytes.extend(length.to_le_bytes());
        bytes.extend(written.to_le_bytes());
    }
    bytes.resize(LENGTH - Seal::LENGTH, 0);
    seal.close(key, &bytes)
}

/// `None` if this is not a list that a holder of the secret wrote.
pub fn decode(bytes: Vec<u8>, key: &blake3::Hash, seal: &Seal) -> Option<Vec<Row>> {
    let bytes = seal.open(key, bytes)?;
    let bytes = bytes.strip_prefix(MAGIC)?;
    let (number, rows) = bytes.split_first_chunk()?;
    let rows = rows.chunks_exact(ROW).take(to_usize(u32::from_le_bytes(*number).into()));
    let row = |row: &[u8]| {
        let (id, rest) = row.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (written, _) = rest.split_first_chunk()?;
        Some(Row {
            id: u64::from_le_bytes(*id),
            length: u32::from_le_bytes(*length),
            written: u32::from_le_bytes(*written),
        })
    };
    rows.map(row).collect()
}

/// The list after a build that added `new` packs instead of the `old` ones. Others may have changed
/// it meanwhile.
pub fn change(current: &[Row], old: &HashSet<u64>, new: &[Row]) -> Vec<Row> {
    let added: HashSet<u64> = new.iter().map(|row| row.id).collect();
    let stays = |row: &&Row| !old.contains(&row.id) && !added.contains(&row.id);
    current.iter().filter(stays).chain(new).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u64) -> Row {
        Row { id, length: 7, written: 9 }
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let seal = Seal::new(None).expect("no file is read");
        let key = blake3::hash(b"key");
        for n_rows in [0, 1, MOST - 1, MOST] {
            let rows: Vec<_> = (0..n_rows as u64).map(row).collect();
            let bytes = encode(&rows, &key, &seal);
            assert_eq!(bytes.len(), LENGTH);
            assert_eq!(decode(bytes.clone(), &key, &seal), Some(rows));
            assert_eq!(decode(bytes.clone(), &blake3::hash(b"other"), &seal), None);
            assert_eq!(decode(bytes[..LENGTH - 1].to_vec(), &key, &seal), None);
        }
        let too_many: Vec<_> = (0..MOST as u64 + 3).map(row).collect();
        let kept = decode(encode(&too_many, &key, &seal), &key, &seal).expect("it is a list");
        assert_eq!(kept, too_many[3..]);
    }

    #[test]
    fn a_change_keeps_what_others_added() {
        let current = [row(1), row(2), row(3)];
        let ids = |rows: Vec<Row>| rows.iter().map(|row| row.id).collect::<Vec<_>>();
        assert_eq!(ids(change(&current, &HashSet::new(), &[row(4)])), [1, 2, 3, 4]);
        assert_eq!(ids(change(&current, &HashSet::from([1, 2]), &[row(4)])), [3, 4]);
        assert_eq!(ids(change(&current, &HashSet::from([1]), &[row(2)])), [3, 2]);
    }
}
