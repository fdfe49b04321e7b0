//! Profiles that a user has, as one: the counts of the same function are added.

use crate::abi::profile::{Key, Lines};
use crate::options::ProfileText;
use anyhow::{Result, anyhow, bail};
use std::collections::BTreeMap;

/// All counts, by function.
#[derive(Debug, Default)]
pub struct Profile {
    functions: BTreeMap<OwnKey, Vec<u64>>,
}

/// A [`Key`] of its own. Module and name stand first: so a function is found whose index has
/// changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnKey {
    pub module: Vec<u8>,
    pub name: Vec<u8>,
    pub hash: Vec<u8>,
    pub index: u32,
}

impl From<Key<'_>> for OwnKey {
    fn from(key: Key) -> OwnKey {
        let Key { module, index, name, hash } = key;
        OwnKey { module: module.to_vec(), name: name.to_vec(), hash: hash.to_vec(), index }
    }
}

impl Profile {
    /// The sum of all `texts`.
    ///
    /// # Errors
    /// When one is not a profile, or damaged: names file and line.
    pub fn read(texts: &[ProfileText]) -> Result<Profile> {
        let mut profile = Profile::default();
        for ProfileText { file, text } in texts {
            let place = |line: u64, what: &str| anyhow!("{file}:{line}: {what}");
            let mut lines = Lines::new(text).map_err(|fault| place(fault.line, fault.what))?;
            while let Some(line) = lines.read().map_err(|fault| place(fault.line, fault.what))? {
                let counts = line.counts();
                let Some(sums) = profile.functions.get_mut(&OwnKey::from(line.key)) else {
                    profile.functions.insert(line.key.into(), counts.collect());
                    continue;
                };
                if sums.len() != line.counts().count() {
                    bail!(place(line.number, "the function has another number of counts in another profile"));
                }
                for (sum, count) in sums.iter_mut().zip(counts) {
                    *sum = sum.saturating_add(count);
                }
            }
        }
        Ok(profile)
    }

    /// The counts of a function with so many points: those of its key, or else those of the only
    /// function in its module with the same name and hash.
    pub fn find(&self, key: &OwnKey, n_points: u32) -> Option<&[u64]> {
        let same_name = || {
            let first = OwnKey { index: 0, ..key.clone() };
            let last = OwnKey { index: u32::MAX, ..key.clone() };
            let mut found = self.functions.range(first..=last);
            let only = found.next().map(|(_, counts)| counts);
            only.filter(|_| found.next().is_none() && key.name != crate::abi::profile::NONE)
        };
        let counts = self.functions.get(key).or_else(same_name)?;
        (u32::try_from(counts.len()) == Ok(n_points)).then_some(counts)
    }

    /// The counts of all functions.
    pub fn all(&self) -> impl Iterator<Item = &[u64]> {
        self.functions.values().map(Vec::as_slice)
    }
}
