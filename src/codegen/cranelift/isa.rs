//! From [`Options`] to Cranelift's target and settings.

use super::{processor, unwind};
use crate::code::FrameConventions;
use crate::options::{Cpu, OptLevel, Options};
use crate::translate::{Architecture, Machine};
use anyhow::{Context, Result, anyhow, bail};
use cranelift_codegen::ir::{Function, Opcode};
use cranelift_codegen::isa::{self, OwnedTargetIsa, TargetFrontendConfig, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use target_lexicon::{OperatingSystem, Triple};

/// Cranelift's back end for a target, in two settings.
pub struct Isa {
    pub usual: OwnedTargetIsa,
    /// Every function sets up a frame: what tail calls need.
    framed: OwnedTargetIsa,
}

impl Isa {
    /// The back end for `triple`.
    ///
    /// # Errors
    /// When the processor is unknown.
    pub fn new(triple: &Triple, options: &Options) -> Result<Isa> {
        // There is no frame pointer on s390x. The setting makes every function keep the chain of
        // frames in its place.
        let usual = if triple.architecture == target_lexicon::Architecture::S390x { "true" } else { "false" };
        let isa = Isa { usual: isa(triple, options, usual)?, framed: isa(triple, options, "true")? };
        // Without it, vectors are compiled wrongly or not at all.
        if isa.machine().architecture == Architecture::X86_64 && !isa.has("has_sse41") {
            bail!("the processor has no SSE4.1, which is the least that is supported; x86-64-v2 has it");
        }
        Ok(isa)
    }

    pub fn triple(&self) -> &Triple {
        self.usual.triple()
    }

    /// What the builder of CLIF must know of the target.
    pub fn frontend_config(&self) -> TargetFrontendConfig {
        self.usual.frontend_config()
    }

    /// All that decides about the code for a CLIF function, as text. What [`Isa::for_function`]
    /// adds follows from the function.
    pub fn settings(&self) -> String {
        let TargetFrontendConfig { default_call_conv, pointer_width, page_size_align_log2 } = self.frontend_config();
        let features: Vec<_> = self.usual.isa_flags().iter().map(ToString::to_string).collect();
        format!(
            "{} {default_call_conv:?} {pointer_width:?} {page_size_align_log2}\n{}\n{}",
            self.triple(),
            self.usual.flags(),
            features.join("\n")
        )
    }

    /// What holds for all frames; `None` on Windows, which has records of its own.
    pub fn frame_conventions(&self) -> Option<FrameConventions> {
        let is_windows = self.triple().operating_system == OperatingSystem::Windows;
        (!is_windows).then(|| unwind::conventions(&*self.usual)).flatten()
    }

    /// The setting that a function must be compiled with.
    pub fn for_function(&self, func: &Function) -> &dyn TargetIsa {
        let is_tail_call =
            |inst| matches!(func.dfg.insts[inst].opcode(), Opcode::ReturnCall | Opcode::ReturnCallIndirect);
        let mut last_insts = func.layout.blocks().filter_map(|block| func.layout.last_inst(block));
        if last_insts.any(is_tail_call) { &*self.framed } else { &*self.usual }
    }

    /// What translation must know of the processor.
    pub fn machine(&self) -> Machine {
        let architecture = match self.usual.triple().architecture {
            target_lexicon::Architecture::X86_64 => Architecture::X86_64,
            target_lexicon::Architecture::Aarch64(_) => Architecture::Aarch64,
            target_lexicon::Architecture::Riscv64(_) => Architecture::Riscv64,
            target_lexicon::Architecture::S390x => Architecture::S390x,
            other => panic!("`triple` lets no {other} through"),
        };
        Machine {
            architecture,
            null_faults: true,
            keeps_references: true,
            vectors: architecture != Architecture::Riscv64 || self.has("has_v"),
            may_tear_vectors: matches!(architecture, Architecture::Aarch64 | Architecture::Riscv64),
            fused_multiply_add: architecture != Architecture::X86_64,
        }
    }

    /// The features of the processor that code may use, by Cranelift's names.
    pub fn features(&self) -> impl Iterator<Item = &'static str> {
        self.usual.isa_flags().into_iter().filter(|flag| flag.as_bool() == Some(true)).map(|flag| flag.name)
    }

    /// Whether the processor has a feature, by Cranelift's name for it.
    pub fn has(&self, feature: &str) -> bool {
        self.features().any(|name| name == feature)
    }
}

fn isa(triple: &Triple, options: &Options, preserve_frame_pointers: &str) -> Result<OwnedTargetIsa> {
    let mut flags = settings::builder();
    let mut set = |name, value| flags.set(name, value).expect("Cranelift has this setting");
    set("opt_level", opt_level(options.opt_level));
    set("regalloc_algorithm", regalloc_algorithm(options.opt_level));
    set("enable_verifier", if options.verify { "true" } else { "false" });
    set("preserve_frame_pointers", preserve_frame_pointers);
    // Code is position-independent all the same: every symbol that it names is near, and reached by
    // its distance. See `translate::symbols` for what is not.
    set("is_pic", "false");
    set("use_colocated_libcalls", "true");
    set("unwind_info", "true");
    set("tls_model", "elf_gd");
    // The program is its own only tenant: there is nothing to hide its memory from.
    set("enable_heap_access_spectre_mitigation", "false");
    set("enable_table_access_spectre_mitigation", "false");
    // Frames larger than the guard page touch every page, so that exhaustion faults inside the
    // guard.
    set("enable_probestack", "true");
    set("probestack_strategy", "inline");
    set("enable_multi_ret_implicit_sret", "true");
    let mut builder = isa::lookup(triple.clone()).map_err(|error| anyhow!("target {triple}: {error}"))?;
    match &options.cpu {
        Cpu::Default => processor::enable_default(&mut builder, triple),
        Cpu::Named(name) => processor::enable(&mut builder, triple, name)?,
        Cpu::Native => {
            if triple.architecture != Triple::host().architecture {
                bail!("`--cpu native` needs the host's own target");
            }
            cranelift_native::infer_native_flags(&mut builder).map_err(|error| anyhow!("{error}"))?;
        }
    }
    builder.finish(settings::Flags::new(flags)).context("Cranelift refuses these settings")
}

fn opt_level(level: OptLevel) -> &'static str {
    match level {
        OptLevel::None => "none",
        OptLevel::Speed => "speed",
        OptLevel::Size => "speed_and_size",
    }
}

/// How registers are given out. A single pass takes time in proportion to the function's length,
/// and spills every value that lives longer than a block or a call; the other way is slower than
/// that, with the square of a function's calls in the worst case.
fn regalloc_algorithm(level: OptLevel) -> &'static str {
    match level {
        OptLevel::None => "single_pass",
        OptLevel::Speed | OptLevel::Size => "backtracking",
    }
}

#[cfg(test)]
mod tests {
    use super::Isa;
    use crate::codegen::{features, target};
    use crate::options::Options;

    #[test]
    fn programs_can_check_for_every_feature() {
        for name in ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"] {
            let options = Options { target: Some(name.to_owned()), ..Options::default() };
            let triple = target::triple(&options).expect("it is supported");
            let isa = Isa::new(&triple, &options).expect("it has a processor");
            for flag in isa.usual.isa_flags().iter().filter(|flag| flag.name.starts_with("has_")) {
                assert!(features::is_known(&triple, flag.name), "{name}: {}", flag.name);
            }
        }
    }
}
