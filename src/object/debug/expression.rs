//! Where a variable is: an expression over the locals, globals and addresses of Wasm (DWARF 5, 2.5,
//! and "DWARF for WebAssembly") becomes one over registers, frames and addresses of the host.
//!
//! Addresses of a 32-bit memory have 32 bits: whatever is above them in a register is cut off.

use super::functions::Function;
use crate::code::{Place, Register};
use crate::debug::stacked::STACKED;
use crate::layout::Symbol;
use crate::wasm::GlobalIndex;
use gimli::constants as dw;
use gimli::read::Operation;
use gimli::write::{Address, Expression};
use wasmparser::ValType;

/// A place or a value, as Wasm has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Formula {
    steps: Vec<Step>,
    /// What the steps leave is the value itself, not the address where it is.
    is_value: bool,
}

/// A part of the variable, and its size where there are several.
pub type Part = (Option<Formula>, Option<u64>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Local(u32),
    Global(u32),
    Constant(u64),
    Plus(u64),
    Deref(u8),
    Plain(gimli::DwOp),
    Pick(u8),
}

/// Where the first memory lies on the host.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Memory {
    /// There.
    At(u64),
    /// At the address that is found there.
    Behind(Symbol),
}

/// What expressions refer to.
pub struct World<'a> {
    /// `None`: nothing in linear memory can be found.
    pub memory: Option<Memory>,
    /// Bytes of an address in it.
    pub address_size: u8,
    /// Where a global is found, or its bits.
    pub global: &'a dyn Fn(GlobalIndex) -> Option<Global>,
}

impl World<'_> {
    /// Linkers write the last number for globals of what they left out.
    fn global(&self, index: u32) -> Option<Global> {
        (index != u32::MAX).then(|| (self.global)(GlobalIndex::from_u32(index)))?
    }
}

#[derive(Copy, Clone)]
pub enum Global {
    /// In memory of the host, with so many bytes.
    Stored(Symbol, u8),
    Constant(u64),
}

/// Reads an expression. `frame` is what offsets in the frame count from. `None` if it has what is
/// not known here.
pub fn read<'a>(
    expression: gimli::read::Expression<super::Bytes<'a>>,
    encoding: gimli::Encoding,
    frame: Option<&Formula>,
    address_of: &dyn Fn(gimli::DebugAddrIndex<usize>) -> Option<u64>,
) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut formula = Formula { steps: Vec::new(), is_value: false };
    let mut operations = expression.operations(encoding);
    while let Some(operation) = operations.next().ok()? {
        let step = match operation {
            Operation::WasmLocal { index } => Step::Local(index),
            Operation::WasmStack { index } => Step::Local(index.checked_add(STACKED)?),
            Operation::WasmGlobal { index } => Step::Global(index),
            Operation::UnsignedConstant { value } => Step::Constant(value),
            Operation::SignedConstant { value } => Step::Constant(value.cast_unsigned()),
            Operation::Address { address } => Step::Constant(address),
            Operation::AddressIndex { index } | Operation::ConstantIndex { index } => {
                Step::Constant(address_of(index)?)
            }
            Operation::PlusConstant { value } => Step::Plus(value),
            Operation::FrameOffset { offset } => {
                let frame = frame.filter(|frame| frame.is_value)?;
                formula.steps.extend(frame.steps.iter().cloned());
                Step::Plus(offset.cast_unsigned())
            }
            Operation::Deref { size, space: false, .. } => Step::Deref(size),
            Operation::StackValue => {
                formula.is_value = true;
                continue;
            }
            Operation::Piece { size_in_bits, bit_offset: None } => {
                let piece = (!formula.steps.is_empty()).then_some(formula);
                parts.push((piece, Some(size_in_bits.checked_div(8)?)));
                formula = Formula { steps: Vec::new(), is_value: false };
                continue;
            }
            Operation::Pick { index } => Step::Pick(index),
            ref other => Step::Plain(plain(other)?),
        };
        formula.steps.push(step);
    }
    if !formula.steps.is_empty() {
        parts.push((Some(formula), None));
    }
    (!parts.is_empty()).then_some(parts)
}

fn plain(operation: &Operation<super::Bytes>) -> Option<gimli::DwOp> {
    let op = match operation {
        Operation::Drop => dw::DW_OP_drop,
        Operation::Swap => dw::DW_OP_swap,
        Operation::Rot => dw::DW_OP_rot,
        Operation::Abs => dw::DW_OP_abs,
        Operation::And => dw::DW_OP_and,
        Operation::Div => dw::DW_OP_div,
        Operation::Minus => dw::DW_OP_minus,
        Operation::Mod => dw::DW_OP_mod,
        Operation::Mul => dw::DW_OP_mul,
        Operation::Neg => dw::DW_OP_neg,
        Operation::Not => dw::DW_OP_not,
        Operation::Or => dw::DW_OP_or,
        Operation::Plus => dw::DW_OP_plus,
        Operation::Shl => dw::DW_OP_shl,
        Operation::Shr => dw::DW_OP_shr,
        Operation::Shra => dw::DW_OP_shra,
        Operation::Xor => dw::DW_OP_xor,
        Operation::Eq => dw::DW_OP_eq,
        Operation::Ne => dw::DW_OP_ne,
        Operation::Lt => dw::DW_OP_lt,
        Operation::Gt => dw::DW_OP_gt,
        Operation::Le => dw::DW_OP_le,
        Operation::Ge => dw::DW_OP_ge,
        _ => return None,
    };
    Some(op)
}

