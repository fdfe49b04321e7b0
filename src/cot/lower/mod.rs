//! The checked program → functions of the intermediate form. What the language leaves implicit
//! becomes instructions here: counting of references (`counting`), defers and the end of scopes
//! (`scope`), checks (`check`), conversions, copies of aggregates.
//!
//! Only what is reached is lowered: from the entry (`entry`) on, each function that is called or
//! referred to is put on a list.

mod arithmetic;
mod branching;
mod builtin;
mod call;
mod check;
mod convert;
mod counting;
mod data;
mod decide;
mod describe;
mod entry;
mod expression;
mod function;
mod place;
mod repr;
mod runtime;
mod scope;
mod sequence;
mod statement;
mod switch;

use crate::cot::ir::module::{FuncDecl, FuncKind, Module};
use crate::cot::ir::variables::ShapeId;
use crate::cot::ir::{Counted, FuncId, Op, Signature, Type as WasmType};
use crate::cot::source::{Sources, Span};
use crate::cot::typed::{self, CheckedProgram, ExternId, FunctionId, GlobalId, StringId};
use crate::cot::types::{ErrorSetId, Type, TypeId};
use data::Statics;
use repr::Leaf;
use std::collections::HashMap;
use std::rc::Rc;

/// Where the module will run.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Plain WebAssembly: imports from `env`, nothing else.
    Bare,
    /// WASI preview 1.
    Wasi,
    /// As [`Host::Wasi`], and functions of C libraries.
    Native,
}

#[derive(Clone, Debug)]
pub struct LowerOptions {
    pub host: Host,
    /// Leave out what Wasm does not check itself.
    pub release: bool,
    /// Variables keep the names that they have in the source.
    pub debug: bool,
    /// The first test that fails is the last one that runs.
    pub fail_fast: bool,
    /// Objects know their type and the place where they were made, and tests look for lost ones.
    pub leaks: bool,
    /// Tests are told of in color.
    pub is_styled: bool,
    /// How often each bench runs; 0: for about a second.
    pub iterations: u64,
    /// The runtime's functions for programs in Cot can be imported.
    pub has_shims: bool,
}

/// Functions of the prelude that pass addresses on to the host in records of memory.
const BORROWERS: [&str; 3] = ["fdWrite", "fdWriteLine", "fdRead"];

/// Functions of the prelude that are called from many places, and take much longer than a call.
const OUTLINED: [&str; 8] = [
    "alloc",
    "allocCleared",
    "allocElements",
    "copyShared",
    "joinBytes",
    "joinElements",
    "reallocCleared",
    "textBuffer",
];

/// Functions of the prelude that give up a reference that their caller has by number.
const GIVERS: [&str; 2] = ["giveUp", "adopt"];

/// A function of the module: what it is made from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum FuncKey {
    Function(FunctionId),
    /// Takes a closure object, which it ignores, and calls the function.
    Thunk(FunctionId),
    Extern(ExternId),
    /// Of a host: module and name.
    Host(&'static str, &'static str),
    /// Runs the destructor of an object.
    Destructor(FunctionId),
    /// Releases what a closure object has captured.
    ClosureDestructor(FunctionId),
    /// Retains or releases all that a value in memory holds.
    RetainAll(TypeId),
    ReleaseAll(TypeId),
    /// Retains the buffers in it.
    KeepAll(TypeId),
    /// Releases the elements of a buffer.
    ReleaseElements(TypeId),
    Main,
    Start,
    Initialize,
    Export(FunctionId),
}

struct Lowering<'p> {
    program: &'p CheckedProgram,
    sources: &'p Sources,
    options: &'p LowerOptions,
    module: Module,
    statics: Statics,
    funcs: HashMap<FuncKey, FuncId>,
    /// Named, not yet lowered.
    work: Vec<(FuncId, FuncKey)>,
    leaves: HashMap<TypeId, Option<Rc<[Leaf]>>>,
    globals: HashMap<GlobalId, u32>,
    /// What debuggers are told of types.
    shapes: HashMap<TypeId, ShapeId>,
    /// Of the errors inside of error unions.
    error_shapes: HashMap<ErrorSetId, ShapeId>,
    closures: HashMap<FunctionId, u32>,
    table: HashMap<FuncId, u32>,
    type_records: HashMap<[Option<FuncId>; 2], u32>,
    places: HashMap<(u32, usize), u32>,
    tables: HashMap<Vec<u8>, u32>,
    /// The variable of the prelude that says where the program called the standard library.
    caller_place: Option<GlobalId>,
    /// Functions of the prelude: nothing in them is checked.
    unchecked: std::collections::HashSet<FunctionId>,
    is_too_large: bool,
}

/// What can't be compiled although it is correct.
#[derive(Clone, Debug)]
pub struct LowerError {
    pub message: String,
    pub span: Option<Span>,
}

