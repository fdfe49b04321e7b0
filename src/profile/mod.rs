//! Profiles: which functions count, and what is known of how often their blocks run.
//!
//! Comes in: a module, and the profiles that the user has. Goes out: [`Profiling`], which
//! translation asks. The text of a profile is in [`crate::abi::profile`]; the runtime writes it.
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

pub mod points;
pub mod read;
pub mod summary;

use crate::abi::profile::{self, NONE};
use crate::wasm::source::MAIN;
use crate::wasm::{FuncIndex, Module};
use cranelift_entity::{EntitySet, SecondaryMap};
use points::Shape;
use read::{OwnKey, Profile};
use std::borrow::Cow;
use summary::Summary;

/// What the functions of a module do with counts.
#[derive(Debug, Default)]
pub enum Profiling {
    #[default]
    Off,
    /// They count.
    Generate(SecondaryMap<FuncIndex, Shape>),
    Use(Counts),
}

/// How often the points of a module's functions were passed.
#[derive(Debug)]
pub struct Counts {
    functions: SecondaryMap<FuncIndex, Option<Vec<u64>>>,
    pub summary: Summary,
    /// How many functions there are, and how many of them the profile does not know.
    pub n_functions: usize,
    pub n_unknown: usize,
}

/// How much a function runs. Functions are laid out in this order.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heat {
    Hot,
    /// Or nothing is known of it.
    Usual,
    /// It never ran.
    Never,
}

/// A block is cold if its function was entered so many times as often as the block ran.
const RARE: u64 = 64;

/// Whether a block that ran so often is cold, in a function that was entered so often. In one that
/// never ran, nothing is colder than anything else.
pub fn is_cold(count: u64, entry: u64) -> bool {
    count.saturating_mul(RARE) < entry
}

impl Profiling {
    /// The functions in `wanted` are to count.
    pub fn generate(module: &Module, wanted: &EntitySet<FuncIndex>) -> Profiling {
        let mut shapes = SecondaryMap::new();
        for (func, shape) in functions(module, wanted) {
            shapes[func] = shape;
        }
        Profiling::Generate(shapes)
    }

    /// What `profile` has of the functions in `wanted`. `name` is the module's.
    pub fn of(profile: &Profile, name: &str, module: &Module, wanted: &EntitySet<FuncIndex>) -> Profiling {
        let mut counts =
            Counts { functions: SecondaryMap::new(), summary: Summary::of(profile), n_functions: 0, n_unknown: 0 };
        for (func, shape) in functions(module, wanted) {
            let found = profile.find(&key(name, module, func, shape), shape.n_points);
            counts.n_functions = counts.n_functions.saturating_add(1);
            counts.n_unknown = counts.n_unknown.saturating_add(usize::from(found.is_none()));
            counts.functions[func] = found.map(<[u64]>::to_vec);
        }
        Profiling::Use(counts)
    }

    pub fn counts(&self) -> Option<&Counts> {
        match self {
            Profiling::Use(counts) => Some(counts),
            Profiling::Off | Profiling::Generate(_) => None,
        }
    }
}

impl Counts {
    /// The counts of a function's points.
    pub fn of(&self, func: FuncIndex) -> Option<&[u64]> {
        self.functions[func].as_deref()
    }

    /// Which of a function's points are cold.
    pub fn cold_points(&self, func: FuncIndex) -> Option<Vec<bool>> {
        let counts = self.of(func)?;
        Some(counts.iter().map(|count| is_cold(*count, counts[0])).collect())
    }

    pub fn heat(&self, func: FuncIndex) -> Heat {
        match self.of(func) {
            Some(counts) if counts.iter().all(|count| *count == 0) => Heat::Never,
            Some(counts) if counts.iter().any(|count| *count >= self.summary.hot) => Heat::Hot,
            _ => Heat::Usual,
        }
    }
}

/// The functions that have a body, with its shape. A body that can't be decoded has none; its
/// validation says why.
fn functions<'m>(
    module: &'m Module,
    wanted: &'m EntitySet<FuncIndex>,
) -> impl Iterator<Item = (FuncIndex, Shape)> + use<'m> {
    module.functions.iter().filter(|(func, _)| wanted.contains(*func)).filter_map(|(func, function)| {
        let body = function.definition.local()?;
        Some((func, Shape::of(module, body).unwrap_or_default()))
    })
}

/// What a profile calls a function of the module with that name.
pub fn key(module_name: &str, module: &Module, func: FuncIndex, shape: Shape) -> OwnKey {
    let word = |name: Option<&str>| {
        let mut word = Vec::new();
        match name {
            Some(name) => profile::escape(name.as_bytes(), |byte| word.push(byte)),
            None => word.extend(NONE),
        }
        word
    };
    OwnKey {
        module: word(Some(module_name).filter(|name| *name != MAIN)),
        name: word(module.names.function(func)),
        hash: format!("{:016x}", shape.hash).into_bytes(),
        index: func.as_u32(),
    }
}

/// The text of a key.
pub fn key_text(key: &OwnKey) -> Vec<u8> {
    let index = Cow::Owned(key.index.to_string().into_bytes());
    let words = [Cow::Borrowed(&key.module[..]), index, Cow::Borrowed(&key.name), Cow::Borrowed(&key.hash)];
    words.join(&b' ')
}
