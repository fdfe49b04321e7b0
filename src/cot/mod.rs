//! The Cot frontend: source files come in, the bytes of a WebAssembly module go out. It knows
//! nothing of native code.
//!
//! The modules are in pipeline order and import only from those above them; `tests/tidy` checks
//! that. Comments cite sections of the language reference, `docs/cot-language.md`.

pub mod source;

pub mod diagnostic;

pub mod types;

pub mod runtime_function;

pub mod typed;

pub mod token;

pub mod scan;

pub mod ast;

pub mod visit;

mod height;

pub mod parse;

pub mod print;

pub mod format;

pub mod lint;

pub mod library;

pub mod load;

pub mod check;

pub mod query;

pub mod ir;

pub mod lower;

pub mod ssa;

pub mod emit;

pub mod lines;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::ir::module::Module;
use crate::cot::lines::Lines;
use crate::cot::source::Sources;

/// What is made of a program, and for whom.
#[derive(Clone, Debug)]
pub struct Options {
    pub host: lower::Host,
    /// `@targetOs()`, `@targetArch()`
    pub target_os: String,
    pub target_arch: String,
    pub build: check::Build,
    /// Leave out checks that Wasm does not make itself.
    pub release: bool,
    /// For debuggers: nothing is optimized, and locals have names.
    pub debug: bool,
    /// Only tests whose name contains this.
    pub filter: Option<String>,
    /// No test runs after one that failed.
    pub fail_fast: bool,
    /// A test fails that leaves objects behind which nothing refers to.
    pub leaks: bool,
    /// How often each bench runs; 0: for about a second.
    pub iterations: u64,
    /// A native object or library is made, whose host may not have all of the runtime.
    pub is_library: bool,
    /// All files of the program are `@safe`.
    pub all_safe: bool,
    /// A folder with a standard library to be used instead of the one that is built in.
    pub standard_library: Option<PathBuf>,
    /// Diagnostics, and what tests say, are for a terminal.
    pub is_styled: bool,
}

/// Where to stop.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    Tokens,
    Ast,
    Check,
    Ir,
    Ssa,
    Wasm,
}

/// What came out.
#[derive(Debug)]
pub enum Product {
    /// A stage's result for people.
    Text(String),
    Wasm(Compiled),
    /// There is no test or bench, or none with the name that was asked for.
    NoTests,
}

/// A module.
#[derive(Debug)]
pub struct Compiled {
    pub wasm: Vec<u8>,
    /// Where it comes from, which the bytes don't say.
    pub lines: Lines,
    /// What debuggers are told of globals and of types, and of the locals of functions; with `-g`.
    pub variables: ir::module::Variables,
    pub locals: Vec<ir::variables::Locals>,
}

/// What is wrong with a program, rendered with its places; every message that there is.
#[derive(Debug)]
pub struct Faults(pub String);

impl std::error::Error for Faults {}

impl std::fmt::Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// All stages from a file to the bytes of a module, or up to the stage that is asked for. Passes
/// over functions run in rayon's current thread pool.
///
/// # Errors
/// [`Faults`] of the program, or a file that can't be read.
pub fn compile(path: &Path, options: &Options, stage: Stage) -> Result<Product> {
    let lowered = with_large_stack(|| {
        let loading = load::LoadOptions {
            standard_library: options.standard_library.clone(),
            all_safe: options.all_safe,
            ..load::LoadOptions::default()
        };
        let loaded = load::load(path, &loading).with_context(|| format!("can't read {}", path.display()))?;
        let lowered = lower_loaded(&loaded, options, stage)?;
        anyhow::Ok((lowered, loaded.sources))
    })?;
    let (lowered, sources): (_, Sources) = lowered;
    let mut module = match lowered {
        ControlFlow::Continue(module) => module,
        ControlFlow::Break(product) => return Ok(product),
    };
    // Not in the thread with the large stack, which belongs to no pool.
    match options.debug {
        true => ssa::build_for_debuggers(&mut module),
        false => ssa::build(&mut module),
    }
    if stage == Stage::Ssa {
        return Ok(Product::Text(ir::print::print(&module)));
    }
    let emit::Emitted { wasm, places, locals } = with_large_stack(|| emit::emit(&module));
    let variables = std::mem::take(&mut module.variables);
    Ok(Product::Wasm(Compiled { wasm, lines: Lines::new(&places, &sources), variables, locals }))
}