/// # Errors
/// A program whose static data does not fit into memory.
pub fn lower(program: &CheckedProgram, sources: &Sources, options: &LowerOptions) -> Result<Module, LowerError> {
    let mut lowering = Lowering {
        program,
        sources,
        options,
        module: Module::default(),
        statics: Statics::new(),
        funcs: HashMap::new(),
        work: Vec::new(),
        leaves: HashMap::new(),
        globals: HashMap::new(),
        shapes: HashMap::new(),
        error_shapes: HashMap::new(),
        closures: HashMap::new(),
        table: HashMap::new(),
        type_records: HashMap::new(),
        places: HashMap::new(),
        tables: HashMap::new(),
        caller_place: prelude_global("callerPlace", program, sources),
        unchecked: program.prelude.values().copied().collect(),
        is_too_large: false,
    };
    // The heap's table of pages is large and zero: in front of everything else, it is not part of
    // the bytes that a program carries.
    if let Some(pages) = prelude_global("pages", program, sources) {
        lowering.global_address(pages);
    }
    lowering.roots();
    while let Some((func, key)) = lowering.work.pop() {
        let function = lowering.lower_key(&key);
        if let Some(function) = function {
            if function.frame_size > 0 && lowering.module.stack_overflow.is_none() {
                lowering.module.stack_overflow = Some(lowering.prelude("stackOverflow"));
            }
            lowering.module.functions[func.0 as usize].kind = FuncKind::Defined(Box::new(function));
        }
    }
    lowering.note_givers();
    lowering.module.data = std::mem::take(&mut lowering.statics.runs);
    lowering.module.data_end = lowering.statics.end.next_multiple_of(16);
    let stack_size = stack_size(&lowering.module);
    if lowering.is_too_large || u64::from(lowering.module.data_end) + stack_size > u64::from(u32::MAX - 0xffff) {
        let message = "the variables and strings do not fit into a memory of 4 GiB".to_owned();
        return Err(LowerError { message, span: None });
    }
    lowering.module.stack_size = stack_size as u32;
    Ok(lowering.module)
}

/// A global of the runtime's.
fn prelude_global(name: &str, program: &CheckedProgram, sources: &Sources) -> Option<GlobalId> {
    let is_it = |global: &typed::Global| global.name == name && sources.get(global.span.file).name == "std/prelude.cot";
    program.globals.iter().position(is_it).map(|index| GlobalId(index as u32))
}

/// Bytes of the shadow stack: enough for each large frame once, so a program without recursion
/// never runs out of it, and for many small ones; but where that is too much, for the largest.
fn stack_size(module: &Module) -> u64 {
    const SMALL_FRAMES: u64 = 8 << 20;
    const LARGE_FRAME: u64 = 64 << 10;
    const MOST: u64 = 1 << 30;
    let frames = module.defined().map(|function| u64::from(function.frame_size));
    let large = frames.filter(|size| *size >= LARGE_FRAME);
    let (all, largest) = large.fold((0, 0), |(all, largest), size| (all + size, size.max(largest)));
    SMALL_FRAMES + all.min(largest.max(MOST)).next_multiple_of(16)
}

impl<'p> Lowering<'p> {
    /// The leaves of a type; none if its values travel by address.
    fn leaves(&mut self, ty: TypeId) -> Option<Rc<[Leaf]>> {
        let types = &self.program.types;
        self.leaves.entry(ty).or_insert_with(|| repr::leaves(types, ty).map(Rc::from)).clone()
    }

    fn size(&self, ty: TypeId) -> u32 {
        u32::try_from(self.program.types.size(ty)).unwrap_or(!15)
    }

    /// The number of the function made from `key`, which is put on the list if it is new.
    fn func(&mut self, key: FuncKey) -> FuncId {
        if let Some(func) = self.funcs.get(&key) {
            return *func;
        }
        let (name, signature, kind) = self.declare(&key);
        let is_pending = matches!(kind, FuncKind::Pending);
        self.module.functions.push(FuncDecl { name, signature, kind });
        let func = FuncId(self.module.functions.len() as u32 - 1);
        self.funcs.insert(key.clone(), func);
        if is_pending {
            self.work.push((func, key));
        }
        func
    }

