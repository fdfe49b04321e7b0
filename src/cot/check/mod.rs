//! Trees to a checked program: looks up names, infers types, makes conversions explicit, folds
//! constants, instantiates generics (sections 5 to 21).
//!
//! Goes on after an error: what is wrong has the type [`TypeId::ERRONEOUS`], about which nothing
//! more is said. Types come first, then signatures, then bodies, each when it is needed; generic
//! functions once per list of arguments.

#![allow(clippy::result_large_err, reason = "a value that can't be converted goes back to who asked, whole")]

mod arithmetic;

mod assertion;

mod atomic;

mod block;

mod body;

mod builtin;

mod call;

mod comptime;

mod compute;

mod constant;

mod convert;

mod declare;

mod expression;

mod function;

mod instance;

mod iterate;

mod literal;

mod member;

mod method;

mod name;

mod operator;

mod reflect;

mod statement;

mod suggest;

mod switch;

mod traits;

mod types;

mod variable;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::rc::Rc;

use crate::cot::check::body::Body;
use crate::cot::check::declare::{FunctionDecl, FunctionDeclId, Item, ItemId, Owner, VariableDecl, VariableId};
use crate::cot::check::instance::{ExternBinding, Signature};
use crate::cot::check::name::Visible;
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::load::Loaded;
use crate::cot::source::Span;
use crate::cot::typed::{Extern, Function, FunctionId, Global, Program, StringId, Test};
use crate::cot::types::{TypeId, Types};

/// What a program is checked for.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// `@targetOs()`
    pub target_os: String,
    /// `@targetArch()`
    pub target_arch: String,
    pub build: Build,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// `main`; tests and benches are left out.
    Program,
    Tests,
    Benches,
    /// Everything is checked; the result has `main`, tests and benches.
    Check,
}

/// The checked program, or all that is wrong with it (what loading found included).
pub fn check(loaded: &Loaded, options: &CheckOptions) -> Result<Program, Vec<Diagnostic>> {
    // A tree with holes would be complained about twice.
    if !loaded.diagnostics.is_empty() {
        return Err(loaded.diagnostics.clone());
    }
    let mut checker = Checker::new(loaded, options);
    checker.declare();
    checker.check_declarations();
    checker.check_queue();
    checker.finish()
}

/// How many instances may lie within each other, of functions and of types.
const MAX_INSTANCE_DEPTH: u32 = 64;

struct Checker<'a> {
    loaded: &'a Loaded,
    options: &'a CheckOptions,
    diagnostics: Vec<Diagnostic>,
    reported: HashSet<(Span, Code)>,
    types: Types,

    items: Vec<Item<'a>>,
    /// Per file, by name.
    visible: Vec<HashMap<Rc<str>, Visible>>,
    function_decls: Vec<FunctionDecl<'a>>,
    variable_decls: Vec<VariableDecl<'a>>,
    methods: HashMap<(Owner, Rc<str>), FunctionDeclId>,
    constants: HashMap<(Owner, Rc<str>), VariableId>,
    nested: HashMap<(ItemId, Rc<str>), ItemId>,
    trait_impls: HashSet<(ItemId, Owner)>,

    /// Types of structs with their arguments, and of other items.
    type_instances: HashMap<(ItemId, Vec<TypeId>), TypeId>,
    /// The way back.
    type_items: HashMap<TypeId, (ItemId, Vec<TypeId>)>,
    /// Types of items that are being resolved.
    open_types: Vec<ItemId>,
    /// Structs whose fields are not known yet.
    incomplete: HashSet<TypeId>,
    /// Types that may contain themselves, with the places of their names.
    unproven: Vec<(TypeId, Span)>,
    /// Types that are known to have a finite size.
    finite: HashSet<TypeId>,

    instances: HashMap<(FunctionDeclId, Vec<TypeId>), FunctionId>,
    /// Of functions, at the same index.
    signatures: Vec<Rc<Signature<'a>>>,
    extern_bindings: HashMap<FunctionDeclId, ExternBinding<'a>>,
    /// Types of what `@typeInfo` tells, by name and last field.
    informations: HashMap<(String, TypeId), TypeId>,
    /// Functions whose bodies are still to be checked.
    queue: VecDeque<(FunctionId, FunctionDeclId)>,
    /// Of what is being checked.
    instance_depth: u32,
    gave_up_instances: bool,
    /// How many default values of fields are being checked within each other.
    default_depth: u32,
    /// Depth of a function instance.
    depths: HashMap<FunctionId, u32>,
    /// Of instances: the function that needed them first, if it was one, and where.
    origins: HashMap<FunctionId, (Option<FunctionId>, Span)>,
    bodies: Vec<Body<'a>>,
    /// Functions around an extern function, made to have it as a value.
    extern_values: HashMap<FunctionDeclId, FunctionId>,

    functions: Vec<Function>,
    globals: Vec<Global>,
    externs: Vec<Extern>,
    strings: Vec<Vec<u8>>,
    string_ids: HashMap<Rc<[u8]>, StringId>,
    destructors: BTreeMap<TypeId, FunctionId>,
    /// Types whose destructors have not been looked for.
    wanted_destructors: Vec<TypeId>,
    tests: Vec<Test>,
    benches: Vec<Test>,
}

