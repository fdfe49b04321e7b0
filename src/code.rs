//! Machine code of a module's functions, whatever made it: bytes, relocations, sites of traps and calls, frames.

use crate::abi::Trap;
use crate::layout::Symbol;
use crate::wasm::TagIndex;

/// The functions in the order in which they will stand in the text section.
pub struct Code {
    pub functions: Vec<CompiledFunction>,
    /// What the frames have in common; their addresses are [`Symbol::pack`]ed.
    pub frame_common: Option<gimli::write::CommonInformationEntry>,
}

pub struct CompiledFunction {
    pub symbol: Symbol,
    pub bytes: Vec<u8>,
    /// Alignment of the first byte; a power of two.
    pub alignment: u32,
    pub relocations: Vec<Relocation>,
    /// Sorted by offset.
    pub sites: Vec<Site>,
    /// Sorted by return address.
    pub try_calls: Vec<TryCall>,
    /// Call frame instructions with the code offset behind which each holds (DWARF 5, 6.4).
    pub frame: Option<gimli::write::FrameDescriptionEntry>,
    /// It sets up a frame pointer; see [`crate::abi::Function::has_frame`].
    pub has_frame: bool,
}

pub struct Relocation {
    /// Byte offset in the function.
    pub offset: u32,
    pub kind: RelocationKind,
    pub target: Target,
    pub addend: i64,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum RelocationKind {
    /// 8-byte address.
    Absolute8,
    /// 4-byte distance from the field.
    Relative4,
    /// 4-byte distance of a call from the field; the linker may go through a stub.
    Call4,
    /// 4-byte distance from the field to a slot that holds the address.
    GotRelative4,
    /// 4-byte distance from the field to a slot that tells `__tls_get_addr` where a thread-local variable is. Linkers of programs
    /// replace the whole sequence by an address relative to the thread pointer.
    ThreadLocal4,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    Symbol(Symbol),
    /// A C symbol that the code generator brought in: `floorf`, `memcpy`.
    Runtime(&'static str),
    /// A byte of the same function.
    Here(u32),
}

/// A call inside the body of a `try`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TryCall {
    pub return_address: u32,
    /// Distance from the frame pointer down to the stack pointer at the call.
    pub frame_size: u32,
    /// The tags that are caught, and where each lands; `None` is every tag. The first that fits counts.
    pub handlers: Vec<(Option<TagIndex>, u32)>,
}

/// A place in the code where the program may stop, or that a backtrace may show.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Offset of the faulting instruction, or return address of a call.
    pub offset: u32,
    /// `None` for a call.
    pub trap: Option<Trap>,
    /// Byte offset of the operator in the module.
    pub wasm_offset: u32,
}
