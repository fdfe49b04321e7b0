//! Machine code of a module's functions, whatever made it: bytes, relocations, sites of traps and
//! calls, frames.
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

use crate::abi::trap::Trap;
use crate::layout::Symbol;
use crate::wasm::TagIndex;
use serde::{Deserialize, Serialize};
use target_lexicon::Triple;

/// The functions in the order in which they will stand in the text section.
pub struct Code {
    /// What they were compiled for.
    pub triple: Triple,
    /// Instructions may be 2 bytes long (RISC-V, extension C), which linkers want to know.
    pub compressed: bool,
    pub functions: Vec<CompiledFunction>,
    /// What the frames have in common. `None` where the system has no DWARF.
    pub frame_conventions: Option<FrameConventions>,
    /// The generator, and how its functions call each other: where two names differ, references to
    /// functions of the one can't be called by the other.
    pub convention: &'static str,
    /// What the processor must have, for the description of a program.
    pub requirements: Vec<Requirement>,
    /// The program outside of this one that made the code, and its version.
    pub compiler: Option<String>,
}

/// A feature of the processor: bits of a register of [`feature`](crate::abi::feature).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    pub name: &'static str,
    pub register: u8,
    pub bits: u32,
}

pub struct CompiledFunction {
    pub symbol: Symbol,
    pub bytes: Vec<u8>,
    /// Alignment of the first byte; a power of two.
    pub alignment: u32,
    pub relocations: Vec<Relocation>,
    /// Sorted by offset.
    pub sites: Vec<Site>,
    /// What traps of accesses compared, where code still has it; sorted by offset.
    pub compared: Vec<Compared>,
    /// The functions that were inlined in this one, each after the one around it.
    pub inlined: Vec<Inlined>,
    /// Sorted by return address.
    pub try_calls: Vec<TryCall>,
    pub frame: Option<Frame>,
    /// It sets up a frame pointer.
    pub has_frame: bool,
    /// What else [`frame`](crate::abi::frame) says of it: the registers that it stores.
    pub stored: u32,
    /// With `-g` only.
    pub debug: Option<DebugMap>,
}

/// What debuggers want to know of a function's code.
#[derive(Default)]
pub struct DebugMap {
    /// Sorted by offset; each holds up to the next.
    pub positions: Vec<Position>,
    /// Where locals are found, each in the order of its code.
    pub locals: Vec<LocalPlace>,
}

/// Where the instructions from an offset on come from.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub offset: u32,
    /// Byte offset of the operator in the module; 0 for what no operator asks for.
    pub wasm_offset: u32,
    /// See [`Site::scope`].
    pub scope: u32,
}

/// Where a local of Wasm is, from one code offset to another.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalPlace {
    /// Or [`STACKED`](crate::debug::stacked::STACKED) and the number of a place.
    pub local: u32,
    pub start: u32,
    pub end: u32,
    pub place: Place,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    Register(Register),
    /// In memory, at the canonical frame address plus so many bytes.
    Frame(i32),
    /// Nowhere: these are its bits.
    Constant(u64),
}

/// How to walk out of a function, for debuggers and for exceptions of other languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Frame {
    /// Rules with the code offset from which each holds, sorted by offset.
    Dwarf(Vec<(u32, FrameRule)>),
    /// A record for `.xdata` (PE format, "The .pdata Section", and Microsoft's pages on x64 and
    /// ARM64 exception handling).
    Windows(Vec<u8>),
}

/// DWARF's number of a register, as the processor's ABI document gives it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register(pub u16);

/// How to find the caller's frame and registers (DWARF 5, 6.4.2). The canonical frame address, CFA,
/// is the caller's stack pointer before the call. Offsets are in bytes.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FrameRule {
    /// The CFA is the register plus the offset.
    Cfa(Register, i32),
    /// The CFA counts from this register; the offset stays.
    CfaRegister(Register),
    /// The CFA has this offset; the register stays.
    CfaOffset(i32),
    /// The caller's register is stored at the CFA plus the offset.
    Stored(Register, i32),
    /// The caller's register is the CFA plus the offset.
    Equals(Register, i32),
    /// AArch64: whether return addresses are signed (pointer authentication).
    SignedReturn(bool),
}

