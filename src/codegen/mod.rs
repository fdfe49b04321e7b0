//! From a [`Unit`] to [`Code`]: translation of all functions, and their compilation by a code
//! generator.
//!
//! What is common to all generators stands here: which functions there are to make ([`Job`]), the
//! sweep over them, dumps, and code that no generator makes. A generator has a folder, takes CLIF,
//! one function at a time, and gives back [`CompiledFunction`]s. How it makes machine code is not
//! known elsewhere: outside of this folder, [`Generator`] is all that is named.
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

mod cache;
pub mod cranelift;
mod dump;
mod features;
mod globals;
mod inline;
pub mod llvm;
mod loops;
mod order;
mod placement;
mod stub;
mod sweep;
pub mod target;

use crate::analyze::Facts;
use crate::code::{Code, CompiledFunction, Position};
use crate::layout::Symbol;
use crate::options::{GeneratorName, OptLevel, Options};
use crate::profile::Profiling;
use crate::profile::read::Profile;
use crate::progress::Observer;
use crate::translate::c_abi::CAbi;
use crate::translate::locals::Locals;
use crate::translate::{Env, Machine};
use crate::unit::Unit;
use crate::wasm::source::Source;
use crate::wasm::{FuncIndex, Module};
use anyhow::{Result, bail};
use cache::Cache;
use cranelift::isa::Isa;
use features::Allowed;
use llvm::clang::Clang;
use std::path::PathBuf;
use std::sync::OnceLock;
use sweep::Sweep;
use target_lexicon::{BinaryFormat, Triple};

/// The generators, and their versions.
pub const GENERATORS: [(&str, &str); 2] = [("cranelift", cranelift::VERSION), ("llvm", llvm::VERSION)];

/// One function to make.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// A body that nothing reaches: validated, no code.
    Validate(FuncIndex),
    Translate(Symbol),
    /// [`Symbol::Variadic`].
    Stub(FuncIndex),
}

/// Whether a file of that name in the folder of a cache of functions was written by the cache.
pub fn is_of_cache(file: &str) -> bool {
    cache::folder::is_own(file)
}

/// Makes something for people of a function: see [`Generator::show`].
pub type Show<'a, T> = dyn Fn(&CompiledFunction, String, &[Position], String) -> T + Sync + 'a;

/// A code generator, set up for a target and a processor.
pub struct Generator {
    isa: Isa,
    /// Where LLVM makes the code.
    clang: Option<Clang>,
    /// For clang: the target and the processor.
    flags: Vec<String>,
    /// What the code may use of the processor, once it was asked for.
    allowed: OnceLock<Allowed>,
    level: OptLevel,
    /// Calls of small functions become copies of them.
    inlines: bool,
    spectre_masks: bool,
    interruptible: bool,
    exact_traps: bool,
    locals: Locals,
    /// The functions count how often their blocks run.
    counts: bool,
    /// How often they ran.
    profile: Option<Profile>,
    /// Folder for every stage's result.
    dump: Option<PathBuf>,
    cache: Option<Cache>,
}

impl Generator {
    /// The generator that `options` ask for.
    ///
    /// # Errors
    /// When there is no such target or processor, the cache can't be trusted, or a profile is
    /// damaged.
    pub fn new(options: &Options) -> Result<Generator> {
        let isa = Isa::new(&target::triple(options)?, options)?;
        let (clang, flags) = match options.generator {
            GeneratorName::Cranelift if options.clang.is_some() => bail!("--clang needs --generator llvm"),
            GeneratorName::Cranelift => (None, Vec::new()),
            GeneratorName::Llvm => {
                let processor = llvm::processor(isa.triple())?;
                let clang = Clang::find(options.clang.as_deref(), processor.oldest_clang)?;
                (Some(clang), processor.flags(isa.triple(), &options.cpu))
            }
        };
        if options.cache.is_some() && clang.is_some() {
            bail!("--cache keeps functions of Cranelift; --generator llvm compiles many at once");
        }
        if options.profile_generate.is_some() && isa.triple().binary_format != BinaryFormat::Elf {
            bail!("--profile-generate needs a runtime, which there is for Linux only, not for {}", isa.triple());
        }
        if options.interruptible && isa.triple().binary_format != BinaryFormat::Elf {
            bail!("--interruptible needs a runtime, which there is for Linux only, not for {}", isa.triple());
        }
        let has_profile = !options.profile_use.is_empty();
        Ok(Generator {
            isa,
            clang,
            flags,
            allowed: OnceLock::new(),
            level: options.opt_level,
            inlines: options.inline,
            spectre_masks: options.spectre_masks,
            interruptible: options.interruptible,
            exact_traps: options.exact_traps,
            locals: match (options.debug, options.opt_level, options.generator) {
                (false, _, _) => Locals::Off,
                (true, OptLevel::None, GeneratorName::Cranelift) => Locals::Keep,
                (true, _, _) => Locals::Follow,
            },
            counts: options.profile_generate.is_some(),
            profile: has_profile.then(|| Profile::read(&options.profile_use)).transpose()?,
            dump: options.dump.clone(),
            cache: options.cache.as_ref().map(Cache::new).transpose()?,
        })
    }

