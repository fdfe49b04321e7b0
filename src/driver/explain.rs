//! A module may be refused because it is invalid, or because it needs something that we don't have:
//! says which.

use crate::wasm::unsupported::{self, State};
use wasmparser::{BinaryReaderError, WasmFeatures};

/// Adds the reason to errors of the parser and validator; others stay as they are.
pub fn explain(error: anyhow::Error, wasm: &[u8], features: WasmFeatures) -> anyhow::Error {
    if error.downcast_ref::<BinaryReaderError>().is_none() {
        return error;
    }
    let needed = unsupported::missing_proposals(wasm, features);
    if needed.is_empty() {
        return error.context("invalid module");
    }
    let titles: Vec<_> = needed.iter().map(|proposal| proposal.title).collect();
    let names: Vec<_> = needed.iter().map(|proposal| proposal.name).collect();
    match needed.iter().all(|proposal| proposal.state == State::Experimental) {
        true => error.context(format!(
            "the module needs {}, which is experimental: --enable {}",
            titles.join(", "),
            names.join(",")
        )),
        false => error.context(format!("the module needs what is not supported yet: {}", titles.join(", "))),
    }
}
