//! Control constructs that have begun and not ended, and the handlers of exceptions around them.

use crate::wasm::{FuncIndex, Module, TagIndex, TypeIndex};
use cranelift_codegen::ir::{Block, Value};
use std::slice;
use wasmparser::{BlockType, Catch, ValType};

/// A control construct that has begun and not ended.
pub struct Frame {
    pub kind: FrameKind,
    pub ty: BlockType,
    /// Where a branch to this frame's label goes; a loop's has been made at its beginning, others
    /// are made when wanted.
    pub label: Option<Block>,
    /// Operands below the construct's own parameters.
    pub height: usize,
    /// The handlers around the construct.
    pub outer_scope: Option<ScopeIndex>,
    /// Whether the construct, and so what follows it, is unlikely to be reached.
    pub is_cold: bool,
    /// Whether all ways to the construct look for an interrupt.
    pub is_polled: bool,
}

#[derive(Copy, Clone, PartialEq)]
pub enum FrameKind {
    /// The body of the function: its label is the return.
    Function(FuncIndex),
    Block,
    Loop,
    /// An `if` before its `else`. The parameters lie on the stack twice: below, for the block that
    /// is entered if the condition is zero.
    If {
        otherwise: Block,
        /// The point of the way there.
        point: u32,
    },
    TryTable(ScopeIndex),
    /// The `try` of legacy exception handling, or a clause of it.
    Try(OpenTry),
    /// Begun in unreachable code: nothing of it is translated.
    Dead,
}

impl Frame {
    /// At the beginning of a function.
    pub fn of_function(kind: FrameKind, ty: BlockType) -> Frame {
        Frame { kind, ty, label: None, height: 0, outer_scope: None, is_cold: false, is_polled: false }
    }

    pub fn params<'a>(&'a self, module: &'a Module) -> &'a [ValType] {
        match (&self.ty, self.kind) {
            (_, FrameKind::Function(_)) => &[],
            (BlockType::FuncType(ty), _) => module.signature(TypeIndex::from_u32(*ty)).params(),
            (BlockType::Empty | BlockType::Type(_), _) => &[],
        }
    }

    pub fn results<'a>(&'a self, module: &'a Module) -> &'a [ValType] {
        match (&self.ty, self.kind) {
            (_, FrameKind::Function(func)) => module.function_type(func).results(),
            (BlockType::FuncType(ty), _) => module.signature(TypeIndex::from_u32(*ty)).results(),
            (BlockType::Type(ty), _) => slice::from_ref(ty),
            (BlockType::Empty, _) => &[],
        }
    }

    /// What a branch to the label carries.
    pub fn label_types<'a>(&'a self, module: &'a Module) -> &'a [ValType] {
        if self.kind == FrameKind::Loop { self.params(module) } else { self.results(module) }
    }
}

/// A `try` that has begun and not ended.
#[derive(Copy, Clone, PartialEq)]
pub struct OpenTry {
    pub scope: ScopeIndex,
    /// How many of its clauses have begun.
    pub n_begun: usize,
    /// What the clause at hand caught.
    pub exception: Option<Value>,
}

/// The handlers of one `try`. They are made while its body is translated, and stay until the
/// function ends.
pub struct Scope {
    /// Where an exception goes on if no clause here wants it.
    pub outer: Option<ScopeIndex>,
    pub clauses: Vec<Clause>,
    /// The point of the first clause of a `try_table`.
    pub point: u32,
    /// The clauses as they stand in a `try_table`; a legacy `try` has none.
    pub catches: Vec<Catch>,
}

/// Index in [`super::translator::Scratch::scopes`].
pub type ScopeIndex = usize;

pub struct Clause {
    /// `None` takes every exception.
    pub tag: Option<TagIndex>,
    /// Receives the exception's address. Made when a call first needs it: without one, nothing
    /// lands.
    pub landing: Option<Block>,
}

impl Clause {
    pub fn new(tag: Option<TagIndex>) -> Clause {
        Clause { tag, landing: None }
    }
}
