//! The proposals: which are always on, which can be enabled, which are not supported, and which of
//! them a refused module needs.
//!
//! Unsupported is not invalid, and messages distinguish the two. When a proposal becomes supported,
//! its [`State`] changes here.

use anyhow::{Result, bail};
use rayon::prelude::*;
use wasmparser::{Validator, WasmFeatures};

/// Whether a proposal is supported.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Part of the standard, or soon to be: always on.
    Standard,
    /// Supported, but may still change: on with `--enable`.
    Experimental,
    Missing,
}

pub struct Proposal {
    /// The name in `--enable NAME`.
    pub name: &'static str,
    /// The name in messages.
    pub title: &'static str,
    pub state: State,
    /// The features of the validator that it needs.
    features: WasmFeatures,
}

impl Proposal {
    /// Whether it is part of WebAssembly 3.0, supported or not.
    pub fn is_in_standard(&self) -> bool {
        self.state == State::Standard
    }
}

/// All proposals that the parser knows. A row follows the rows whose features it contains.
pub static PROPOSALS: [Proposal; 17] = {
    use State::{Experimental, Missing, Standard};
    const fn row(name: &'static str, title: &'static str, state: State, features: WasmFeatures) -> Proposal {
        Proposal { name, title, state, features }
    }
    const FUNCTION_REFERENCES: WasmFeatures = WasmFeatures::FUNCTION_REFERENCES;
    [
        row("relaxed-simd", "relaxed SIMD", Standard, WasmFeatures::RELAXED_SIMD),
        row("threads", "threads", Standard, WasmFeatures::THREADS),
        row("tail-call", "tail calls", Standard, WasmFeatures::TAIL_CALL),
        row("multi-memory", "multiple memories", Standard, WasmFeatures::MULTI_MEMORY),
        row("memory64", "64-bit memories", Standard, WasmFeatures::MEMORY64),
        row("exception-handling", "exception handling", Standard, WasmFeatures::EXCEPTIONS),
        row(
            "legacy-exceptions",
            "legacy exception handling",
            Standard,
            WasmFeatures::EXCEPTIONS.union(WasmFeatures::LEGACY_EXCEPTIONS),
        ),
        row("function-references", "typed function references", Standard, FUNCTION_REFERENCES),
        row("gc", "garbage collection", Standard, FUNCTION_REFERENCES.union(WasmFeatures::GC)),
        row("custom-page-sizes", "custom page sizes", Experimental, WasmFeatures::CUSTOM_PAGE_SIZES),
        row("wide-arithmetic", "wide arithmetic", Standard, WasmFeatures::WIDE_ARITHMETIC),
        row("compact-imports", "the compact import section", Experimental, WasmFeatures::COMPACT_IMPORTS),
        // Only a custom section, which the validator ignores.
        row("branch-hinting", "branch hinting", Standard, WasmFeatures::empty()),
        row("stack-switching", "stack switching", Missing, FUNCTION_REFERENCES.union(WasmFeatures::STACK_SWITCHING)),
        row(
            "shared-everything-threads",
            "shared-everything threads",
            Missing,
            WasmFeatures::THREADS.union(WasmFeatures::SHARED_EVERYTHING_THREADS),
        ),
        row(
            "custom-descriptors",
            "custom descriptors",
            Missing,
            FUNCTION_REFERENCES.union(WasmFeatures::GC).union(WasmFeatures::CUSTOM_DESCRIPTORS),
        ),
        row("memory-control", "memory control", Missing, WasmFeatures::MEMORY_CONTROL),
    ]
};

/// Features that were standard before proposals had rows here.
const BASE: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::FLOATS)
    .union(WasmFeatures::GC_TYPES);

/// The features for [`super::parse::parse`] with the proposals named in `enable`.
///
/// # Errors
/// When a name is unknown, or its proposal is not supported.
pub fn features(enable: &[String]) -> Result<WasmFeatures> {
    let standard = PROPOSALS.iter().filter(|proposal| proposal.state == State::Standard);
    let mut features = standard.fold(BASE, |features, proposal| features | proposal.features);
    for name in enable {
        match PROPOSALS.iter().find(|proposal| proposal.name == name) {
            Some(Proposal { state: State::Missing, title, .. }) => {
                bail!("the proposal `{name}` ({title}) is not supported")
            }
            Some(proposal) => features |= proposal.features,
            None => bail!("there is no proposal `{name}`; `--enable help` lists them"),
        }
    }
    Ok(features)
}

/// Features of the standard that were proposals once, with the names they had.
const FORMER: [(&str, WasmFeatures); 9] = [
    ("mutable-globals", WasmFeatures::MUTABLE_GLOBAL),
    ("sign-extension", WasmFeatures::SIGN_EXTENSION),
    ("saturating-float-to-int", WasmFeatures::SATURATING_FLOAT_TO_INT),
    ("multi-value", WasmFeatures::MULTI_VALUE),
    ("reference-types", WasmFeatures::REFERENCE_TYPES),
    ("bulk-memory", WasmFeatures::BULK_MEMORY),
    ("extended-const", WasmFeatures::EXTENDED_CONST),
    ("simd", WasmFeatures::SIMD),
    ("gc", WasmFeatures::GC),
];

/// The features beyond WebAssembly 1.0 without which `wasm` is not valid: names of former and of
/// current proposals. Empty if it is not valid with all of them.
pub fn needed(wasm: &[u8]) -> Vec<&'static str> {
    let all = PROPOSALS.iter().fold(BASE, |features, proposal| features | proposal.features);
    let valid = |features| Validator::new_with_features(features).validate_all(wasm).is_ok();
    if valid(WasmFeatures::FLOATS | WasmFeatures::GC_TYPES) || !valid(all) {
        return Vec::new();
    }
    let former = FORMER.iter().map(|&(name, features)| (name, features));
    // Some proposals contain others: what is asked for is what they add.
    let own = |proposal: &Proposal| {
        let others =
            PROPOSALS.iter().filter(|other| proposal.features.contains(other.features) && other.name != proposal.name);
        others.fold(proposal.features, |features, other| features.difference(other.features))
    };
    let current = PROPOSALS.iter().map(|proposal| (proposal.name, own(proposal))).filter(|(name, _)| *name != "gc");
    let rows: Vec<_> = former.chain(current).filter(|(_, features)| !features.is_empty()).collect();
    let is_needed: Vec<bool> = rows.par_iter().map(|(_, features)| !valid(all.difference(*features))).collect();
    rows.iter().zip(is_needed).filter(|(_, is_needed)| *is_needed).map(|((name, _), _)| *name).collect()
}

/// The proposals that `wasm` needs beyond `supported`; empty if no proposal would make it valid.
///
/// Tries each alone first, then removes one after the other from all of them.
pub fn missing_proposals(wasm: &[u8], supported: WasmFeatures) -> Vec<&'static Proposal> {
    let valid = |features| Validator::new_with_features(features).validate_all(wasm).is_ok();
    if let Some(proposal) = PROPOSALS.iter().find(|proposal| valid(supported | proposal.features)) {
        return vec![proposal];
    }
    let all = |rows: &[&Proposal]| rows.iter().fold(supported, |features, row| features | row.features);
    let mut needed: Vec<_> = PROPOSALS.iter().filter(|proposal| !supported.contains(proposal.features)).collect();
    if !valid(all(&needed)) {
        return Vec::new();
    }
    // From the last row on: some rows contain earlier ones.
    for row in PROPOSALS.iter().rev() {
        let without: Vec<_> = needed.iter().copied().filter(|proposal| proposal.name != row.name).collect();
        if valid(all(&without)) {
            needed = without;
        }
    }
    needed
}
