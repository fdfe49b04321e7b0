//! Which imports get a shim: a function of the runtime that does what the import's toolchain
//! expects of its host.
//!
//! Comes in: the imports that a program leaves to the linker. Goes out: [`Shims`], those that the
//! runtime defines instead, chosen by name and exactly that type. What the user declares, names a
//! symbol for, or links with, is never a shim.
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

use crate::abi::shim::{SHIMS, Shim};
use crate::wasm::{FuncIndex, ImportName};
use std::collections::BTreeMap;
use wasmparser::{FuncType, ValType};

/// The imports of a module that are shims.
#[derive(Debug, Default)]
pub struct Shims(BTreeMap<FuncIndex, &'static Shim>);

impl Shims {
    pub fn add(&mut self, func: FuncIndex, shim: &'static Shim) {
        self.0.insert(func, shim);
    }

    pub fn get(&self, func: FuncIndex) -> Option<&'static Shim> {
        self.0.get(&func).copied()
    }

    pub fn iter(&self) -> impl Iterator<Item = &'static Shim> {
        self.0.values().copied()
    }
}

/// The shim for an import of this name and type.
pub fn find(import: ImportName, ty: &FuncType) -> Option<&'static Shim> {
    let mut named = SHIMS.iter().filter(|shim| (shim.module, shim.name) == (import.module, import.name));
    named.find(|shim| is(shim.parameters, ty.params()) && is(shim.result, ty.results()))
}

/// Whether letters of a shim are those types.
fn is(letters: &str, types: &[ValType]) -> bool {
    let letter = |ty: &ValType| match ty {
        ValType::I32 => 'i',
        ValType::I64 => 'l',
        ValType::F32 => 'f',
        ValType::F64 => 'd',
        ValType::V128 | ValType::Ref(_) => '?',
    };
    letters.chars().eq(types.iter().map(letter))
}
