//! What lowering makes of a whole program: functions, imports, static data, the table of functions called by reference.

use super::{FuncId, Function, Signature};

/// A whole program in the intermediate form.
#[derive(Debug, Default)]
pub struct Module {
    /// Every function that is called or referred to, by [`FuncId`].
    pub functions: Vec<FuncDecl>,
    /// Functions whose index in the table is their place here plus one: entry 0 is never a function.
    pub table: Vec<FuncId>,
    /// Runs of bytes that are not zero, ascending by address.
    pub data: Vec<Data>,
    /// Where static data ends.
    pub data_end: u32,
    pub exports: Vec<(String, FuncId)>,
    /// What retains and releases call: `(i64) -> i64` and `(i64)`; none where nothing counts.
    pub retain: Option<FuncId>,
    pub release: Option<FuncId>,
    /// Lines of the custom section `wasm2native.imports`.
    pub import_types: Vec<String>,
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
    /// Named, not yet lowered.
    Pending,
}

/// Bytes in memory from the start.
#[derive(Debug)]
pub struct Data {
    pub address: u32,
    pub bytes: Vec<u8>,
}

impl Module {
    /// The function's types.
    pub fn signature(&self, func: FuncId) -> &Signature {
        &self.functions[func.0 as usize].signature
    }

    /// All functions with a body.
    pub fn defined(&self) -> impl Iterator<Item = &Function> {
        self.functions.iter().filter_map(|decl| match &decl.kind {
            FuncKind::Defined(function) => Some(&**function),
            FuncKind::Import { .. } | FuncKind::Pending => None,
        })
    }
}
