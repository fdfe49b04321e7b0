//! The sweep over all functions, in parallel: validate, translate, compile. A function's CLIF lives
//! only while the function is compiled.
//!
//! Comes in: a [`Unit`] and its jobs. Goes out: [`Code`] with the functions in the order of the
//! jobs, whatever the number of threads.

use super::cache::{Cache, Shard};
use super::cranelift::compiler::{Compiler, Listed, Wants};
use super::cranelift::isa::Isa;
use super::dump::Dump;
use super::inline::Inliner;
use super::inline::plan::Plan;
use super::llvm::clang::Clang;
use super::llvm::{self, Definition};
use super::{Generator, Job, Show, globals, inline, loops, order, placement, stub};
use crate::code::{Code, CompiledFunction};
use crate::layout::{Bounds, Symbol};
use crate::options::OptLevel;
use crate::progress::Observer;
use crate::stdio;
use crate::translate::locals::{Locals, Notes};
use crate::translate::{self, Env, State};
use crate::unit::Unit;
use crate::wasm::operators::Operators;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Instant;

/// What all functions are compiled with.
pub struct Sweep<'a> {
    unit: &'a Unit<'a>,
    env: Env<'a>,
    isa: &'a Isa,
    /// Where LLVM makes the code.
    clang: Option<&'a Clang>,
    level: OptLevel,
    /// Which functions Cranelift copies; LLVM knows by itself.
    plan: Option<Plan>,
    generator: &'a Generator,
    exact_traps: bool,
    dump: Option<PathBuf>,
    /// Where functions may be that were compiled before.
    cache: Option<&'a Cache>,
    /// The operators of the module, once a dump asked for them.
    operators: OnceLock<Operators>,
}

