//! The sweep over all functions, in parallel: validate, translate, compile. A function's CLIF lives
//! only while it is in work.
//!
//! Requires `Module`, `Facts`, `Layout`; leaves `Code` with the functions in the order of [`jobs`],
//! whatever the number of threads.

use super::dump::Dump;
use super::function;
use super::target::Isa;
use crate::code::{Code, CompiledFunction};
use crate::codegen::stub;
use crate::foreign::CallbackIndex;
use crate::layout::Symbol;
use crate::progress::Observer;
use crate::stdio;
use crate::translate::{self, Env, State};
use crate::wasm::FuncIndex;
use crate::wasm::describe::describe_type;
use anyhow::{Context as _, Result};
use cranelift_codegen::Context;
use rayon::prelude::*;
use std::path::Path;

/// One function to make.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// A body that nothing reaches: validated, no code.
    Validate(FuncIndex),
    Translate(Symbol),
    /// [`Symbol::Variadic`].
    Stub(FuncIndex),
}

/// What all functions are compiled with.
pub struct Sweep<'a> {
    pub env: Env<'a>,
    pub isa: &'a Isa,
    /// Folder for every stage's result.
    pub dump: Option<&'a Path>,
}

/// Compiles all jobs.
///
/// # Errors
/// The first job's that fails, in the order of the jobs: the same on every run.
pub fn compile(sweep: &Sweep, jobs: &[Job], observer: &dyn Observer) -> Result<Code> {
    let results: Vec<Result<Option<CompiledFunction>>> = jobs
        .par_iter()
        .enumerate()
        .map_init(Worker::default, |worker, (number, job)| {
            let result = worker.run(sweep, number, *job);
            observer.advance(1);
            result
        })
        .collect();
    let functions = results.into_iter().filter_map(Result::transpose).collect::<Result<_>>()?;
    let isa = sweep.isa;
    Ok(Code {
        triple: isa.usual.triple().clone(),
        compressed: isa.has("has_zca"),
        functions,
        frame_common: isa.usual.create_systemv_cie(),
    })
}

/// Translates all jobs and prints their CLIF instead of compiling it.
///
/// # Errors
/// As [`compile`].
pub fn print_clif(sweep: &Sweep, jobs: &[Job]) -> Result<String> {
    let Sweep { env, isa, .. } = sweep;
    let mut worker = Worker::default();
    let mut text = String::new();
    for job in jobs {
        if let Some(symbol) = worker.translate(env, *job)? {
            worker.context.verify_if(&*isa.usual).with_context(|| describe(env, symbol))?;
            text.push_str(&format!("; {}\n{}\n", describe(env, symbol), worker.context.func.display()));
        }
    }
    Ok(text)
}

/// Compiles all jobs and prints Cranelift's listing of the machine code.
///
/// # Errors
/// As [`compile`].
pub fn print_listing(sweep: &Sweep, jobs: &[Job]) -> Result<String> {
    let mut worker = Worker::default();
    let mut text = String::new();
    for job in jobs {
        if let Some(symbol) = worker.translate(&sweep.env, *job)? {
            worker.context.set_disasm(true);
            let title = describe(&sweep.env, symbol);
            let compiled = function::compile_with_vcode(sweep.isa, &mut worker.context);
            let (code, listing) = compiled.with_context(|| title.clone())?;
            text.push_str(&format!("# {title}, {} bytes\n{listing}\n", code.bytes.len()));
        }
    }
    Ok(text)
}

/// What a thread reuses from one function to the next.
struct Worker {
    context: Context,
    state: State,
}

impl Default for Worker {
    fn default() -> Self {
        Worker { context: Context::new(), state: State::default() }
    }
}

impl Worker {
    fn run(&mut self, sweep: &Sweep, number: usize, job: Job) -> Result<Option<CompiledFunction>> {
        let env = &sweep.env;
        let _in_work = InWork { env, job };
        if let Job::Stub(func) = job {
            return Ok(Some(stub::variadic(env, func)));
        }
        let Some(symbol) = self.translate(env, job)? else {
            return Ok(None);
        };
        let compile = |context: &mut Context| {
            let Some(folder) = sweep.dump else {
                return function::compile(sweep.isa, context);
            };
            let title = describe(env, symbol);
            let dump = Dump::new(folder, number, title, file_name(env, symbol))?;
            dump.write("1-clif", &context.func.display().to_string())?;
            context.set_disasm(true);
            let (code, vcode) = function::compile_with_vcode(sweep.isa, context)?;
            dump.write("2-optimized", &context.func.display().to_string())?;
            dump.write("3-vcode", &vcode)?;
            Ok(code)
        };
        Ok(Some(compile(&mut self.context).with_context(|| describe(env, symbol))?))
    }