    fn declare(&mut self, key: &FuncKey) -> (String, Signature, FuncKind) {
        let pointer_only = || Signature { params: vec![WasmType::I32], results: Vec::new() };
        let none = Signature::default;
        let pending = FuncKind::Pending;
        let program = self.program;
        let name_of = |id: &FunctionId| program.functions[id.0 as usize].name.clone();
        match key {
            FuncKey::Function(id) => (name_of(id), self.function_signature(*id), pending),
            FuncKey::Thunk(id) => {
                let mut signature = self.function_signature(*id);
                signature.params.insert(0, WasmType::I32);
                (format!("{}.value", name_of(id)), signature, pending)
            }
            FuncKey::Extern(id) => self.declare_extern(*id),
            FuncKey::Host(module, name) => {
                let kind = FuncKind::Import { module: (*module).to_owned(), name: (*name).to_owned() };
                ((*name).to_owned(), runtime::host_signature(name), kind)
            }
            FuncKey::Destructor(id) => (format!("drop {}", name_of(id)), pointer_only(), pending),
            FuncKey::ClosureDestructor(id) => (format!("drop {}", name_of(id)), pointer_only(), pending),
            FuncKey::RetainAll(ty) => (format!("retain {}", program.types.name(*ty)), pointer_only(), pending),
            FuncKey::ReleaseAll(ty) => (format!("release {}", program.types.name(*ty)), pointer_only(), pending),
            FuncKey::KeepAll(ty) => (format!("keep {}", program.types.name(*ty)), pointer_only(), pending),
            FuncKey::ReleaseElements(ty) => {
                (format!("release elements {}", program.types.name(*ty)), pointer_only(), pending)
            }
            FuncKey::Main => ("main.entry".to_owned(), self.main_signature(), pending),
            FuncKey::Start => ("_start".to_owned(), none(), pending),
            FuncKey::Initialize => ("_initialize".to_owned(), none(), pending),
            FuncKey::Export(id) => (format!("{}.export", name_of(id)), self.export_signature(*id), pending),
        }
    }

    fn lower_key(&mut self, key: &FuncKey) -> Option<crate::cot::ir::Function> {
        let func = self.funcs[key];
        let decl = &self.module.functions[func.0 as usize];
        let (name, signature) = (decl.name.clone(), decl.signature.clone());
        Some(match key {
            FuncKey::Function(id) => function::lower(self, *id, name, signature),
            FuncKey::Thunk(id) => self.lower_thunk(*id, name, signature),
            FuncKey::Extern(_) | FuncKey::Host(..) => return None,
            FuncKey::Destructor(id) => self.lower_destructor(*id, name, signature),
            FuncKey::ClosureDestructor(id) => self.lower_closure_destructor(*id, name, signature),
            FuncKey::RetainAll(ty) => self.lower_count_all(*ty, name, signature, counting::Direction::Retain),
            FuncKey::ReleaseAll(ty) => self.lower_count_all(*ty, name, signature, counting::Direction::Release),
            FuncKey::KeepAll(ty) => self.lower_count_all(*ty, name, signature, counting::Direction::Keep),
            FuncKey::ReleaseElements(ty) => self.lower_release_elements(*ty, name, signature),
            FuncKey::Main => self.lower_main(name, signature),
            FuncKey::Start => self.lower_start(name, signature),
            FuncKey::Initialize => self.lower_initialize(name, signature),
            FuncKey::Export(id) => self.lower_export(*id, name, signature),
        })
    }

    /// Parameters of a function of the language: the closure object if it captures something, the
    /// address for a result in memory, then those of the source.
    fn function_signature(&mut self, id: FunctionId) -> Signature {
        let function = &self.program.functions[id.0 as usize];
        let params: Vec<_> = function.locals[..function.n_params].iter().map(|local| local.ty).collect();
        let mut signature = self.signature(&params, function.result);
        if !function.captures.is_empty() {
            signature.params.insert(0, WasmType::I32);
        }
        if self.is_test(id) {
            // Whether it failed.
            signature.results.push(WasmType::I32);
        }
        signature
    }

    /// Whether the module runs tests: a failure ends the test then, not the program.
    fn is_for_tests(&self) -> bool {
        !self.program.tests.is_empty() && self.program.benches.is_empty()
    }

    fn is_test(&self, id: FunctionId) -> bool {
        self.program.tests.iter().any(|test| test.function == id)
    }

    /// Without a closure object.
    fn signature(&mut self, params: &[TypeId], result: TypeId) -> Signature {
        let mut signature = Signature::default();
        match self.leaves(result) {
            Some(leaves) => signature.results.extend(leaves.iter().map(|leaf| leaf.ty())),
            None => signature.params.push(WasmType::I32),
        }
        for param in params {
            match self.leaves(*param) {
                Some(leaves) => signature.params.extend(leaves.iter().map(|leaf| leaf.ty())),
                None => signature.params.push(WasmType::I32),
            }
        }
        signature
    }

    /// A function of the prelude.
    fn prelude(&mut self, name: &str) -> FuncId {
        let id = self.program.prelude.get(name);
        let id = *id.unwrap_or_else(|| panic!("the prelude has no function `{name}`"));
        self.func(FuncKey::Function(id))
    }

