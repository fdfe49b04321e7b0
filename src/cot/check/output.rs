//! The parts of the checked program that are finished so far.

use std::collections::{BTreeMap, HashMap};
use std::ops::{Index, IndexMut};
use std::rc::Rc;

use crate::cot::source::Span;
use crate::cot::typed::{CheckedProgram, Extern, ExternId, Function, FunctionId, Global, GlobalId, StringId, Test};
use crate::cot::types::{TypeId, Types};

#[derive(Default)]
pub(super) struct Output {
    functions: Vec<Function>,
    globals: Vec<Global>,
    externs: Vec<Extern>,
    shares_descriptors: bool,
    strings: Vec<Rc<[u8]>>,
    string_ids: HashMap<Rc<[u8]>, StringId>,
    destructors: BTreeMap<TypeId, FunctionId>,
    tests: Vec<Test>,
    benches: Vec<Test>,
}

/// What belongs to a program as a whole.
pub(super) struct Whole {
    pub types: Types,
    pub initializer: Option<FunctionId>,
    pub main: Option<FunctionId>,
    pub prelude: BTreeMap<String, FunctionId>,
}

impl Output {
    pub fn add_function(&mut self, function: Function) -> FunctionId {
        self.functions.push(function);
        FunctionId(self.functions.len() as u32 - 1)
    }

    /// The function that is exported under a name.
    pub fn exported(&self, name: &str) -> Option<Span> {
        self.functions.iter().find(|it| it.export.as_deref() == Some(name)).map(|it| it.span)
    }

    pub fn add_global(&mut self, global: Global) -> GlobalId {
        self.globals.push(global);
        GlobalId(self.globals.len() as u32 - 1)
    }

    pub fn extern_named(&self, name: &str, of_prelude: bool) -> Option<(ExternId, &Extern)> {
        let index = self.externs.iter().position(|it| *it.name == *name && it.of_prelude == of_prelude)?;
        Some((ExternId(index as u32), &self.externs[index]))
    }

    /// Notes that descriptors come from `pipe` and its like.
    pub fn share_descriptors(&mut self) {
        self.shares_descriptors = true;
    }

    pub fn add_extern(&mut self, it: Extern) -> ExternId {
        self.externs.push(it);
        ExternId(self.externs.len() as u32 - 1)
    }

    /// The number of a text; equal texts have one.
    pub fn string(&mut self, bytes: &Rc<[u8]>) -> StringId {
        if let Some(id) = self.string_ids.get(bytes) {
            return *id;
        }
        let id = StringId(self.strings.len() as u32);
        self.strings.push(bytes.clone());
        self.string_ids.insert(bytes.clone(), id);
        id
    }

    pub fn destructor(&self, ty: TypeId) -> Option<FunctionId> {
        self.destructors.get(&ty).copied()
    }

    pub fn set_destructor(&mut self, ty: TypeId, function: FunctionId) {
        self.destructors.insert(ty, function);
    }

    pub fn add_test(&mut self, test: Test) {
        self.tests.push(test);
    }

    pub fn add_bench(&mut self, bench: Test) {
        self.benches.push(bench);
    }

    pub fn into_program(self, whole: Whole) -> CheckedProgram {
        CheckedProgram {
            types: whole.types,
            functions: self.functions,
            globals: self.globals,
            shares_descriptors: self.shares_descriptors || self.externs.iter().any(|it| !it.of_prelude),
            externs: self.externs,
            strings: self.strings.iter().map(|text| text.to_vec()).collect(),
            initializer: whole.initializer,
            main: whole.main,
            tests: self.tests,
            benches: self.benches,
            destructors: self.destructors,
            prelude: whole.prelude,
        }
    }
}

impl Index<FunctionId> for Output {
    type Output = Function;

    fn index(&self, id: FunctionId) -> &Function {
        &self.functions[id.0 as usize]
    }
}

impl IndexMut<FunctionId> for Output {
    fn index_mut(&mut self, id: FunctionId) -> &mut Function {
        &mut self.functions[id.0 as usize]
    }
}

impl Index<GlobalId> for Output {
    type Output = Global;

    fn index(&self, id: GlobalId) -> &Global {
        &self.globals[id.0 as usize]
    }
}

impl Index<StringId> for Output {
    type Output = Rc<[u8]>;

    fn index(&self, id: StringId) -> &Rc<[u8]> {
        &self.strings[id.0 as usize]
    }
}