impl<'a> Sweep<'a> {
    pub fn new(generator: &'a Generator, unit: &'a Unit<'a>) -> Sweep<'a> {
        let inlines = generator.inlines && generator.clang.is_none();
        Sweep {
            unit,
            env: generator.env(unit),
            isa: &generator.isa,
            clang: generator.clang.as_ref(),
            level: generator.level,
            plan: inlines.then(|| Plan::new(unit, generator.level)).flatten(),
            generator,
            exact_traps: generator.exact_traps,
            dump: generator.dump.as_deref().map(|folder| unit.dump_folder(folder)),
            // A dump shows how each function is made. Code that counts is for a single build.
            cache: generator.cache.as_ref().filter(|_| generator.dump.is_none() && !generator.counts),
            operators: OnceLock::new(),
        }
    }

    fn operators(&self) -> &Operators {
        self.operators.get_or_init(|| Operators::read(&self.unit.source.wasm))
    }

    fn wants<'n>(&self, notes: Option<&'n Notes>) -> Wants<'n> {
        let mut memories = self.unit.layout.memories.values();
        Wants { notes, compares: memories.any(|memory| memory.bounds != Bounds::Guarded) }
    }

    /// See [`Generator::compile`].
    pub fn compile(&self, jobs: &[Job], observer: &dyn Observer) -> Result<Code> {
        let (functions, convention) = match self.clang {
            None => (self.compile_by_cranelift(jobs, observer)?, "cranelift"),
            Some(clang) => self.compile_by_llvm(clang, jobs, observer)?,
        };
        let functions = match self.level {
            OptLevel::None => functions,
            _ => placement::arrange(functions, self.unit.profiling.counts()),
        };
        Ok(Code {
            triple: self.isa.triple().clone(),
            compressed: self.isa.has("has_zca"),
            functions,
            convention,
            frame_conventions: self.isa.frame_conventions(),
            requirements: self.generator.allowed()?.requirements.clone(),
            compiler: self.clang.map(|clang| clang.version.clone()),
        })
    }

    /// What `make` makes of each job, where it makes something; in the order of the jobs, as is the
    /// error.
    fn each<T: Send>(
        &self,
        jobs: &[Job],
        make: impl Fn(&mut Worker, usize, Job) -> Result<Option<T>> + Sync,
    ) -> Result<Vec<T>> {
        order::each(self.unit.module, jobs, make).into_iter().filter_map(Result::transpose).collect()
    }

    fn compile_by_cranelift(&self, jobs: &[Job], observer: &dyn Observer) -> Result<Vec<CompiledFunction>> {
        let shard = self.cache.map(|cache| cache.open(self.unit, self.isa, &self.env));
        let functions = self.each(jobs, |worker, number, job| {
            let start = observer.wants_functions().then(Instant::now);
            let result = match &shard {
                None => worker.run(self, number, job),
                Some(shard) => worker.find_or_run(self, shard, number, job),
            };
            if let Some(start) = start {
                observer.compiled(job.describe(self.unit), start.elapsed());
            }
            observer.advance(1);
            result
        });
        if let Some(shard) = shard {
            shard.close(observer);
        }
        functions
    }

    /// The functions by LLVM, and those that no generator makes; and their convention.
    fn compile_by_llvm(
        &self,
        clang: &Clang,
        jobs: &[Job],
        observer: &dyn Observer,
    ) -> Result<(Vec<CompiledFunction>, &'static str)> {
        let definitions = self.definitions(jobs, observer)?;
        let describe = |symbol| self.unit.describe(symbol);
        let target = llvm::Target { flags: &self.generator.allowed()?.flags, ..self.target()? };
        let mut functions = llvm::compile(clang, &definitions, &target, self.level, &describe)?;
        functions.extend(self.each(jobs, |_, _, job| match job {
            Job::Stub(func) => Ok(Some(stub::variadic(&self.env, func))),
            _ => Ok(None),
        })?);
        Ok((functions, llvm::convention(&definitions, &target)))
    }

    /// The definitions of all functions for LLVM, with the numbers of their jobs.
    fn definitions(&self, jobs: &[Job], observer: &dyn Observer) -> Result<Vec<(usize, Definition)>> {
        let target = self.target()?;
        self.each(jobs, |worker, number, job| {
            let _in_work = InWork { unit: self.unit, job };
            let symbol = worker.translate(self, job)?;
            observer.advance(1);
            let Some(symbol) = symbol else { return Ok(None) };
            let passes = worker.state.passes();
            let definition = llvm::define(worker.compiler.function(), number, &target, passes);
            Ok(Some((number, definition.with_context(|| self.unit.describe(symbol))?)))
        })
    }

    /// See [`Generator::print_llvm`].
    pub fn print_llvm(&self, jobs: &[Job], observer: &dyn Observer) -> Result<String> {
        let definitions = self.definitions(jobs, observer)?;
        Ok(llvm::print(&definitions, &self.target()?).join("\n"))
    }

    fn target(&self) -> Result<llvm::Target<'_>> {
        Ok(llvm::Target {
            processor: llvm::processor(self.isa.triple())?,
            triple: self.isa.triple().to_string(),
            flags: &self.generator.flags,
            is_linked: self.unit.linkage.is_linked(),
            is_shared: self.unit.module.memories.values().any(|memory| memory.ty.shared),
            exact_traps: self.exact_traps,
            counts: self.unit.profiling.counts(),
            debug: self.env.locals != Locals::Off,
        })
    }

    /// See [`Generator::print_clif`].
    pub fn print_clif(&self, jobs: &[Job]) -> Result<String> {
        let mut worker = Worker::default();
        let mut text = String::new();
        for job in jobs {
            if let Some(symbol) = worker.translate(self, *job)? {
                worker.compiler.verify(self.isa).with_context(|| self.unit.describe(symbol))?;
                let clif = worker.compiler.print(self.unit, self.operators());
                text.push_str(&format!("; {}\n{clif}\n", self.unit.describe(symbol)));
            }
        }
        Ok(text)
    }

    /// See [`Generator::show`].
    pub fn show<T: Send>(&self, jobs: &[Job], show: &Show<T>, observer: &dyn Observer) -> Result<Vec<T>> {
        self.each(jobs, |worker, _, job| {
            let _in_work = InWork { unit: self.unit, job };
            let symbol = worker.translate(self, job)?;
            observer.advance(1);
            let Some(symbol) = symbol else { return Ok(None) };
            // The operators are shown beside the CLIF.
            let clif = worker.compiler.print(self.unit, &Operators::default());
            let compiled = worker.compiler.compile_with_listing(self.isa, Wants::default());
            let Listed { function, positions, listing } = compiled.with_context(|| self.unit.describe(symbol))?;
            Ok(Some(show(&function, clif, &positions, listing)))
        })
    }

    /// See [`Generator::print_listing`].
    pub fn print_listing(&self, jobs: &[Job]) -> Result<String> {
        let mut worker = Worker::default();
        let mut text = String::new();
        for job in jobs {
            if let Some(symbol) = worker.translate(self, *job)? {
                let title = self.unit.describe(symbol);
                let compiled = worker.compiler.compile_with_listing(self.isa, Wants::default());
                let Listed { function, listing, .. } = compiled.with_context(|| title.clone())?;
                text.push_str(&format!("# {title}, {} bytes\n{listing}\n", function.bytes.len()));
            }
        }
        Ok(text)
    }
}

/// What a thread reuses from one function to the next.
#[derive(Default)]
struct Worker {
    compiler: Compiler,
    state: State,
    inliner: Inliner,
    /// What debuggers are told of the function's locals.
    notes: Option<Notes>,
    /// The function that was translated last depends on an entry of a table that never changes.
    knows_entries: bool,
}

impl Worker {
    fn run(&mut self, sweep: &Sweep, number: usize, job: Job) -> Result<Option<CompiledFunction>> {
        let _in_work = InWork { unit: sweep.unit, job };
        if let Job::Stub(func) = job {
            return Ok(Some(stub::variadic(&sweep.env, func)));
        }
        let Some(symbol) = self.translate(sweep, job)? else {
            return Ok(None);
        };
        let compiled = match &sweep.dump {
            None => self.compiler.compile(sweep.isa, sweep.wants(self.notes.as_ref())),
            Some(folder) => self.compile_and_dump(sweep, symbol, number, folder),
        };
        Ok(Some(compiled.with_context(|| sweep.unit.describe(symbol))?))
    }