    /// What an instruction that counts calls.
    fn need_counting(&mut self, op: &Op) {
        if self.module.counting.function(op).is_some() {
            return;
        }
        let name = match op {
            Op::Retain(Counted::Object) => "retain",
            Op::Retain(Counted::Buffer) => "retainBuffer",
            Op::Release(Counted::Object) => "release",
            Op::Release(Counted::Buffer) => "releaseBuffer",
            _ => "pinBuffer",
        };
        let func = Some(self.prelude(name));
        let counting = &mut self.module.counting;
        match op {
            Op::Retain(Counted::Object) => counting.retain = func,
            Op::Retain(Counted::Buffer) => counting.retain_buffer = func,
            Op::Release(Counted::Object) => counting.release = func,
            Op::Release(Counted::Buffer) => counting.release_buffer = func,
            _ => {
                counting.pin_buffer = func;
                self.module.borrowers = BORROWERS.iter().map(|name| self.prelude(name)).collect();
            }
        }
    }

    /// Of the prelude's functions that were lowered: who gives up references, who does not, and who
    /// stays a function.
    fn note_givers(&mut self) {
        for (name, id) in &self.program.prelude {
            let Some(func) = self.funcs.get(&FuncKey::Function(*id)).copied() else { continue };
            if OUTLINED.contains(&name.as_str()) {
                self.module.outlined.push(func);
            }
            if GIVERS.contains(&name.as_str()) {
                self.module.counting.givers.push(func);
            }
            if self.program.functions[id.0 as usize].result == TypeId::NO_RETURN {
                self.module.counting.failing.push(func);
            }
        }
    }

    /// The function's index in the table.
    fn table_index(&mut self, func: FuncId) -> u32 {
        if let Some(index) = self.table.get(&func) {
            return *index;
        }
        self.module.table.push(func);
        let index = self.module.table.len() as u32;
        self.table.insert(func, index);
        index
    }

    /// The record that the metadata of objects refers to: their destructor, and what releases their
    /// parts. 0 if there is neither.
    fn type_record(&mut self, destructor: Option<FuncId>, release: Option<FuncId>) -> u32 {
        let key = [destructor, release];
        if let Some(address) = self.type_records.get(&key) {
            return *address;
        }
        if key == [None, None] {
            return 0;
        }
        let mut record = [0; 16];
        for (func, word) in key.into_iter().zip([8, 12]) {
            let index = func.map_or(0, |func| self.table_index(func));
            record[word..word + 4].copy_from_slice(&index.to_le_bytes());
        }
        let address = self.place(&record, 8);
        self.type_records.insert(key, address);
        address
    }

    /// Static bytes; 0 when there is no space left, which is reported in the end.
    fn place(&mut self, bytes: &[u8], align: u32) -> u32 {
        let placed = self.statics.place(bytes, align);
        placed.unwrap_or_else(|_| self.too_large())
    }

    fn too_large(&mut self) -> u32 {
        self.is_too_large = true;
        0
    }

    fn string(&mut self, id: StringId) -> (u32, u64) {
        let bytes = &self.program.strings[id.0 as usize];
        let placed = self.statics.string(bytes);
        (placed.unwrap_or_else(|_| self.too_large()), bytes.len() as u64)
    }

    fn bytes(&mut self, bytes: &[u8]) -> (u32, u64) {
        let placed = self.statics.string(bytes);
        (placed.unwrap_or_else(|_| self.too_large()), bytes.len() as u64)
    }

    /// The record of a place in the source, as the prelude's `panic` takes it.
    fn place_record(&mut self, span: Span) -> u32 {
        let (name, line) = self.sources.line_of(span);
        let key = (span.file.0, line);
        if let Some(address) = self.places.get(&key) {
            return *address;
        }
        let text = format!("{name}:{line}");
        let mut record = (text.len() as u64).to_le_bytes().to_vec();
        record.extend(text.bytes());
        let address = self.place(&record, 8);
        self.places.insert(key, address);
        address
    }

    /// The static closure object of a function without captures.
    fn static_closure(&mut self, id: FunctionId) -> u32 {
        if let Some(address) = self.closures.get(&id) {
            return *address;
        }
        let thunk = self.func(FuncKey::Thunk(id));
        let index = self.table_index(thunk);
        // A header as every object has it, with a count that never changes, then the table index.
        let mut object = [0; 24];
        object[0..4].copy_from_slice(&32u32.to_le_bytes());
        object[8..16].copy_from_slice(&i64::MAX.to_le_bytes());
        object[16..20].copy_from_slice(&index.to_le_bytes());
        let address = self.place(&object, 16) + 16;
        self.closures.insert(id, address);
        self.module.closures.insert(address, thunk);
        address
    }

    /// Parameters and result of a function type.
    fn function_type(&self, ty: TypeId) -> (Vec<TypeId>, TypeId) {
        match self.program.types.get(ty) {
            Type::Function { params, result } => (params.clone(), *result),
            _ => unreachable!("only values of function type are called"),
        }
    }
}
