//! The stages of `wasm2native explore`: as for an object, and every function goes to a page as each
//! stage left it.

use super::library::default_prefix;
use super::pipeline::Session;
use super::plan::{self, Start, Taken};
use super::{files, functions};
use crate::code::{self, CompiledFunction};
use crate::codegen::{Generator, Job};
use crate::debug::lines::{File, Lines};
use crate::layout::{Symbol, World};
use crate::number::to_u32;
use crate::object::interface::{self, Naming};
use crate::object::{Role, listing};
use crate::options::{GeneratorName, Options};
use crate::page::explore::{self, FunctionView, Instruction, PackedFunction, Position, Positions};
use crate::progress::{Observer, stage};
use crate::translate::Architecture;
use crate::unit::{Edge, Unit};
use crate::wasm::input::Input;
use crate::wasm::operators;
use crate::wasm::source::MAIN;
use crate::wasm::{Definition, FuncIndex, Module};
use anyhow::{Result, bail};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// Pages of more bytes open slowly, or not at all.
const LARGE: usize = 100 << 20;

/// The page of a module. Shown are functions whose names match one of `wanted`, or all. `positions`
/// says where operators come from; without it, the module's own lines do, if it has some.
///
/// # Errors
/// As for an object of the module; when no function matches; when LLVM is to make the code, which
/// has no CLIF at the end.
pub fn page(
    input: &Input,
    options: &Options,
    wanted: &[glob::Pattern],
    positions: Option<&dyn Positions>,
    observer: &dyn Observer,
) -> Result<String> {
    let generator = Generator::new(options)?;
    if generator.name() == GeneratorName::Llvm {
        bail!("explore shows what Cranelift makes; --emit llvm-ir shows what LLVM gets");
    }
    let session = Session::new(input, options, &generator, None, observer)?;
    let source = session.read(MAIN, input)?;
    let instance = session.parse(&source)?;
    let module = &instance.module;
    let prefix = options.prefix.clone().unwrap_or_else(|| default_prefix(&input.name));
    let interface = session.name(interface::interface(module, Naming::of(&prefix, options)))?;
    let linked = session.open(&instance);
    let foreign = session.declare(std::slice::from_ref(&linked))?.remove(0);
    let analyzed = session.analyze(&linked, foreign, World::Open, None);
    let unit = session.lay_out(analyzed, World::Open, Edge::default())?;
    let start = Start::of_library(module, &prefix);
    let plan = session.name(plan::plan(start, Taken::default(), input, options, observer))?;
    let role = Role::Library { plan: &plan, interface: &interface };
    let mut jobs = functions::list(&unit, &generator.env(&unit), &role);
    let architecture = generator.env(&unit).machine.architecture;
    let own = unit.debug.as_ref().map(|debug| SourceLines::of(&debug.lines));
    let positions = positions.or(own.as_ref().map(|own| own as &dyn Positions));
    let texts = Texts { unit: &unit, wat: operators::functions(&unit.source.wasm), positions, architecture };
    if !wanted.is_empty() {
        let is_wanted = |symbol: &Symbol| wanted.iter().any(|pattern| pattern.matches(&texts.name(*symbol)));
        jobs = jobs.into_iter().filter_map(|job| only(job, module, &is_wanted)).collect();
        if !jobs.iter().any(|job| matches!(job, Job::Translate(_))) {
            bail!("{}: no function has a name like `{}`", input.name, wanted[0]);
        }
    }
    let show = |function: &CompiledFunction, clif: String, from: &[code::Position], listing: String| {
        explore::pack(&texts.view(function, clif, from, &listing))
    };
    let compile = || generator.show(&unit, &jobs, &show, observer);
    let packed: Vec<PackedFunction> = unit.source.explain(stage(observer, "compile", jobs.len() as u64, compile))?;
    let title = Path::new(&input.name).file_name().unwrap_or_default().to_string_lossy();
    let files = positions.map(Positions::files).unwrap_or_default();
    let page = stage(observer, "page", 0, || explore::print(&title, &packed, &files));
    if page.len() > LARGE {
        let megabytes = page.len() >> 20;
        observer.warning(&format!("the page has {megabytes} MB; --function PATTERN makes one of some functions"));
    }
    Ok(page)
}