/// What holds for all frames of a processor (DWARF 5, 6.4.1, the common information entry).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameConventions {
    /// Code offsets are multiples of this.
    pub code_alignment: u8,
    /// Offsets of stored registers are multiples of this.
    pub data_alignment: i8,
    /// The register that stands for the return address.
    pub return_address: Register,
    /// The rules at the first instruction of every function.
    pub initial: Vec<FrameRule>,
}

pub struct Relocation {
    /// Byte offset in the function.
    pub offset: u32,
    pub kind: RelocationKind,
    pub target: RelocationTarget,
    pub addend: i64,
}

/// What the field gets, from the target's address plus addend `S`, and the field's own address `P`.
/// Named after what the processors' ELF documents say, as the object formats have other numbers for
/// the same things.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RelocationKind {
    /// 8 bytes: `S`.
    Absolute8,
    /// 4 bytes: `S - P`.
    Relative4,
    /// 4 bytes: `S - P - 4`, the distance from the byte after the field, at which a function
    /// begins.
    FromNext4,
    /// x86-64: 4 bytes of a call, `S - P`; the linker may go through a stub.
    Call4,
    /// x86-64: 4 bytes, the distance to a slot that tells `__tls_get_addr` where a thread-local
    /// variable is. Linkers of programs replace the whole sequence by an address relative to the
    /// thread pointer.
    ThreadLocal4,
    /// AArch64: 26 bits of `b` or `bl`, `(S - P) / 4`; the linker may go through a stub.
    Aarch64Call26,
    /// AArch64: 21 bits of `adrp`, the distance in pages of 4 KiB.
    Aarch64Page21,
    /// AArch64: 12 bits of `add`, the place in the page.
    Aarch64PageOffset12,
    /// AArch64: 12 bits of an access to 2^N bytes, the place in the page divided by their number.
    Aarch64Access12(u8),
    /// AArch64: the four instructions that ask a descriptor how far from the thread pointer a
    /// thread-local variable lies: `adrp`, `ldr`, `add`, `blr`. Linkers of programs replace each by
    /// one that loads a part of the number.
    Aarch64ThreadLocalPage21,
    Aarch64ThreadLocalLoad12,
    Aarch64ThreadLocalAdd12,
    Aarch64ThreadLocalCall,
    /// RISC-V: `auipc` and `jalr`, `S - P`; the linker may go through a stub.
    RiscvCall,
    /// RISC-V: 20 bits of `auipc`, the upper part of `S - P`.
    RiscvPcrelHi20,
    /// RISC-V: 12 bits, the lower part of what the `auipc` at the target gets.
    RiscvPcrelLo12,
    /// s390x: 4 bytes, `(S - P) / 2`.
    S390xRelative4,
    /// s390x: 4 bytes of a call, `(S - P) / 2`; the linker may go through a stub.
    S390xCall4,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum RelocationTarget {
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
    /// See [`TryCall::frame_size`](crate::abi::exception::TryCall::frame_size).
    pub frame_size: u32,
    /// The tags that are caught, and where each lands; `None` is every tag. The first that fits
    /// counts.
    pub handlers: Vec<(Option<TagIndex>, u32)>,
}

impl Site {
    /// Whether a site after this one says the same.
    pub fn says(&self, next: &Site) -> bool {
        self.trap == next.trap && (self.wasm_offset, self.scope) == (next.wasm_offset, next.scope)
    }
}

/// A call in whose place there is a copy of the function.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Inlined {
    pub symbol: Symbol,
    /// What the call is in: see [`Site::scope`].
    pub parent: u32,
    /// Byte offset of the call in the module.
    pub wasm_offset: u32,
}

/// An instruction that traps since an access is out of bounds, and what was compared with the size
/// of the memory: the index, or a sum of it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Offset of the instruction: that of a [`Site`].
    pub offset: u32,
    pub value: ComparedValue,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ComparedValue {
    /// The processor's own number of a general register.
    Register(u8),
    Constant(u64),
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
    /// The innermost function: its place in [`CompiledFunction::inlined`] plus 1, or 0 for the
    /// function itself.
    pub scope: u32,
}
