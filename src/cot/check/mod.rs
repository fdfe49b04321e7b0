//! Trees to a checked program: looks up names, infers types, makes conversions explicit, folds
//! constants, instantiates generics (sections 5 to 21).
//!
//! Goes on after an error: what is wrong has the type [`TypeId::ERRONEOUS`], about which nothing
//! more is reported. Types come first, then signatures, then bodies, each when it is needed;
//! generic functions once per list of arguments.
//!
//! `model` to `output` are data, reached through methods of their own; `const_value` and `compute`
//! are what is known at compile time, and know nothing of the program. The modules after them are
//! rules: methods of `Checker`. The modules import only from those above them.

#![allow(clippy::result_large_err, reason = "a value that can't be converted is returned unchanged to the caller")]

mod suggest;

mod model;

pub mod notes;

pub mod builtins;

mod declarations;

mod named_types;

mod instances;

mod reports;

mod output;

mod const_value;

mod compute;

mod convert;

mod body;

mod arithmetic;

mod assertion;

mod block;

mod builtin;

mod atomic;

mod call;

mod operator;

mod comptime;

mod constant;

mod declare;

pub mod explore;

mod offer;

mod expression;

mod faulty;

mod function;

mod instance;

mod iterate;

mod labelled;

mod literal;

mod member;

mod method;

mod name;

mod reflect;

mod statement;

mod switch;

mod traits;

mod types;

mod variable;

use std::collections::HashMap;
use std::rc::Rc;

use crate::cot::check::body::Body;
use crate::cot::check::declarations::Declarations;
use crate::cot::check::instances::Instances;
use crate::cot::check::named_types::NamedTypes;
use crate::cot::check::notes::Notes;
use crate::cot::check::output::{Output, Whole};
use crate::cot::check::reports::Reports;
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::load::Loaded;
use crate::cot::source::Span;
use crate::cot::typed::{CheckedProgram, Function, FunctionId};
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
pub fn check(loaded: &Loaded, options: &CheckOptions) -> Result<CheckedProgram, Vec<Diagnostic>> {
    let mut checker = Checker::new(loaded, options);
    checker.declare();
    if !checker.skip_faulty_bodies() {
        return Err(loaded.diagnostics.clone());
    }
    checker.check_declarations();
    checker.check_queue();
    let mut faults = loaded.diagnostics.clone();
    match checker.finish() {
        Ok(program) if faults.is_empty() => return Ok(program),
        Ok(_) => {}
        Err(others) => faults.extend(others),
    }
    faults.sort_by_key(|it| (it.span.file, it.span.start));
    Err(faults)
}

/// How many instances may lie within each other, of functions and of types.
const MAX_INSTANCE_DEPTH: u32 = 64;

struct Checker<'a> {
    loaded: &'a Loaded,
    options: &'a CheckOptions,
    reports: Reports,
    notes: Notes,
    types: Types,
    declared: Declarations<'a>,
    named: NamedTypes,
    /// Types of what `@typeInfo` tells, by name and last field.
    informations: HashMap<(String, TypeId), TypeId>,
    instances: Instances<'a>,
    /// Functions that blocks of `comptime` have called.
    runnable: HashMap<FunctionId, Rc<Function>>,
    /// Bodies with syntax errors, which are not checked.
    faulty_bodies: Vec<Span>,
    /// Of what is being checked.
    instance_depth: u32,
    gave_up_instances: bool,
    /// How many default values of fields are being checked within each other.
    default_depth: u32,
    bodies: Vec<Body>,
    /// Types whose destructors have not been looked for.
    wanted_destructors: Vec<TypeId>,
    output: Output,
}

impl<'a> Checker<'a> {
    fn new(loaded: &'a Loaded, options: &'a CheckOptions) -> Checker<'a> {
        Checker {
            loaded,
            options,
            reports: Reports::default(),
            notes: Notes::default(),
            types: Types::default(),
            declared: Declarations::default(),
            named: NamedTypes::default(),
            informations: HashMap::new(),
            instances: Instances::default(),
            runnable: HashMap::new(),
            faulty_bodies: Vec::new(),
            instance_depth: 0,
            gave_up_instances: false,
            default_depth: 0,
            bodies: Vec::new(),
            wanted_destructors: Vec::new(),
            output: Output::default(),
        }
    }

    fn report(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.push_diagnostic(Diagnostic::new(code, span, message));
    }

    /// The same error at the same place is said once: instances of a generic repeat it. Who looks
    /// at names has been told before.
    fn push_diagnostic(&mut self, diagnostic: Diagnostic) {
        if !self.notes.is_on() && self.reports.is_new(&diagnostic) {
            let diagnostic = self.with_origin(diagnostic);
            self.reports.push(diagnostic);
        }
    }

    /// Says which instances an error is in, and where they are needed.
    fn with_origin(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        const MOST_SHOWN: usize = 3;
        let mut within = self.open_function();
        for _ in 0..MOST_SHOWN {
            let Some((function, origin)) = within.and_then(|it| Some((it, self.instances.origin(it)?))) else {
                break;
            };
            let name = &self.output[function].name;
            diagnostic = diagnostic.note_at(origin.span, format!("in '{name}', which is needed here"));
            within = origin.function;
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

    fn is_safe(&self, file: usize) -> bool {
        self.loaded.files[file].tree.is_safe
    }

    /// The program, if nothing is wrong.
    fn finish(mut self) -> Result<CheckedProgram, Vec<Diagnostic>> {
        let main = self.find_main();
        let initializer = self.make_initializer();
        let prelude = self.prelude_functions();
        let whole = Whole { types: self.types, initializer, main, prelude };
        self.reports.result(|| self.output.into_program(whole))
    }
}
