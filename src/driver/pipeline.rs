//! The stages of a compilation, each a method of [`Session`] from earlier values to a new one:
//!
//! | stage | comes in | goes out |
//! | --- | --- | --- |
//! | read | an input | [`Source`]: a module's binary form |
//! | parse | a source | [`Instance`]: with its [`Module`] |
//! | resolve | all instances | [`Linked`]: which module defines what another imports |
//! | declare | all linked modules | [`Foreign`]: the C types of imported functions |
//! | analyze | a linked module | [`Analyzed`]: whole-program facts |
//! | look up | all analyzed modules | `Outside`: what the linker takes from outside of Wasm |
//! | lay out | an analyzed module | [`Unit`]: where every entity lives in the native program |
//! | compile | a unit | [`Code`]: machine code of its functions |
//! | write | a unit and its code | an object file |
//! | write instances | the object of a library with instances | one with its image |
//! | link | objects | an executable |
//!
//! No stage changes what an earlier one made.

use super::outside::{self, Outside};
use super::plan::Start;
use super::{files, foreign, functions};
use crate::analyze;
use crate::code::{Code, CompiledFunction};
use crate::codegen::Generator;
use crate::debug::source::Extent;
use crate::debug::{self, Debug, external, split};
use crate::foreign::Foreign;
use crate::layout::{self, Purpose, World};
use crate::link::native::Natives;
use crate::link::payload;
use crate::link::runtime::Runtime;
use crate::link::{self, LinkRequest};
use crate::listing;
use crate::object::format::ObjectFormat;
use crate::object::interface::Item;
use crate::object::{self, Role, assembly};
use crate::options::{MemoryBase, Options};
use crate::output;
use crate::profile::Counts;
use crate::progress::{Detail, Observer, stage};
use crate::resolve::{self, Instance, Linkage, Linked, Provider, Providers, Sizes};
use crate::translate::Architecture;
use crate::unit::{Analyzed, Edge, Unit};
use crate::wasm::input::Input;
use crate::wasm::source::{MAIN, Source};
use crate::wasm::{Module, unsupported};
use anyhow::{Context, Result};
use std::path::Path;
use wasmparser::WasmFeatures;

/// What all stages of a compilation know.
#[derive(Copy, Clone)]
pub struct Session<'a> {
    /// The main module, or a test script. Messages begin with its name.
    pub input: &'a Input,
    pub options: &'a Options,
    pub generator: &'a Generator,
    /// For programs and libraries, if there is one for the target.
    pub runtime: Option<&'a Runtime>,
    pub features: WasmFeatures,
    pub observer: &'a dyn Observer,
}

