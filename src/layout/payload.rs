//! What a variant of [`Symbol`](super::Symbol) holds, as numbers of a name in CLIF.

use crate::abi::builtin::Builtin;
use crate::foreign::CallbackIndex;
use crate::number::{to_u32, to_usize};
use crate::wasm::{EntityIndex, FuncIndex, GlobalIndex, MemoryIndex, TableIndex, TagIndex};
use cranelift_entity::EntityRef;

/// What a variant of [`Symbol`](super::Symbol) holds, as two numbers: one below
/// [`Payload::NUMBERS`], and an index.
pub trait Payload {
    const NUMBERS: u32;

    fn encode(self) -> (u32, u32);

    fn decode(number: u32, index: u32) -> Self;
}

impl Payload for () {
    const NUMBERS: u32 = 1;

    fn encode(self) -> (u32, u32) {
        (0, 0)
    }

    fn decode(_: u32, _: u32) {}
}

impl<I: EntityRef> Payload for (I,) {
    const NUMBERS: u32 = 1;

    fn encode(self) -> (u32, u32) {
        (0, to_u32(self.0.index()))
    }

    fn decode(_: u32, index: u32) -> (I,) {
        (I::new(to_usize(index.into())),)
    }
}

impl Payload for (Builtin,) {
    const NUMBERS: u32 = 1;

    fn encode(self) -> (u32, u32) {
        (0, self.0 as u32)
    }

    fn decode(_: u32, index: u32) -> (Builtin,) {
        (Builtin::ALL[to_usize(index.into())],)
    }
}

impl Payload for (EntityIndex,) {
    const NUMBERS: u32 = 5;

    fn encode(self) -> (u32, u32) {
        match self.0 {
            EntityIndex::Function(it) => (0, it.as_u32()),
            EntityIndex::Global(it) => (1, it.as_u32()),
            EntityIndex::Memory(it) => (2, it.as_u32()),
            EntityIndex::Table(it) => (3, it.as_u32()),
            EntityIndex::Tag(it) => (4, it.as_u32()),
        }
    }

    fn decode(number: u32, index: u32) -> (EntityIndex,) {
        let entity = match number {
            0 => EntityIndex::Function(FuncIndex::from_u32(index)),
            1 => EntityIndex::Global(GlobalIndex::from_u32(index)),
            2 => EntityIndex::Memory(MemoryIndex::from_u32(index)),
            3 => EntityIndex::Table(TableIndex::from_u32(index)),
            _ => EntityIndex::Tag(TagIndex::from_u32(index)),
        };
        (entity,)
    }
}

impl Payload for (CallbackIndex, u16) {
    const NUMBERS: u32 = 1 << 16;

    fn encode(self) -> (u32, u32) {
        (self.1.into(), self.0.as_u32())
    }

    fn decode(number: u32, index: u32) -> (CallbackIndex, u16) {
        (CallbackIndex::from_u32(index), u16::try_from(number).expect("a number of this row has 16 bits"))
    }
}
