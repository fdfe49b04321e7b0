//! What lowering makes of a whole program: functions, imports, static data, the table of functions
//! called by reference.

use super::variables::{Described, Shape};
use super::{Counted, FuncId, Function, Op, Signature};
use std::collections::HashMap;

/// What the functions of WASI are imported from.
pub const WASI: &str = "wasi_snapshot_preview1";
/// What the functions are imported from that the runtime has for programs in Cot.
pub const COT: &str = "cot";
/// Module and name of what a plain module is given to print with.
pub const ENV_WRITE: (&str, &str) = ("env", "write");

/// Functions that call none don't look whether there is space for frames up to this size.
pub const UNCHECKED_FRAME: u32 = 4096;

/// A whole program in the intermediate form.
#[derive(Debug, Default)]
pub struct Module {
    /// Every function that is called or referred to, by [`FuncId`].
    pub functions: Vec<FuncDecl>,
    /// Functions whose index in the table is their place here plus one: entry 0 is never a
    /// function.
    pub table: Vec<FuncId>,
    /// The functions of closures that are static data, by address.
    pub closures: HashMap<u32, FuncId>,
    /// Runs of bytes that are not zero, ascending by address.
    pub data: Vec<Data>,
    /// Where static data ends, and the shadow stack begins, which grows down from its end.
    pub data_end: u32,
    pub stack_size: u32,
    /// What is called when the shadow stack is used up; none where no function has a frame.
    pub stack_overflow: Option<FuncId>,
    pub exports: Vec<(String, FuncId)>,
    /// What retains and releases call, if there are any.
    pub counting: Counting,
    /// The program's `main`, which backtraces are to show.
    pub main: Option<FuncId>,
    /// By [`FuncId`], whether a function gives up references, once that was found.
    pub gives_up: Vec<bool>,
    /// Functions that do not become part of their callers.
    pub outlined: Vec<FuncId>,
    /// Functions that keep no address that they are passed, though they store it for the host.
    pub borrowers: Vec<FuncId>,
    /// Imports and their lines in the custom section `wasm2native.imports`.
    pub import_types: Vec<(FuncId, String)>,
    /// With `-g` only.
    pub variables: Variables,
}

/// The prelude's functions for counts: `(i64)`.
#[derive(Clone, Debug, Default)]
pub struct Counting {
    pub retain: Option<FuncId>,
    pub release: Option<FuncId>,
    pub retain_buffer: Option<FuncId>,
    pub release_buffer: Option<FuncId>,
    pub pin_buffer: Option<FuncId>,
    /// Functions that give up a reference of their caller.
    pub givers: Vec<FuncId>,
    /// Functions of the prelude that never return. What they give up is their own.
    pub failing: Vec<FuncId>,
}

impl Counting {
    /// The function that an instruction calls.
    pub fn function(&self, op: &Op) -> Option<FuncId> {
        match op {
            Op::Retain(Counted::Object) => self.retain,
            Op::Retain(Counted::Buffer) => self.retain_buffer,
            Op::Release(Counted::Object) => self.release,
            Op::Release(Counted::Buffer) => self.release_buffer,
            Op::Pin(_) => self.pin_buffer,
            _ => None,
        }
    }
}

/// What debuggers are told of variables, besides what functions have of their own.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    pub shapes: Vec<Shape>,
    /// Their addresses.
    pub globals: Vec<Described<u32>>,
}

#[derive(Debug)]
pub struct FuncDecl {
    pub name: String,
    pub signature: Signature,
    pub kind: FuncKind,
}

#[derive(Debug)]
pub enum FuncKind {
    Import {
        module: String,
        name: String,
    },
    Defined(Box<Function>),
    /// Named, not yet lowered; or not needed after all.
    Pending,
}

/// Bytes in memory from the start.
#[derive(Debug)]
pub struct Data {
    pub address: u32,
    pub bytes: Vec<u8>,
}

impl Module {
    /// Below this there is no space for the frames of functions that call others; those that call
    /// none may use what is left.
    pub fn stack_limit(&self) -> u32 {
        self.data_end + UNCHECKED_FRAME
    }

    /// Where the heap can begin.
    pub fn stack_end(&self) -> u32 {
        self.data_end + self.stack_size
    }

    /// Whether a function must look for space on the shadow stack.
    pub fn checks_stack(&self, function: &Function) -> bool {
        let is_call = |op: &Op| {
            matches!(
                op,
                Op::Call(_) | Op::CallCatching(_) | Op::CallIndirect(_) | Op::Retain(_) | Op::Release(_) | Op::Pin(_)
            )
        };
        function.frame_size > UNCHECKED_FRAME
            || function.frame_size > 0 && function.blocks.iter().flat_map(|it| &it.insts).any(|it| is_call(&it.op))
    }

    /// The function's types.
    pub fn signature(&self, func: FuncId) -> &Signature {
        &self.functions[func.0 as usize].signature
    }

    /// Whether there is such a function in the end.
    pub fn exists(&self, func: FuncId) -> bool {
        !matches!(self.functions[func.0 as usize].kind, FuncKind::Pending)
    }

    /// Drops functions and imports that nothing calls or refers to any more.
    pub fn prune(&mut self) {
        let mut is_needed = vec![false; self.functions.len()];
        let exported = self.exports.iter().map(|(_, func)| *func);
        let roots = exported.chain(self.table.iter().copied()).chain(self.stack_overflow);
        let mut work: Vec<_> = roots.collect();
        while let Some(func) = work.pop() {
            if std::mem::replace(&mut is_needed[func.0 as usize], true) {
                continue;
            }
            let FuncKind::Defined(function) = &self.functions[func.0 as usize].kind else { continue };
            for inst in function.blocks.iter().flat_map(|block| &block.insts) {
                match inst.op {
                    Op::Call(callee) | Op::CallCatching(callee) => work.push(callee),
                    _ => work.extend(self.counting.function(&inst.op)),
                }
            }
        }
        for (decl, is_needed) in self.functions.iter_mut().zip(is_needed) {
            if !is_needed {
                decl.kind = FuncKind::Pending;
            }
        }
    }

    /// All functions with a body.
    pub fn defined(&self) -> impl Iterator<Item = &Function> {
        self.functions.iter().filter_map(FuncDecl::body)
    }
}

impl FuncDecl {
    pub fn body(&self) -> Option<&Function> {
        match &self.kind {
            FuncKind::Defined(function) => Some(function),
            FuncKind::Import { .. } | FuncKind::Pending => None,
        }
    }

    pub fn body_mut(&mut self) -> Option<&mut Function> {
        match &mut self.kind {
            FuncKind::Defined(function) => Some(function),
            FuncKind::Import { .. } | FuncKind::Pending => None,
        }
    }
}