impl<'a> Session<'a> {
    /// # Errors
    /// When an option names a proposal that does not exist.
    pub fn new(
        input: &'a Input,
        options: &'a Options,
        generator: &'a Generator,
        runtime: Option<&'a Runtime>,
        observer: &'a dyn Observer,
    ) -> Result<Session<'a>> {
        let features = unsupported::features(&options.enable)?;
        Ok(Session { input, options, generator, runtime, features, observer })
    }

    /// # Errors
    /// When there is none.
    pub fn runtime(&self) -> Result<&'a Runtime> {
        self.runtime.with_context(|| format!("there is no runtime for {}", self.generator.triple()))
    }

    /// Tells what a stage made.
    fn tell(&self, text: impl Fn() -> String) {
        self.observer.detail(Detail::Stage, &text);
    }

    /// Adds the input's name to an error.
    ///
    /// # Errors
    /// `result`'s.
    pub fn name<T>(&self, result: Result<T>) -> Result<T> {
        result.with_context(|| self.input.name.clone())
    }

    /// The binary form of a module that others import from as `name`.
    ///
    /// # Errors
    /// When the input is neither a binary nor a text that can be translated.
    pub fn read<'s>(&self, name: &'s str, input: &'s Input) -> Result<Source<'s>> {
        let debug = self.options.debug;
        let wasm = stage(self.observer, "read", 0, || input.binary()).with_context(|| input.name.clone())?;
        self.tell(|| format!("{}: {} bytes", input.name, wasm.len()));
        let text = input.module_text();
        let mut source = Source { name, file: Some(&input.name), wasm, text, features: self.features, listing: None };
        if debug {
            self.add_external(&mut source, input);
            let file = self.options.debug_text.as_deref().map(|file| files::text_of(file, name));
            let describe = || debug::source::describe(input, source.wasm, file.as_deref(), self.features);
            let described = self.name(stage(self.observer, "describe", 0, describe))?;
            (source.wasm, source.listing) = (described.wasm, described.text.map(|text| (text.file, text.contents)));
        }
        Ok(source)
    }

    /// Takes DWARF from other files, if the module or its user names some.
    fn add_external(&self, source: &mut Source, input: &Input) {
        let chosen = self.options.debug_file.as_deref().filter(|_| source.name == MAIN);
        let package = chosen.filter(|file| std::fs::read(file).is_ok_and(|bytes| split::is_package(&bytes)));
        if package.is_none() {
            self.add_whole(source, input, chosen);
        }
        let name = &input.name;
        match (split::join(&source.wasm, Path::new(name), package), package) {
            (Ok(Some(split::Joined { wasm, files, missing })), _) => {
                files.iter().for_each(|file| self.observer.reads(file));
                for reason in missing {
                    self.observer.warning(&format!("{name}: no debug information from {reason}"));
                }
                source.wasm = wasm.into();
            }
            (Ok(None), Some(package)) => {
                let package = package.display();
                self.observer
                    .warning(&format!("{name}: no debug information from {package}: the module's is not split"));
            }
            // Damage is reported where DWARF is read.
            (Ok(None) | Err(_), _) => {}
        }
    }

    /// Takes all of the DWARF from another file.
    fn add_whole(&self, source: &mut Source, input: &Input, chosen: Option<&Path>) {
        let Some(file) = external::file(&source.wasm, Path::new(&input.name), chosen) else { return };
        let added = std::fs::read(&file).context("can't read it").and_then(|bytes| external::add(&source.wasm, &bytes));
        match added {
            Ok(wasm) => {
                self.observer.reads(&file);
                source.wasm = wasm;
            }
            Err(error) => {
                let (name, file) = (&input.name, file.display());
                self.observer.warning(&format!("{name}: no debug information from {file}: {error:#}"));
            }
        }
    }

    /// Writes the texts that debug information refers to.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn write_texts(&self, sources: &[Source]) -> Result<()> {
        let texts = sources.iter().filter_map(|source| source.listing.as_ref());
        texts.into_iter().try_for_each(|(file, text)| output::write(file, text.as_bytes()))
    }

    /// # Errors
    /// When the module is invalid, or needs what is not supported.
    pub fn parse<'s>(&self, source: &'s Source<'s>) -> Result<Instance<'s>> {
        let module = stage(self.observer, "parse", 0, || source.parse())?;
        self.tell(|| {
            let n_imports = resolve::imports(&module).count();
            let (n_bodies, n_exports) = (module.bodies().count(), module.exports.len());
            format!("{n_bodies} functions, {n_imports} imports, {n_exports} exports")
        });
        Ok(Instance { source, module })
    }

    /// Links the modules of a program. Each comes after those that it imports from.
    ///
    /// # Errors
    /// When an import does not fit what the named module exports.
    pub fn resolve<'s>(&self, instances: &'s [Instance<'s>]) -> Result<Vec<Linked<'s>>> {
        let modules: Vec<_> = instances.iter().map(|instance| &instance.module).collect();
        // The last module of a name hides those before it.
        let lookup =
            |importer: usize, name: &str| instances[..importer].iter().rposition(|other| other.source.name == name);
        let resolved = self.name(resolve::resolve(&modules, Sizes::Initial, lookup))?;
        let placed = self.placed(&modules, &resolved);
        let linkages = resolve::linkages(resolved, [], &outside::chosen_symbols(self.options), placed);
        let linked = |(index, (instance, linkage)): (usize, (&'s Instance<'s>, Linkage))| Linked {
            index,
            source: instance.source,
            module: &instance.module,
            linkage,
        };
        Ok(instances.iter().zip(linkages).enumerate().map(linked).collect())
    }

    /// The memory of a closed program that lies at the fixed address.
    pub fn placed(&self, modules: &[&Module], resolved: &[Providers]) -> Option<Provider> {
        match self.options.memory_base {
            MemoryBase::Fixed => resolve::main_memory(modules, resolved),
            MemoryBase::Any => None,
        }
    }

    /// A module that is compiled for others to link with.
    pub fn open<'s>(&self, instance: &'s Instance<'s>) -> Linked<'s> {
        let linkage = Linkage::open(outside::chosen_symbols(self.options));
        Linked { index: 0, source: instance.source, module: &instance.module, linkage }
    }

    /// What imported functions of all modules are in C.
    ///
    /// # Errors
    /// When a declaration can't be understood, does not fit its import, or was of no use.
    pub fn declare(&self, linked: &[Linked]) -> Result<Vec<Foreign>> {
        foreign::declare(linked, self.options, self.generator.triple(), self.observer)
    }

    /// What a module's code does with its entities. `start` is what the runtime calls of it.
    pub fn analyze<'s>(
        &self,
        linked: &'s Linked<'s>,
        foreign: Foreign,
        world: World,
        start: Option<&Start>,
    ) -> Analyzed<'s> {
        let Linked { module, linkage, .. } = linked;
        let roots = functions::roots(module, linkage, &foreign, world, start);
        let facts = stage(self.observer, "analyze", 0, || analyze::facts(module, &roots));
        Analyzed { linked, foreign, facts }
    }

    /// Looks up what the modules import from C.
    ///
    /// # Errors
    /// When nothing defines an import, or the user does not allow it.
    pub fn look_up(&self, analyzed: &[Analyzed]) -> Result<Outside> {
        outside::look_up(analyzed, self.runtime()?, self.options, self.observer)
    }

    /// Decides where every entity lives.
    ///
    /// # Errors
    /// When a memory or table is too large.
    pub fn lay_out<'s>(&self, analyzed: Analyzed<'s>, world: World, edge: Edge) -> Result<Unit<'s>> {
        let Analyzed { linked: Linked { index, source, module, linkage }, foreign, facts } = analyzed;
        let purpose = Purpose { world, memory_checks: self.options.memory_checks };
        let layout = || layout::plan(module, &facts, linkage, &foreign, purpose);
        let layout = source.explain(stage(self.observer, "layout", 0, layout))?;
        let profiling = self.generator.profiling(source, module, &facts);
        if let Some(Counts { n_functions, n_unknown: n_unknown @ 1.., .. }) = profiling.counts() {
            self.observer.warning(&format!(
                "{}: the profile has no counts for {n_unknown} of {n_functions} functions: they have changed since, or it is \
                 that of another module",
                source.file.unwrap_or(&self.input.name)
            ));
        }
        let Edge { undefined, shims, traced, with_data, instances } = edge;
        let debug = self.debug(source);
        Ok(Unit {
            index: *index,
            source,
            module,
            linkage,
            foreign,
            facts,
            layout,
            undefined,
            shims,
            traced,
            with_data,
            instances,
            profiling,
            debug,
            wants_debug: self.options.debug,
            wants_lines: self.options.debug || self.options.lines,
        })
    }

    /// What a module says of its source. What is damaged is left out.
    fn debug<'s>(&self, source: &'s Source) -> Option<Debug<'s>> {
        // A table that is longer than a part of the code makes one that nobody wants unasked.
        const PART: usize = 4;
        let Extent { lines, code, .. } = debug::source::extent(&source.wasm);
        let is_wanted = self.options.debug || self.options.lines;
        if lines == 0 || !is_wanted && lines > code / PART {
            return None;
        }
        let debug = stage(self.observer, "read lines", 0, || {
            let debug = Debug::read(&source.wasm)?;
            if self.options.debug { debug.with_stacked() } else { Ok(debug) }
        });
        if let Err(error) = debug.as_ref().map_err(|error| format!("{error:#}"))
            && is_wanted
        {
            let file = source.file.unwrap_or(&self.input.name);
            self.observer.warning(&format!("{file}: damaged debug information: {error}"));
        }
        debug.ok()
    }

    /// Validates, translates and compiles the functions that are needed.
    ///
    /// # Errors
    /// When a body is invalid or not supported, or a function is too large.
    pub fn compile(&self, unit: &Unit, role: &Role) -> Result<Code> {
        if let Some(folder) = &self.options.dump {
            listing::dump(unit, &unit.dump_folder(folder))?;
        }
        let jobs = functions::list(unit, &self.generator.env(unit), role);
        let compile = || self.generator.compile(unit, &jobs, self.observer);
        let code = unit.source.explain(stage(self.observer, "compile", jobs.len() as u64, compile))?;
        self.tell(|| {
            let size = |function: &CompiledFunction| function.bytes.len();
            format!("{} bytes of code by {}", code.functions.iter().map(size).sum::<usize>(), code.convention)
        });
        for function in &code.functions {
            let text = || format!("{}: {} bytes", unit.describe(function.symbol), function.bytes.len());
            self.observer.detail(Detail::Function, &text);
        }
        Ok(code)
    }

    /// The CLIF of the functions that are needed, as text.
    ///
    /// # Errors
    /// As [`Session::compile`].
    pub fn print_clif(&self, unit: &Unit, role: &Role) -> Result<String> {
        let jobs = functions::list(unit, &self.generator.env(unit), role);
        unit.source.explain(self.generator.print_clif(unit, &jobs))
    }

    /// What clang gets of the functions that are needed, as text.
    ///
    /// # Errors
    /// As [`Session::compile`].
    pub fn print_llvm(&self, unit: &Unit, role: &Role) -> Result<String> {
        let jobs = functions::list(unit, &self.generator.env(unit), role);
        unit.source.explain(self.generator.print_llvm(unit, &jobs, self.observer))
    }

    /// An object as assembly.
    ///
    /// # Errors
    /// When the target has none.
    pub fn print_assembly(&self, unit: &Unit, code: &Code, object: &[u8]) -> Result<String> {
        self.name(stage(self.observer, "assembly", 0, || assembly::print(unit, code, object, &files::source)))
    }

    /// Machine code as text.
    ///
    /// # Errors
    /// As [`Session::compile`].
    pub fn print_machine_code(&self, unit: &Unit, code: &Code, role: &Role) -> Result<String> {
        let env = self.generator.env(unit);
        match env.machine.architecture {
            Architecture::X86_64 => Ok(object::listing::print(unit, code)),
            // Of other processors the code generator's own listing is all there is.
            _ => {
                let jobs = functions::list(unit, &env, role);
                unit.source.explain(self.generator.print_listing(unit, &jobs))
            }
        }
    }

    /// The object of a unit.
    ///
    /// # Errors
    /// When two imports want the same symbol, or the code is too large for one object.
    pub fn write(&self, unit: &Unit, code: &Code, role: &Role) -> Result<Vec<u8>> {
        unit.source.explain(stage(self.observer, "object", 0, || object::write(unit, code, role)))
    }

    /// The object of a library with instances, from that of its module.
    ///
    /// # Errors
    /// When the target has none, or the linker fails.
    pub fn write_instances(&self, object: Vec<u8>, interface: &[Item], prefix: &str) -> Result<Vec<u8>> {
        let options = self.options;
        let write = || {
            let payload = payload::link(self.runtime()?, object, options.debug && !options.strip)?;
            object::instances::write(
                ObjectFormat::of(self.generator.triple()).architecture,
                &payload,
                interface,
                prefix,
            )
        };
        self.name(stage(self.observer, "instances", 0, write))
    }

    /// The executable.
    ///
    /// # Errors
    /// When the linker fails.
    pub fn link(&self, objects: Vec<Vec<u8>>, natives: Natives, uses_c: bool) -> Result<Vec<u8>> {
        let Options { strip, keep, link, .. } = self.options;
        let request = LinkRequest { runtime: self.runtime()?, objects, natives, uses_c, strip: *strip, options: link };
        self.tell(|| {
            let set = if uses_c { "the whole C library" } else { "what the runtime needs of the C library" };
            format!(
                "{} objects of modules, {} files of the user's, and {set}",
                request.objects.len(),
                request.natives.files.len()
            )
        });
        let (program, report) = self.name(stage(self.observer, "link", 0, || link::link(request)))?;
        report.warnings.iter().for_each(|warning| self.observer.warning(warning));
        if *keep {
            self.observer.linked(&report.command);
        }
        self.tell(|| format!("a program of {} bytes", program.len()));
        Ok(program)
    }
}
