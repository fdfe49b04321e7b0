//! Which operator, in which function, each instruction of a function with copies of others came
//! from.
//!
//! An instruction's place in CLIF has 32 bits, and is the offset of its operator in the module.
//! That of an instruction in a copy is a number above all offsets, counted from the last downwards,
//! which stands for the offset and the calls that led there.

use super::insts;
use crate::code::Inlined;
use crate::layout::Symbol;
use crate::number::to_u32;
use cranelift_codegen::ir::{DebugTag, Function, SourceLoc};
use std::collections::HashMap;

/// An operator, and the copy that it is in: see [`Site::scope`](crate::code::Site::scope).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    pub wasm_offset: u32,
    pub scope: u32,
}

/// The copies in one function.
#[derive(Default)]
pub struct Origins {
    /// The copies, each after the one around it.
    inlined: Vec<Inlined>,
    /// Their numbers, counted from 1, by the offsets of the calls that led there.
    scopes: HashMap<Vec<u32>, u32>,
    /// What places of instructions stand for: the last number stands for the first of these.
    places: Vec<Origin>,
}

/// The last place: [`SourceLoc::default`] is the number after it.
const LAST: u32 = u32::MAX - 1;

/// Modules up to this length leave as many numbers for origins as a function can have
/// instructions.
pub const LONGEST_MODULE: usize = 1 << 31;

impl Origins {
    pub fn clear(&mut self) {
        self.inlined.clear();
        self.scopes.clear();
        self.places.clear();
    }

    /// Notes that a copy of a function stands in the place of a call with these tags.
    pub fn enter(&mut self, call: &[DebugTag], symbol: Symbol) {
        let path: Vec<u32> = offsets(call).collect();
        let Some((&wasm_offset, around)) = path.split_last() else { return };
        let parent = self.scope(around);
        self.inlined.push(Inlined { symbol, parent, wasm_offset });
        self.scopes.insert(path, to_u32(self.inlined.len()));
    }

    /// The copy that these calls led to.
    fn scope(&self, path: &[u32]) -> u32 {
        if path.is_empty() { 0 } else { self.scopes[path] }
    }

    /// Gives instructions of copies their places, from their tags.
    pub fn take_tags(&mut self, func: &mut Function) {
        let mut numbers = HashMap::new();
        for inst in insts(func) {
            let path: Vec<u32> = offsets(func.debug_tags.get(inst)).collect();
            let Some((&wasm_offset, around)) = path.split_last() else { continue };
            let origin = Origin { wasm_offset, scope: self.scope(around) };
            if origin.scope == 0 {
                continue;
            }
            let number = *numbers.entry(origin).or_insert_with(|| {
                self.places.push(origin);
                to_u32(self.places.len())
            });
            let place = u32::MAX.checked_sub(number).expect("CLIF has room for fewer instructions");
            func.set_srcloc(inst, SourceLoc::new(place));
        }
    }

    /// What the place of an instruction stands for.
    pub fn origin(&self, place: SourceLoc) -> Origin {
        let number = LAST.checked_sub(place.bits()).and_then(|it| usize::try_from(it).ok());
        let origin = number.and_then(|number| self.places.get(number));
        let wasm_offset = if place.is_default() { 0 } else { place.bits() };
        origin.copied().unwrap_or(Origin { wasm_offset, scope: 0 })
    }

    /// Gives all instructions the offsets of their operators, for people who read the function.
    pub fn show(&self, func: &mut Function) {
        for inst in insts(func).into_iter().filter(|_| !self.places.is_empty()) {
            let place = func.srcloc(inst);
            if !place.is_default() {
                func.set_srcloc(inst, SourceLoc::new(self.origin(place).wasm_offset));
            }
        }
    }

    /// The copies, of which [`Origin::scope`] has the numbers.
    pub fn inlined(&self) -> &[Inlined] {
        &self.inlined
    }
}

fn offsets(tags: &[DebugTag]) -> impl Iterator<Item = u32> {
    tags.iter().filter_map(|tag| match tag {
        DebugTag::User(offset) => Some(*offset),
        DebugTag::StackSlot(_) => None,
    })
}
