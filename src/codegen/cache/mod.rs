//! A cache of compiled functions, for builds of a module that changed little.
//!
//! Comes in: a function's body and what its translation reads of the rest of the module. Goes out:
//! the [`CompiledFunction`] that was made of the same before. The key ([`key`]) covers everything
//! that decides about the code, so code is the same with and without a cache. An entry ([`entry`])
//! speaks of places within the body and of callees by their order, so it survives changes
//! elsewhere. Entries lie in packs ([`pack`]), which never change, and packs lie in a [`storage`]:
//! a [`folder`], or a remote end with the feature `remote-cache`.
//!
//! An entry is code that will run. It counts only if its seal is right: a hash of key and contents,
//! with the user's secret if there is one ([`seal`]). Everything that is damaged, foreign or
//! missing is compiled again.

pub mod seal;

mod entry;

pub(super) mod folder;

mod key;

mod pack;

#[cfg(feature = "remote-cache")]
mod remote;

mod storage;

use crate::code::CompiledFunction;
use crate::codegen::cranelift::isa::Isa;
use crate::codegen::inline::plan::Plan;
use crate::options::CacheOptions;
use crate::progress::Observer;
use crate::translate::{self, Env, State};
use crate::unit::Unit;
use crate::wasm::FuncIndex;
use anyhow::Result;
use key::FunctionKey;
use pack::{Entry, Pack};
use seal::Seal;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use storage::{Addition, Found, Renewal, ShardName, Storage};

/// The cache that the user named.
pub struct Cache {
    storage: Box<dyn Storage>,
    seal: Seal,
    /// A build has one warning, however many modules it has.
    has_warned: AtomicBool,
    /// Identifies this compiler: see [`seal::compiler`].
    compiler: blake3::Hash,
}

/// The part of the cache for one module, with one set of options.
pub struct Shard<'a> {
    cache: &'a Cache,
    name: ShardName,
    context: key::Context,
    packs: Vec<Pack>,
    renewal: Renewal,
    /// Something else lies where the shard should be.
    damage: Option<String>,
    /// Of one key there may be several: damaged ones, and those with other seals.
    entries: HashMap<blake3::Hash, Vec<Entry>>,
    n_found: AtomicU64,
    n_made: AtomicU64,
    /// Entries whose seals are wrong.
    n_damaged: AtomicU64,
    output: Mutex<Output<'a>>,
}

/// What a build adds to a shard.
#[derive(Default)]
struct Output<'a> {
    addition: Option<Box<dyn Addition + 'a>>,
    /// Why nothing is added.
    error: Option<anyhow::Error>,
}

/// A function that is to be made: its key, and where its body lies.
pub struct Wanted {
    key: blake3::Hash,
    place: entry::Place,
}

impl Cache {
    /// # Errors
    /// When others could write to the cache, there is no such place, or the key can't be read.
    pub fn new(options: &CacheOptions) -> Result<Cache> {
        let seal = Seal::new(options.key.as_deref())?;
        let compiler = seal::compiler()?;
        Ok(Cache { storage: storage::open(options, &seal)?, seal, has_warned: AtomicBool::new(false), compiler })
    }

    /// The entries for a module.
    pub fn open(&self, unit: &Unit, isa: &Isa, env: &Env) -> Shard<'_> {
        let context = key::Context::of(&self.compiler, isa, env);
        let file = unit.source.file.unwrap_or("module");
        let stem = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
        let stem: String = stem.chars().take(40).map(plain).collect();
        let name = ShardName { stem, context: context.hash() };
        let (found, error) = match self.storage.packs(&name) {
            Ok(found) => (found, None),
            Err(error) => (Found { packs: Vec::new(), renewal: Renewal::None, damage: None }, Some(error)),
        };
        let Found { packs, renewal, damage } = found;
        let mut entries = HashMap::<_, Vec<_>>::new();
        for (number, pack) in packs.iter().enumerate() {
            pack.entries(number).for_each(|(key, entry)| entries.entry(key).or_default().push(entry));
        }
        Shard {
            cache: self,
            name,
            context,
            packs,
            renewal,
            damage,
            entries,
            n_found: AtomicU64::new(0),
            n_made: AtomicU64::new(0),
            n_damaged: AtomicU64::new(0),
            output: Mutex::new(Output { addition: None, error }),
        }
    }
}

