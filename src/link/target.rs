//! The target whose runtime this program carries.

use crate::runtime_target::{Machine, RUNTIME_TARGETS};

/// The machine that programs and libraries are linked for. Where no runtime was built, it is the
/// one that messages speak of.
pub fn machine() -> &'static Machine {
    let carried = RUNTIME_TARGETS.iter().find(|target| target.triple == env!("WASM2NATIVE_RUNTIME_TARGET"));
    carried.unwrap_or(&RUNTIME_TARGETS[0]).machine
}
