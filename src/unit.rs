//! One module of a program with everything that is known of it before code is made.
//!
//! Each field is the result of a stage, and none changes once it is here: translation, code
//! generators and the object writer read it.
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

use crate::analyze::Facts;
use crate::debug::Debug;
use crate::foreign::{CallbackIndex, Foreign};
use crate::layout::{Layout, Symbol};
use crate::profile::Profiling;
use crate::resolve::{Linkage, Linked};
use crate::shims::Shims;
use crate::wasm::describe::{describe_index, describe_type};
use crate::wasm::source::{MAIN, Source};
use crate::wasm::{FuncIndex, Module};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A module of which is known what can be reached.
pub struct Analyzed<'a> {
    pub linked: &'a Linked<'a>,
    pub foreign: Foreign,
    pub facts: Facts,
}

/// What is special about a module at its edge.
#[derive(Default)]
pub struct Edge {
    /// Those that nothing defines: a call is a trap.
    pub undefined: BTreeSet<FuncIndex>,
    /// Those that the runtime defines for the module's toolchain.
    pub shims: Shims,
    /// Functions of WASI whose calls are printed.
    pub traced: BTreeSet<FuncIndex>,
    /// Functions of the host that get its pointer before their arguments.
    pub with_data: BTreeSet<FuncIndex>,
    /// Functions for the host take an instance before their arguments.
    pub instances: bool,
}

/// A module that is ready for translation.
pub struct Unit<'a> {
    /// Number of the module among the program's, in the order of instantiation.
    pub index: usize,
    pub source: &'a Source<'a>,
    pub module: &'a Module<'a>,
    /// Which imports other modules of the program define, and what others use of this one.
    pub linkage: &'a Linkage,
    /// The declared types of imported C functions.
    pub foreign: Foreign,
    pub facts: Facts,
    pub layout: Layout,
    /// Function imports that nothing defines: a call is a trap.
    pub undefined: BTreeSet<FuncIndex>,
    /// Function imports that the runtime defines for the module's toolchain.
    pub shims: Shims,
    /// Function imports of WASI whose calls are printed.
    pub traced: BTreeSet<FuncIndex>,
    /// Function imports that get the host's pointer before their arguments.
    pub with_data: BTreeSet<FuncIndex>,
    /// Functions for the host take an instance before their arguments.
    pub instances: bool,
    pub profiling: Profiling,
    /// What the module says of its source, if it does.
    pub debug: Option<Debug<'a>>,
    /// The user asked for it: it becomes debug information of the native program.
    pub wants_debug: bool,
    /// The user asked for lines in backtraces.
    pub wants_lines: bool,
}

impl Unit<'_> {
    /// Where the stages of this module are dumped, below the folder that the user named: there, if
    /// it is the main module.
    pub fn dump_folder(&self, folder: &Path) -> PathBuf {
        match self.source.name {
            MAIN => folder.to_owned(),
            _ => folder.join(format!("module-{}", self.index)),
        }
    }

    /// How messages and dumps call what a symbol stands for.
    pub fn describe(&self, symbol: Symbol) -> String {
        let function = |func| self.module.describe(func);
        match symbol {
            Symbol::Function(func) => function(func),
            Symbol::Import(func) => format!("C symbol of {}", function(func)),
            Symbol::Export(func) => format!("export of {}", function(func)),
            Symbol::ArrayEntry(func) => format!("entry to {}", function(func)),
            Symbol::InitializePart(part) => format!("initialization of globals, part {}", part.as_u32()),
            Symbol::Initialize => "initialization of the module".to_owned(),
            Symbol::Global(global) => format!("global {}", global.as_u32()),
            Symbol::Memory(memory) => format!("memory {}", memory.as_u32()),
            Symbol::Table(table) => format!("table {}", table.as_u32()),
            Symbol::TableEntries(table) => format!("entries of table {}", table.as_u32()),
            Symbol::Signature(signature) => format!("signature {}", self.layout.signatures[signature]),
            Symbol::Data(data) => format!("data segment {}", data.as_u32()),
            Symbol::Element(element) => format!("element segment {}", element.as_u32()),
            Symbol::Builtin(builtin) => builtin.symbol().to_owned(),
            Symbol::Tag(tag) => format!("tag {}", tag.as_u32()),
            Symbol::Slot(entity) => format!("address of {}", describe_index(entity)),
            Symbol::Variadic(func) => format!("variable arguments for {}", function(func)),
            Symbol::Callback(callback) => format!("function pointers to {}", self.describe_callback(callback)),
            Symbol::CallbackSlot(callback, slot) => {
                format!("function pointer {slot} to {}", self.describe_callback(callback))
            }
            Symbol::CallbackPool(callback) => {
                format!("pool of function pointers to {}", self.describe_callback(callback))
            }
            Symbol::Counters(func) => format!("counters of {}", function(func)),
            Symbol::Main => "main".to_owned(),
            Symbol::Program => "description of the program".to_owned(),
            Symbol::LibraryInit => "initialization of the library".to_owned(),
            Symbol::LibraryConfigure => "configuration of the library".to_owned(),
            Symbol::LibraryReset => "reset of the library".to_owned(),
            Symbol::LibraryInterrupt => "interrupt of the library".to_owned(),
            Symbol::LibraryCancelInterrupt => "end of an interrupt of the library".to_owned(),
            Symbol::LibraryRefNew => "maker of handles".to_owned(),
            Symbol::LibraryRefGet => "reference of a handle".to_owned(),
            Symbol::LibraryRefDrop => "end of a handle".to_owned(),
            Symbol::PollPage => "page that is read where code can be interrupted".to_owned(),
            Symbol::Heap => "heap".to_owned(),
            Symbol::TypeRecord(record) => format!("type {}", self.layout.records[record].as_u32()),
            Symbol::MemoryBase(memory) => format!("base of memory {}", memory.as_u32()),
            Symbol::MemoryGrowth(memory) => format!("growth of memory {}", memory.as_u32()),
            Symbol::MemorySize(memory) => format!("size of memory {}", memory.as_u32()),
        }
    }

    fn describe_callback(&self, callback: CallbackIndex) -> String {
        let ty = self.foreign.callbacks[callback].ty;
        format!("functions of type {}", describe_type(self.module.signature(ty)))
    }
}