    /// As [`Worker::run`], for what the cache does not have.
    fn find_or_run(
        &mut self,
        sweep: &Sweep,
        shard: &Shard,
        number: usize,
        job: Job,
    ) -> Result<Option<CompiledFunction>> {
        let Job::Translate(Symbol::Function(func)) = job else { return self.run(sweep, number, job) };
        let wanted = shard.want(&sweep.env, sweep.plan.as_ref(), func, &mut self.state);
        let Some(wanted) = wanted else { return self.run(sweep, number, job) };
        if let Some(function) = shard.find(func, &wanted) {
            return Ok(Some(function));
        }
        let made = self.run(sweep, number, job)?;
        if let Some(function) = made.as_ref().filter(|_| !self.knows_entries) {
            shard.keep(&wanted, function);
        }
        Ok(made)
    }

    fn compile_and_dump(
        &mut self,
        sweep: &Sweep,
        symbol: Symbol,
        number: usize,
        folder: &Path,
    ) -> Result<CompiledFunction> {
        let dump = Dump::new(folder, number, sweep.unit.describe(symbol), file_name(sweep.unit, symbol))?;
        dump.write("1-clif", &self.compiler.print(sweep.unit, sweep.operators()))?;
        let Listed { function, listing, .. } =
            self.compiler.compile_with_listing(sweep.isa, sweep.wants(self.notes.as_ref()))?;
        dump.write("2-optimized", &self.compiler.print(sweep.unit, sweep.operators()))?;
        dump.write("3-vcode", &listing)?;
        Ok(function)
    }

    /// Leaves the CLIF in the compiler. `None` where there is nothing to compile.
    fn translate(&mut self, sweep: &Sweep, job: Job) -> Result<Option<Symbol>> {
        let Sweep { unit, env, .. } = sweep;
        let symbol = match job {
            Job::Validate(func) => {
                translate::validate_function(env, func, &mut self.state)?;
                return Ok(None);
            }
            Job::Stub(_) => return Ok(None),
            Job::Translate(symbol) => symbol,
        };
        translate::check_signature(env, symbol).with_context(|| unit.describe(symbol))?;
        if !translate::translate(env, symbol, &mut self.state, self.compiler.clif())? {
            return Ok(None);
        }
        self.notes = (env.locals != Locals::Off).then(|| self.state.take_notes());
        if let Some(notes) = &mut self.notes {
            notes.resolve(self.compiler.function());
        }
        self.knows_entries = match &sweep.plan {
            Some(plan) => {
                let inlined = self.inliner.run((env, plan), &mut self.state, self.compiler.parts_mut());
                inlined.with_context(|| unit.describe(symbol))?
            }
            None => self.state.knows_entries(),
        };
        if sweep.level != OptLevel::None && !sweep.exact_traps {
            globals::delay_stores(self.compiler.function_mut(), unit.module, &unit.layout);
        }
        // LLVM's vectors store what a trap between two stores would have prevented.
        let vectorizes = sweep.clang.is_some();
        if sweep.level == OptLevel::Speed && !(vectorizes && sweep.exact_traps) {
            loops::make_over(self.compiler.function_mut(), vectorizes);
        }
        inline::finish(self.compiler.parts_mut());
        Ok(Some(symbol))
    }
}

/// Names the function that was being compiled when a panic ended the work, after the panic's
/// message.
struct InWork<'a> {
    unit: &'a Unit<'a>,
    job: Job,
}

impl Job {
    /// The function that is compiled or validated.
    fn describe(self, unit: &Unit) -> String {
        match self {
            Job::Translate(symbol) => unit.describe(symbol),
            Job::Validate(func) | Job::Stub(func) => unit.module.describe(func),
        }
    }
}

impl Drop for InWork<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            stdio::message(format!("note: in {}\n", self.job.describe(self.unit)));
        }
    }
}

/// The part of a dump's file name that says which function it is.
fn file_name<'a>(unit: &Unit<'a>, symbol: Symbol) -> &'a str {
    match symbol {
        Symbol::Function(func) => unit.module.names.function(func).unwrap_or("function"),
        Symbol::Export(_) => "export",
        Symbol::ArrayEntry(_) => "entry",
        Symbol::Callback(_) => "callback",
        Symbol::CallbackSlot(..) => "slot",
        Symbol::Main => "main",
        Symbol::LibraryInit => "init",
        Symbol::LibraryConfigure => "configure",
        Symbol::LibraryReset => "reset",
        Symbol::LibraryInterrupt => "interrupt",
        Symbol::LibraryCancelInterrupt => "cancel_interrupt",
        Symbol::LibraryRefNew => "ref_new",
        Symbol::LibraryRefGet => "ref_get",
        Symbol::LibraryRefDrop => "ref_drop",
        Symbol::MemoryBase(_) => "memory_base",
        Symbol::MemorySize(_) => "memory_size",
        _ => "initialize",
    }
}
