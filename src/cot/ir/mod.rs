//! The intermediate form: functions of basic blocks over WebAssembly's value types, with everything
//! explicit that the language leaves implicit (counting of references, checks, copies, defers).
//!
//! One set of types serves two forms. Lowering makes functions with [`Op::Get`] and [`Op::Set`] of
//! mutable variables; `ssa::construct` turns variables into values and block parameters, and from
//! there on the function is in SSA form (`ssa::verify` says what that means). In both forms a value
//! is defined once and its definition dominates its uses.
//!
//! The modules import only from those above them.

pub mod numeric;

pub mod variables;

pub mod build;

pub mod module;

pub mod print;

use crate::cot::source::FileId;
use numeric::Numeric;
use variables::{Described, Place};

/// A value type of WebAssembly. Addresses are `I32`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    I32,
    I64,
    F32,
    F64,
}

/// A result of an instruction or a parameter of a block, within its function.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(pub u32);

/// A mutable variable of the form before SSA.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Variable(pub u32);

/// A block within its function; 0 is the entry.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId(pub u32);

impl BlockId {
    pub const ENTRY: BlockId = BlockId(0);

    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Value {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A constant; floats by their bits, so every NaN is kept and equality is simple.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Const {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
}

impl Const {
    pub fn ty(self) -> Type {
        match self {
            Const::I32(_) => Type::I32,
            Const::I64(_) => Type::I64,
            Const::F32(_) => Type::F32,
            Const::F64(_) => Type::F64,
        }
    }

    /// The zero of a type.
    pub fn zero(ty: Type) -> Const {
        match ty {
            Type::I32 => Const::I32(0),
            Type::I64 => Const::I64(0),
            Type::F32 => Const::F32(0),
            Type::F64 => Const::F64(0),
        }
    }
}

/// How a value lies in memory.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// A byte that is sign-extended to 32 bits when loaded.
    I8,
    /// A byte that is zero-extended to 32 bits when loaded.
    U8,
    I16,
    U16,
    I32,
    I64,
    F32,
    F64,
    /// An address: 8 bytes in memory, of which the upper 4 are zero.
    Pointer,
}

impl Access {
    /// The type of what is loaded and stored.
    pub fn ty(self) -> Type {
        match self {
            Access::I64 => Type::I64,
            Access::F32 => Type::F32,
            Access::F64 => Type::F64,
            _ => Type::I32,
        }
    }

    pub fn size(self) -> u32 {
        match self {
            Access::I8 | Access::U8 => 1,
            Access::I16 | Access::U16 => 2,
            Access::I32 | Access::F32 => 4,
            Access::I64 | Access::F64 | Access::Pointer => 8,
        }
    }
}

/// A function of the module, defined or imported.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FuncId(pub u32);

/// Parameter and result types.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Signature {
    pub params: Vec<Type>,
    pub results: Vec<Type>,
}

/// What an instruction does with its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    Const(Const),
    Numeric(Numeric),
    /// The first argument where the third is not zero, else the second.
    Select,
    /// Address → value.
    Load {
        access: Access,
        offset: u32,
    },
    /// Address, value.
    Store {
        access: Access,
        offset: u32,
    },
    /// Destination, source, size: overlapping allowed.
    MemoryCopy,
    /// Destination, byte, size.
    MemoryFill,
    /// Pages → pages before, or −1.
    MemoryGrow,
    /// → pages.
    MemorySize,
    /// The address of a byte of the function's frame on the shadow stack.
    Frame(u32),
    /// The address after all static data.
    HeapBase,
    Call(FuncId),
    /// Of a function without parameters that returns an `I32`: that, or 1 if the function left by
    /// [`Op::Throw`].
    CallCatching(FuncId),
    /// Leaves functions up to the innermost [`Op::CallCatching`].
    Throw,
    /// The arguments, then the index in the table.
    CallIndirect(Signature),
    /// One more reference to what lies at an address; nothing where that is not counted.
    Retain(Counted),
    /// One reference less.
    Release(Counted),
    /// An address that leaves the counts: the buffer there stays, whoever gives up references. The
    /// result is the address.
    Pin(Pinned),
    Get(Variable),
    Set(Variable),
}

/// What an address that is counted leads to.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Counted {
    /// The start of an object.
    Object,
    /// Any place in a block, or just after it.
    Buffer,
}

/// How far an address goes that is pinned.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pinned {
    /// Anywhere.
    Free,
    /// Into a call, which what holds the buffer outlives.
    Argument,
}

/// What an operator may do beside computing its results; decides what can be moved and dropped.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Depends on its arguments only.
    None,
    /// Reads memory.
    Reads,
    /// Writes memory, traps, or anything else.
    Any,
}

impl Op {
    pub fn effect(&self) -> Effect {
        match self {
            Op::Const(_) | Op::Select | Op::Frame(_) | Op::HeapBase => Effect::None,
            Op::Numeric(numeric) if numeric.can_trap() => Effect::Any,
            Op::Numeric(_) => Effect::None,
            Op::Load { .. } | Op::MemorySize => Effect::Reads,
            _ => Effect::Any,
        }
    }
}