impl<'a> Shard<'a> {
    /// Asks for a function. `None` where it has no body, or is invalid, which its translation will
    /// say.
    pub fn want(&self, env: &Env, plan: Option<&Plan>, func: FuncIndex, state: &mut State) -> Option<Wanted> {
        env.module.functions[func].definition.local()?;
        translate::validate_function(env, func, state).ok()?;
        let FunctionKey { hash, place } = self.context.function(env, plan, func)?;
        Some(Wanted { key: hash, place })
    }

    /// The function, if there is a sound entry.
    pub fn find(&self, func: FuncIndex, wanted: &Wanted) -> Option<CompiledFunction> {
        let mut entries = self.entries.get(&wanted.key)?.iter();
        let function = entries.find_map(|entry| {
            let function = entry::decode(&self.contents(&wanted.key, entry)?, func, &wanted.place)?;
            entry.is_found.store(true, Ordering::Relaxed);
            Some(function)
        })?;
        self.n_found.fetch_add(1, Ordering::Relaxed);
        Some(function)
    }

    /// The contents of an entry whose seal is right.
    fn contents(&self, key: &blake3::Hash, entry: &Entry) -> Option<Vec<u8>> {
        let contents = self.packs[entry.pack].read(entry).and_then(|sealed| self.cache.seal.open(key, sealed));
        if contents.is_none() {
            self.n_damaged.fetch_add(1, Ordering::Relaxed);
        }
        contents
    }

    /// Adds a function that was made, if it is one that an entry can describe.
    pub fn keep(&self, wanted: &Wanted, function: &CompiledFunction) {
        self.n_made.fetch_add(1, Ordering::Relaxed);
        if let Some(contents) = entry::encode(function, &wanted.place) {
            self.add(&wanted.key, &contents);
        }
    }

    fn add(&self, key: &blake3::Hash, contents: &[u8]) {
        let sealed = self.cache.seal.close(key, contents);
        let output = &mut *self.output.lock().expect("no thread panics while it holds the lock");
        if output.error.is_some() {
            return;
        }
        if let Err(error) = self.add_to(&mut output.addition, key, &sealed) {
            *output = Output { addition: None, error: Some(error) };
        }
    }

    fn add_to(&self, addition: &mut Option<Box<dyn Addition + 'a>>, key: &blake3::Hash, sealed: &[u8]) -> Result<()> {
        match addition {
            Some(addition) => addition.add(key, sealed),
            none => none.insert(self.cache.storage.addition(&self.name)?).add(key, sealed),
        }
    }

    /// Ends the build: what it made is there for the next one.
    pub fn close(mut self, observer: &dyn Observer) {
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        observer.cached(count(&self.n_found), count(&self.n_made));
        let damage = self.damage.take().or_else(|| self.cache.storage.damage(count(&self.n_damaged)));
        let has_new = self.output.lock().expect("all threads are done").addition.is_some();
        let renews = damage.is_some() || self.renewal == Renewal::Now || (self.renewal == Renewal::WithNew && has_new);
        if renews {
            self.add_found();
        }
        let Output { addition, error } = self.output.into_inner().expect("all threads are done");
        self.packs.iter().for_each(Pack::mark_used);
        let old = if renews { &self.packs[..] } else { &[] };
        let written = match (addition, error) {
            (_, Some(error)) => Err(error),
            (None, None) => Ok(()),
            (Some(addition), None) => addition.finish(old),
        };
        let failure = written.err().map(|error| format!("functions of this build are not in the cache: {error:#}"));
        if let Some(warning) = failure.or(damage)
            && !self.cache.has_warned.swap(true, Ordering::Relaxed)
        {
            observer.warning(&warning);
        }
    }

    /// Adds the entries that this build found to those that it made. The others are of functions
    /// as they once were.
    fn add_found(&self) {
        let all = self.entries.iter().flat_map(|(key, entries)| entries.iter().map(move |entry| (key, entry)));
        for (key, entry) in all.filter(|(_, entry)| entry.is_found.load(Ordering::Relaxed)) {
            if let Some(contents) = self.contents(key, entry) {
                self.add(key, &contents);
            }
        }
    }
}