impl Formula {
    /// The locals that it takes.
    pub fn locals(&self) -> Vec<u32> {
        let locals = self.steps.iter().filter_map(|step| match step {
            Step::Local(local) => Some(*local),
            _ => None,
        });
        locals.collect()
    }

    /// The expression, with locals at these places.
    ///
    /// `as_pointer`: the value is an address in linear memory, and what comes out is one of the
    /// host; null stays null.
    pub fn write(
        &self,
        out: &mut Expression,
        world: &World,
        func: Option<&Function>,
        places: &dyn Fn(u32) -> Option<Place>,
        as_pointer: bool,
    ) -> Option<()> {
        if let ([Step::Local(local)], true, false) = (&self.steps[..], self.is_value, as_pointer) {
            return whole(out, places(*local)?);
        }
        if let ([Step::Global(global)], true, false) = (&self.steps[..], self.is_value, as_pointer) {
            return match world.global(*global)? {
                Global::Stored(symbol, _) => {
                    out.op_addr(address(symbol));
                    Some(())
                }
                Global::Constant(bits) => value(out, bits),
            };
        }
        for step in &self.steps {
            match step {
                Step::Local(local) => {
                    let size = match *local {
                        // A register's room in the frame.
                        STACKED.. => 8,
                        local => size(func?.local(local)?)?,
                    };
                    match places(*local)? {
                        Place::Register(register) if is_general(func?, register) => {
                            out.op_breg(gimli::Register(register.0), 0);
                        }
                        Place::Register(_) => return None,
                        Place::Frame(offset) => {
                            out.op_fbreg(offset.into());
                            out.op_deref_size(size);
                        }
                        Place::Constant(bits) => out.op_constu(bits),
                    }
                }
                Step::Global(global) => match world.global(*global)? {
                    Global::Stored(symbol, size) => {
                        out.op_addr(address(symbol));
                        out.op_deref_size(size);
                    }
                    Global::Constant(bits) => out.op_constu(bits),
                },
                Step::Constant(value) => out.op_constu(*value),
                Step::Plus(value) if *value <= u32::MAX.into() => out.op_plus_uconst(*value),
                Step::Plus(value) => {
                    out.op_consts(value.cast_signed());
                    out.op(dw::DW_OP_plus);
                }
                Step::Deref(size) => {
                    on_host(out, world)?;
                    out.op_deref_size(*size);
                }
                Step::Plain(operation) => out.op(*operation),
                Step::Pick(index) => out.op_pick(*index),
            }
        }
        match (self.is_value, as_pointer) {
            (true, false) => out.op(dw::DW_OP_stack_value),
            (false, false) => on_host(out, world)?,
            (_, true) => {
                if !self.is_value {
                    on_host(out, world)?;
                    out.op_deref_size(world.address_size);
                }
                cut(out, world);
                for operation in [dw::DW_OP_dup, dw::DW_OP_lit0, dw::DW_OP_ne] {
                    out.op(operation);
                }
                base(out, world)?;
                for operation in [dw::DW_OP_mul, dw::DW_OP_plus, dw::DW_OP_stack_value] {
                    out.op(operation);
                }
            }
        }
        Some(())
    }
}

/// A variable that is a local.
fn whole(out: &mut Expression, place: Place) -> Option<()> {
    match place {
        Place::Register(register) => out.op_reg(gimli::Register(register.0)),
        Place::Frame(offset) => out.op_fbreg(offset.into()),
        Place::Constant(bits) => value(out, bits)?,
    }
    Some(())
}

fn value(out: &mut Expression, bits: u64) -> Option<()> {
    out.op_constu(bits);
    out.op(dw::DW_OP_stack_value);
    Some(())
}

/// An address in linear memory becomes one of the host.
pub fn on_host(out: &mut Expression, world: &World) -> Option<()> {
    cut(out, world);
    match world.memory? {
        Memory::At(place) => out.op_plus_uconst(place),
        Memory::Behind(_) => {
            base(out, world)?;
            out.op(dw::DW_OP_plus);
        }
    }
    Some(())
}

fn base(out: &mut Expression, world: &World) -> Option<()> {
    match world.memory? {
        Memory::At(place) => out.op_constu(place),
        Memory::Behind(symbol) => {
            out.op_addr(address(symbol));
            out.op_deref();
        }
    }
    Some(())
}

/// Leaves the bits of an address.
fn cut(out: &mut Expression, world: &World) {
    if world.address_size == 4 {
        out.op_constu(u32::MAX.into());
        out.op(dw::DW_OP_and);
    }
}

fn address(symbol: Symbol) -> Address {
    Address::Symbol { symbol: symbol.pack(), addend: 0 }
}

/// Bytes of a number that an expression can take.
fn size(ty: ValType) -> Option<u8> {
    match ty {
        ValType::I32 | ValType::F32 => Some(4),
        ValType::I64 | ValType::F64 => Some(8),
        ValType::V128 | ValType::Ref(_) => None,
    }
}

/// Whether a register holds integers: DWARF numbers those of x86-64 up to 16, and of AArch64 up to
/// 31 (their ABI documents).
fn is_general(func: &Function, Register(number): Register) -> bool {
    number <= if func.is_x86_64 { 16 } else { 31 }
}
