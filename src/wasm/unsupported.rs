//! Unsupported is not invalid: tells which proposal a refused module would need.

use wasmparser::{Validator, WasmFeatures};

/// What [`super::parse::parse`] accepts.
pub fn supported() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::SIMD
        | WasmFeatures::FLOATS
        | WasmFeatures::GC_TYPES
        | WasmFeatures::EXCEPTIONS
        | WasmFeatures::LEGACY_EXCEPTIONS
}

/// Proposals by name, with what they need besides themselves to be valid.
const PROPOSALS: [(&str, WasmFeatures); 13] = [
    ("relaxed SIMD", WasmFeatures::RELAXED_SIMD),
    ("threads", WasmFeatures::THREADS),
    ("tail calls", WasmFeatures::TAIL_CALL),
    ("multiple memories", WasmFeatures::MULTI_MEMORY),
    ("64-bit memories", WasmFeatures::MEMORY64),
    ("typed function references", WasmFeatures::FUNCTION_REFERENCES),
    ("garbage collection", WasmFeatures::FUNCTION_REFERENCES.union(WasmFeatures::GC)),
    ("custom page sizes", WasmFeatures::CUSTOM_PAGE_SIZES),
    ("wide arithmetic", WasmFeatures::WIDE_ARITHMETIC),
    ("stack switching", WasmFeatures::FUNCTION_REFERENCES.union(WasmFeatures::STACK_SWITCHING)),
    ("shared-everything threads", WasmFeatures::THREADS.union(WasmFeatures::SHARED_EVERYTHING_THREADS)),
    (
        "custom descriptors",
        WasmFeatures::FUNCTION_REFERENCES.union(WasmFeatures::GC).union(WasmFeatures::CUSTOM_DESCRIPTORS),
    ),
    ("memory control", WasmFeatures::MEMORY_CONTROL),
];

/// The proposals without which `wasm` is not valid; empty if no proposal would help.
///
/// Tries each alone first, then drops one after the other from all of them.
pub fn missing_proposals(wasm: &[u8]) -> Vec<&'static str> {
    let valid = |features| Validator::new_with_features(features).validate_all(wasm).is_ok();
    if let Some((name, _)) = PROPOSALS.iter().find(|(_, features)| valid(supported() | *features)) {
        return vec![name];
    }
    let all =
        |rows: &[(&'static str, WasmFeatures)]| rows.iter().fold(supported(), |features, (_, more)| features | *more);
    if !valid(all(&PROPOSALS)) {
        return Vec::new();
    }
    let mut needed = PROPOSALS.to_vec();
    // The rarest first: some rows contain others.
    for row in PROPOSALS.into_iter().rev() {
        let without: Vec<_> = needed.iter().copied().filter(|(name, _)| *name != row.0).collect();
        if valid(all(&without)) {
            needed = without;
        }
    }
    needed.into_iter().map(|(name, _)| name).collect()
}
