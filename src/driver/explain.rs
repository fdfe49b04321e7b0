//! A module may be refused because it is invalid, or because it needs something that we don't have: says which.

use crate::wasm::unsupported;
use wasmparser::BinaryReaderError;

/// Adds the reason to errors of the parser and validator; others stay as they are.
pub fn explain(error: anyhow::Error, wasm: &[u8]) -> anyhow::Error {
    if error.downcast_ref::<BinaryReaderError>().is_none() {
        return error;
    }
    let missing = unsupported::missing_proposals(wasm);
    if missing.is_empty() {
        return error.context("invalid module");
    }
    error.context(format!("the module needs what is not supported yet: {}", missing.join(", ")))
}