    pub fn name(&self) -> GeneratorName {
        if self.clang.is_some() { GeneratorName::Llvm } else { GeneratorName::Cranelift }
    }

    /// What the code may use of the processor.
    ///
    /// # Errors
    /// When LLVM's compiler does not say.
    fn allowed(&self) -> Result<&Allowed> {
        if let Some(allowed) = self.allowed.get() {
            return Ok(allowed);
        }
        let allowed = match &self.clang {
            None => Allowed::cranelift(&self.isa),
            Some(clang) => Allowed::llvm(clang, self.triple(), &self.flags)?,
        };
        Ok(self.allowed.get_or_init(|| allowed))
    }

    /// The program outside of this one that makes the code, and its version.
    pub fn compiler(&self) -> Option<&str> {
        self.clang.as_ref().map(|clang| &clang.version[..])
    }

    /// What code is made for.
    pub fn triple(&self) -> &Triple {
        self.isa.triple()
    }

    /// What the functions of a module count, or what is known of how often they ran.
    pub fn profiling(&self, source: &Source, module: &Module, facts: &Facts) -> Profiling {
        match &self.profile {
            _ if self.counts => Profiling::generate(module, &facts.reachable),
            Some(profile) => Profiling::of(profile, source.name, module, &facts.reachable),
            None => Profiling::Off,
        }
    }

    /// What translation asks for besides the unit.
    pub fn env<'a>(&self, unit: &'a Unit) -> Env<'a> {
        Env {
            module: unit.module,
            facts: &unit.facts,
            layout: &unit.layout,
            linkage: unit.linkage,
            foreign: &unit.foreign,
            c: CAbi::of(self.triple()),
            undefined: &unit.undefined,
            with_data: &unit.with_data,
            instances: unit.instances,
            target: self.isa.frontend_config(),
            spectre_masks: self.spectre_masks,
            interruptible: self.interruptible,
            profiling: &unit.profiling,
            locals: self.locals,
            stacked: unit.debug.as_ref().map_or(&[], |debug| &debug.stacked),
            machine: self.machine(),
        }
    }

    /// The processor, as the generator uses it.
    fn machine(&self) -> Machine {
        let (machine, is_cranelift) = (self.isa.machine(), self.clang.is_none());
        Machine {
            null_faults: is_cranelift,
            keeps_references: is_cranelift,
            // Without exact traps, LLVM may move a store past a trap anyway.
            may_tear_vectors: machine.may_tear_vectors && (is_cranelift || self.exact_traps),
            ..machine
        }
    }

    /// Machine code of all jobs, in their order.
    ///
    /// # Errors
    /// The first job's that fails, in the order of the jobs: the same on every run.
    pub fn compile(&self, unit: &Unit, jobs: &[Job], observer: &dyn Observer) -> Result<Code> {
        Sweep::new(self, unit).compile(jobs, observer)
    }

    /// CLIF of all jobs as text.
    ///
    /// # Errors
    /// As [`Generator::compile`].
    pub fn print_clif(&self, unit: &Unit, jobs: &[Job]) -> Result<String> {
        Sweep::new(self, unit).print_clif(jobs)
    }

    /// What LLVM gets, as text.
    ///
    /// # Errors
    /// As [`Generator::compile`].
    pub fn print_llvm(&self, unit: &Unit, jobs: &[Job], observer: &dyn Observer) -> Result<String> {
        Sweep::new(self, unit).print_llvm(jobs, observer)
    }

    /// What `show` makes of each function as the stages left it, in the order of the jobs: the
    /// machine code, the CLIF before it was optimized, which operator code belongs to, and
    /// Cranelift's listing. Only for Cranelift.
    ///
    /// # Errors
    /// As [`Generator::compile`].
    pub fn show<T: Send>(&self, unit: &Unit, jobs: &[Job], show: &Show<T>, observer: &dyn Observer) -> Result<Vec<T>> {
        Sweep::new(self, unit).show(jobs, show, observer)
    }

    /// The generator's own listing of its machine code, for processors that
    /// [`assembly`](crate::object::assembly) doesn't know.
    ///
    /// # Errors
    /// As [`Generator::compile`].
    pub fn print_listing(&self, unit: &Unit, jobs: &[Job]) -> Result<String> {
        Sweep::new(self, unit).print_listing(jobs)
    }
}