    /// Leaves the CLIF in `self.context.func`.
    fn translate(&mut self, env: &Env, job: Job) -> Result<Option<Symbol>> {
        self.context.clear();
        let symbol = match job {
            Job::Validate(func) => {
                translate::validate_function(env, func, &mut self.state)?;
                return Ok(None);
            }
            Job::Stub(_) => return Ok(None),
            Job::Translate(symbol) => symbol,
        };
        if let Symbol::Function(func) | Symbol::Export(func) | Symbol::ArrayEntry(func) = symbol {
            let ty = env.module.function_type(func);
            let types = [ty.params(), ty.results()].concat();
            translate::check_vectors(env, &types).with_context(|| describe(env, symbol))?;
        }
        let out = &mut self.context.func;
        match symbol {
            Symbol::Function(func) if env.module.functions[func].definition.import().is_some() => {
                translate::translate_import_thunk(env, func, out);
            }
            Symbol::Function(func) => translate::translate_function(env, func, &mut self.state, out)?,
            Symbol::Export(func) => translate::translate_export(env, func, out),
            Symbol::ArrayEntry(func) => translate::translate_array_entry(env, func, out),
            Symbol::Callback(_) | Symbol::CallbackSlot(..) => translate::translate_callback(env, symbol, out),
            Symbol::Main | Symbol::LibraryInit | Symbol::MemoryBase(_) | Symbol::MemorySize(_) => {
                translate::translate_entry(env, symbol, out);
            }
            Symbol::Initialize if !translate::translate_initialize(env, out) => return Ok(None),
            Symbol::Initialize => {}
            other => panic!("{other:?} is no function to make"),
        }
        Ok(Some(symbol))
    }
}

/// Says which function was in work when a panic ends the work, after what the panic says.
struct InWork<'a> {
    env: &'a Env<'a>,
    job: Job,
}

impl Drop for InWork<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let function = match self.job {
                Job::Translate(symbol) => describe(self.env, symbol),
                Job::Validate(func) | Job::Stub(func) => self.env.module.describe(func),
            };
            stdio::message(format!("note: in {function}\n"));
        }
    }
}

fn file_name<'a>(env: &Env<'a>, symbol: Symbol) -> &'a str {
    match symbol {
        Symbol::Function(func) => env.module.names.function(func).unwrap_or("function"),
        Symbol::Export(_) => "export",
        Symbol::ArrayEntry(_) => "entry",
        Symbol::Callback(_) => "callback",
        Symbol::CallbackSlot(..) => "slot",
        Symbol::Main => "main",
        Symbol::LibraryInit => "init",
        Symbol::MemoryBase(_) => "memory_base",
        Symbol::MemorySize(_) => "memory_size",
        _ => "initialize",
    }
}

fn describe_callback(env: &Env, callback: CallbackIndex) -> String {
    let ty = env.foreign.callbacks[callback].ty;
    format!("functions of type {}", describe_type(&env.module.types[ty]))
}

/// How messages and dumps call a function.
pub fn describe(env: &Env, symbol: Symbol) -> String {
    match symbol {
        Symbol::Function(func) => env.module.describe(func),
        Symbol::Export(func) => format!("export of {}", env.module.describe(func)),
        Symbol::ArrayEntry(func) => format!("entry to {}", env.module.describe(func)),
        Symbol::Initialize => "initialization of the module".to_owned(),
        Symbol::Variadic(func) => format!("variable arguments for {}", env.module.describe(func)),
        Symbol::Callback(callback) => format!("function pointers to {}", describe_callback(env, callback)),
        Symbol::CallbackSlot(callback, slot) => {
            format!("function pointer {slot} to {}", describe_callback(env, callback))
        }
        Symbol::Main => "main".to_owned(),
        Symbol::LibraryInit => "initialization of the library".to_owned(),
        Symbol::MemoryBase(memory) => format!("base of memory {}", memory.as_u32()),
        Symbol::MemorySize(memory) => format!("size of memory {}", memory.as_u32()),
        other => panic!("{other:?} is no function"),
    }
}