/// The map of the frontend up to the module before its passes, or a product that comes earlier.
fn lower_loaded(loaded: &load::Loaded, options: &Options, stage: Stage) -> Result<ControlFlow<Product, Module>> {
    if let Some(text) = print_source(loaded, stage) {
        return Ok(ControlFlow::Break(Product::Text(text)));
    }
    let faults = |found: &[_]| Faults(diagnostic::render(&loaded.sources, found, options.is_styled));
    let checking = check::CheckOptions {
        target_os: options.target_os.clone(),
        target_arch: options.target_arch.clone(),
        build: options.build,
    };
    let mut program = check::check(loaded, &checking).map_err(|found| faults(&found))?;
    if stage == Stage::Check {
        return Ok(ControlFlow::Break(Product::Text(String::new())));
    }
    if matches!(options.build, check::Build::Tests | check::Build::Benches) {
        let is_wanted = |test: &typed::Test| options.filter.as_ref().is_none_or(|part| test.name.contains(part));
        program.tests.retain(is_wanted);
        program.benches.retain(is_wanted);
        if program.tests.is_empty() && program.benches.is_empty() {
            return Ok(ControlFlow::Break(Product::NoTests));
        }
    }
    if needs_main(&program, options) {
        let start = loaded.files.last().map_or(source::Span::default(), |file| source::Span::start_of(file.id));
        let message = "there is no function 'main', with which a program begins";
        return Err(faults(&[Diagnostic::new(Code::Undefined, start, message)]).into());
    }
    let lowering = lower::LowerOptions {
        host: options.host,
        release: options.release,
        debug: options.debug,
        fail_fast: options.fail_fast,
        leaks: options.leaks,
        is_styled: options.is_styled,
        iterations: options.iterations,
        has_shims: options.host == lower::Host::Native && !options.is_library,
    };
    let module = lower::lower(&program, &loaded.sources, &lowering).map_err(|error| Faults(error.message))?;
    Ok(match stage {
        Stage::Ir => ControlFlow::Break(Product::Text(ir::print::print(&module))),
        _ => ControlFlow::Continue(module),
    })
}

/// Whether the program lacks its beginning. Plain modules, and what exports functions, are for
/// others to begin.
fn needs_main(program: &typed::CheckedProgram, options: &Options) -> bool {
    let is_program = options.build == check::Build::Program && options.host != lower::Host::Bare;
    is_program && program.main.is_none() && program.functions.iter().all(|function| function.export.is_none())
}

/// Tokens or tree of the file that was named.
fn print_source(loaded: &load::Loaded, stage: Stage) -> Option<String> {
    let file = loaded.files.last()?;
    match stage {
        Stage::Tokens => {
            let source = loaded.sources.get(file.id);
            Some(print::tokens(source, &scan::scan(file.id, source)))
        }
        Stage::Ast => Some(print::tree(&file.tree, loaded.sources.get(file.id))),
        _ => None,
    }
}

/// Stack for passes that recurse over trees, which are at most [`typed::MAX_DEPTH`] deep. Only what
/// is used of it takes memory.
const STACK_BYTES: usize = 512 << 20;

/// Runs the frontend, or a part of it, with enough stack for the deepest tree that is accepted.
pub fn with_large_stack<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    let thread = std::thread::Builder::new().name("cot".to_owned()).stack_size(STACK_BYTES);
    std::thread::scope(|scope| {
        // Too little address space for the stack is too little memory, and ends in the same way.
        let thread = thread.spawn_scoped(scope, run).unwrap_or_else(|_| crate::guard::memory::end());
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