impl<'a> Checker<'a> {
    fn new(loaded: &'a Loaded, options: &'a CheckOptions) -> Checker<'a> {
        Checker {
            loaded,
            options,
            diagnostics: Vec::new(),
            reported: HashSet::new(),
            types: Types::default(),
            items: Vec::new(),
            visible: Vec::new(),
            function_decls: Vec::new(),
            variable_decls: Vec::new(),
            methods: HashMap::new(),
            constants: HashMap::new(),
            nested: HashMap::new(),
            trait_impls: HashSet::new(),
            type_instances: HashMap::new(),
            type_items: HashMap::new(),
            open_types: Vec::new(),
            incomplete: HashSet::new(),
            unproven: Vec::new(),
            finite: HashSet::new(),
            instances: HashMap::new(),
            signatures: Vec::new(),
            extern_bindings: HashMap::new(),
            informations: HashMap::new(),
            queue: VecDeque::new(),
            instance_depth: 0,
            gave_up_instances: false,
            default_depth: 0,
            depths: HashMap::new(),
            origins: HashMap::new(),
            bodies: Vec::new(),
            extern_values: HashMap::new(),
            functions: Vec::new(),
            globals: Vec::new(),
            externs: Vec::new(),
            strings: Vec::new(),
            string_ids: HashMap::new(),
            destructors: BTreeMap::new(),
            wanted_destructors: Vec::new(),
            tests: Vec::new(),
            benches: Vec::new(),
        }
    }

    fn report(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.push_diagnostic(Diagnostic::new(code, span, message));
    }

    /// The same error at the same place is said once: instances of a generic repeat it.
    fn push_diagnostic(&mut self, diagnostic: Diagnostic) {
        if self.reported.insert((diagnostic.span, diagnostic.code)) {
            let diagnostic = self.with_origin(diagnostic);
            self.diagnostics.push(diagnostic);
        }
    }

    /// Says which instances an error is in, and where they are needed.
    fn with_origin(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        const MOST_SHOWN: usize = 3;
        let mut within = self.open_function();
        for _ in 0..MOST_SHOWN {
            let Some((function, (from, span))) = within.and_then(|it| Some((it, self.origins.get(&it)?))) else {
                break;
            };
            let name = &self.functions[function.0 as usize].name;
            diagnostic = diagnostic.note_at(*span, format!("in '{name}', which is needed here"));
            within = *from;
        }
        diagnostic
    }

    /// The function whose body is being checked.
    fn open_function(&self) -> Option<FunctionId> {
        self.bodies.iter().rev().find(|body| !body.is_closure).map(|body| body.function)
    }

    fn type_error(&mut self, span: Span, message: impl Into<String>) {
        self.report(Code::Type, span, message);
    }

    fn string(&mut self, bytes: &Rc<[u8]>) -> StringId {
        if let Some(id) = self.string_ids.get(bytes) {
            return *id;
        }
        let id = StringId(self.strings.len() as u32);
        self.strings.push(bytes.to_vec());
        self.string_ids.insert(bytes.clone(), id);
        id
    }

    fn is_safe(&self, file: usize) -> bool {
        self.loaded.files[file].tree.is_safe
    }

    /// The program, if nothing is wrong.
    fn finish(mut self) -> Result<Program, Vec<Diagnostic>> {
        let main = self.find_main();
        let initializer = self.make_initializer();
        let prelude = self.prelude_functions();
        if !self.diagnostics.is_empty() {
            return Err(self.diagnostics);
        }
        Ok(Program {
            types: self.types,
            functions: self.functions,
            globals: self.globals,
            externs: self.externs,
            strings: self.strings,
            initializer,
            main,
            tests: self.tests,
            benches: self.benches,
            destructors: self.destructors,
            prelude,
        })
    }
}
