//! The code generator that programs of the tests are made by: Cranelift, or the one that the
//! environment variable `W2N_GENERATOR` names. Tests that differ with it stand in its
//! [`manifest`](crate::manifest).

use std::sync::LazyLock;

static NAME: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("W2N_GENERATOR").ok());

/// The generator that was named.
pub fn name() -> Option<&'static str> {
    NAME.as_deref()
}

/// What tells `wasm2native` the generator.
pub fn words() -> Vec<&'static str> {
    name().map(|name| ["--generator", name]).into_iter().flatten().collect()
}