/// A function that is not wanted is validated.
fn only(job: Job, module: &Module, is_wanted: &dyn Fn(&Symbol) -> bool) -> Option<Job> {
    let has_body = |func: FuncIndex| module.functions[func].definition.local().is_some();
    match job {
        Job::Translate(symbol) if is_wanted(&symbol) => Some(job),
        Job::Translate(Symbol::Function(func)) if has_body(func) => Some(Job::Validate(func)),
        Job::Translate(_) | Job::Stub(_) => None,
        Job::Validate(_) => Some(job),
    }
}

/// The lines of a module's own debug information.
struct SourceLines<'a> {
    lines: &'a Lines,
    /// Unit and number of each file, in order.
    files: Vec<(u32, u32)>,
}

impl SourceLines<'_> {
    fn of(lines: &Lines) -> SourceLines<'_> {
        let files: BTreeSet<(u32, u32)> = lines.rows().iter().map(|line| (line.unit, line.file)).collect();
        SourceLines { lines, files: files.into_iter().collect() }
    }
}

impl Positions for SourceLines<'_> {
    fn files(&self) -> Vec<(String, Option<String>)> {
        let text = |(unit, file): &(u32, u32)| match self.lines.file_of(*unit, *file) {
            Some(File { folder, name, .. }) => (name.clone(), files::source(&Path::new(folder).join(name))),
            None => (String::new(), None),
        };
        self.files.iter().map(text).collect()
    }

    fn find(&self, wasm_offset: u32) -> Option<(u32, u32)> {
        let line = self.lines.find(wasm_offset)?;
        let file = self.files.binary_search(&(line.unit, line.file)).ok()?;
        Some((to_u32(file), line.line))
    }
}

/// What functions are shown with.
struct Texts<'a> {
    unit: &'a Unit<'a>,
    /// Lines of the text form, by function.
    wat: HashMap<u32, Vec<(Option<u32>, String)>>,
    positions: Option<&'a dyn Positions>,
    architecture: Architecture,
}

impl Texts<'_> {
    fn view(&self, function: &CompiledFunction, clif: String, from: &[code::Position], listing: &str) -> FunctionView {
        let wat = self.wat_of(function.symbol).cloned().unwrap_or_default();
        let operator = |address: u32| {
            let after = from.partition_point(|position| position.offset <= address);
            from[..after].last().map(|position| position.wasm_offset).filter(|offset| *offset != 0)
        };
        let code = match listing::instructions(self.unit, self.architecture, function) {
            Some(all) => all.into_iter().map(|(at, text)| Instruction(at, operator(at), text)).collect(),
            // Of other processors there is the generator's listing.
            None => listing.lines().map(|line| Instruction(0, None, line.to_owned())).collect(),
        };
        let find = |offset: u32| {
            let (file, line) = self.positions?.find(offset)?;
            Some(Position(offset, file, line))
        };
        let positions = wat.iter().filter_map(|(offset, _)| find((*offset)?)).collect();
        let code_size = to_u32(function.bytes.len());
        FunctionView { name: self.name(function.symbol), wat, clif, code, positions, code_size }
    }

    fn wat_of(&self, symbol: Symbol) -> Option<&Vec<(Option<u32>, String)>> {
        let Symbol::Function(func) = symbol else { return None };
        matches!(self.unit.module.functions[func].definition, Definition::Local(_)).then_some(())?;
        self.wat.get(&func.as_u32())
    }

    fn name(&self, symbol: Symbol) -> String {
        let name = |func: FuncIndex| self.unit.module.names.function(func);
        match symbol {
            Symbol::Function(func) => match name(func) {
                Some(name) => format!("{:#}", rustc_demangle::demangle(name)),
                None => format!("function {}", func.as_u32()),
            },
            other => self.unit.describe(other),
        }
    }
}