/// A place in the source.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Position {
    pub file: FileId,
    /// Of the first byte.
    pub offset: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inst {
    pub op: Op,
    pub args: Vec<Value>,
    pub results: Vec<Value>,
    /// What it was made of; none in the standard library, and in what the compiler makes up.
    pub position: Option<Position>,
}

/// A way to another block, with a value for each of its parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    pub block: BlockId,
    pub args: Vec<Value>,
}

/// How a block ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Jump(Edge),
    Branch {
        /// An `I32`; not zero takes the first edge.
        condition: Value,
        then: Edge,
        otherwise: Edge,
    },
    /// `targets[index]`, or `default` where there is none. The targets take no parameters and have
    /// no other predecessor.
    Switch {
        index: Value,
        targets: Vec<BlockId>,
        default: BlockId,
    },
    Return(Vec<Value>),
    Unreachable,
}

impl End {
    /// Where the block can lead; the same block may come twice.
    pub fn successors(&self) -> impl DoubleEndedIterator<Item = BlockId> {
        let (targets, default) = match self {
            End::Switch { targets, default, .. } => (&targets[..], Some(*default)),
            _ => (&[][..], None),
        };
        self.edges().map(|edge| edge.block).chain(targets.iter().copied()).chain(default)
    }

    /// The edges that carry arguments.
    pub fn edges(&self) -> impl DoubleEndedIterator<Item = &Edge> {
        let edges = match self {
            End::Jump(edge) => [Some(edge), None],
            End::Branch { then, otherwise, .. } => [Some(then), Some(otherwise)],
            _ => [None, None],
        };
        edges.into_iter().flatten()
    }

    pub fn edges_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Edge> {
        let edges = match self {
            End::Jump(edge) => [Some(edge), None],
            End::Branch { then, otherwise, .. } => [Some(then), Some(otherwise)],
            _ => [None, None],
        };
        edges.into_iter().flatten()
    }

    /// All values it uses, in the order of evaluation.
    pub fn args(&self) -> impl Iterator<Item = Value> {
        let (first, last) = match self {
            End::Branch { condition: value, .. } | End::Switch { index: value, .. } => (Some(*value), &[][..]),
            End::Return(values) => (None, &values[..]),
            End::Jump(_) | End::Unreachable => (None, &[][..]),
        };
        let of_edges = self.edges().flat_map(|edge| edge.args.iter().copied());
        first.into_iter().chain(of_edges).chain(last.iter().copied())
    }

    /// Replaces every value it uses.
    pub fn map_args(&mut self, mut map: impl FnMut(Value) -> Value) {
        match self {
            End::Branch { condition, .. } => *condition = map(*condition),
            End::Switch { index, .. } => *index = map(*index),
            End::Return(values) => values.iter_mut().for_each(|value| *value = map(*value)),
            End::Jump(_) | End::Unreachable => {}
        }
        for edge in self.edges_mut() {
            edge.args.iter_mut().for_each(|value| *value = map(*value));
        }
    }
}

#[derive(Clone, Debug)]
pub struct Block {
    pub params: Vec<Value>,
    pub insts: Vec<Inst>,
    pub end: End,
    /// What the end was made of.
    pub end_position: Option<Position>,
}

impl Block {
    /// Instructions, without constants.
    pub fn n_insts(&self) -> usize {
        self.insts.iter().filter(|inst| !matches!(inst.op, Op::Const(_))).count()
    }
}

/// A variable that is a local of the source, or a part of one.
#[derive(Clone, Debug)]
pub struct NamedVariable {
    pub name: String,
    pub variable: Variable,
    /// It begins with that parameter of the function, which nothing else uses.
    pub param: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct Function {
    /// As in backtraces.
    pub name: String,
    pub signature: Signature,
    /// The type of every value.
    pub values: Vec<Type>,
    /// The type of every variable; empty in SSA form.
    pub variables: Vec<Type>,
    /// The first is the entry; its parameters are the function's, and nothing leads back to it.
    pub blocks: Vec<Block>,
    /// Those of the variables that debuggers show.
    pub named: Vec<NamedVariable>,
    /// What debuggers are told of the function's locals.
    pub described: Vec<Described<Place>>,
    /// Bytes on the shadow stack, a multiple of 16.
    pub frame_size: u32,
    /// Where it begins in the source.
    pub position: Option<Position>,
}

impl Function {
    pub fn ty(&self, value: Value) -> Type {
        self.values[value.index()]
    }

    pub fn new_value(&mut self, ty: Type) -> Value {
        self.values.push(ty);
        Value((self.values.len() - 1) as u32)
    }

    /// Instructions of blocks, without constants.
    pub fn n_insts(&self, blocks: &[BlockId]) -> usize {
        blocks.iter().map(|block| self.blocks[block.index()].n_insts()).sum()
    }

    /// By value, how often it is an argument.
    pub fn count_uses(&self) -> Vec<u32> {
        let mut n_uses = vec![0; self.values.len()];
        for block in &self.blocks {
            let args = block.insts.iter().flat_map(|inst| inst.args.iter().copied()).chain(block.end.args());
            args.for_each(|arg| n_uses[arg.index()] += 1);
        }
        n_uses
    }

    /// All block numbers.
    pub fn block_ids(&self) -> impl Iterator<Item = BlockId> + use<> {
        (0..self.blocks.len() as u32).map(BlockId)
    }
}
