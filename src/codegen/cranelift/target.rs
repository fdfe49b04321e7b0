//! From [`Options`] to Cranelift's target and settings.

use crate::options::{Cpu, OptLevel, Options};
use anyhow::{Context, Result, anyhow, bail};
use cranelift_codegen::ir::{Function, Opcode};
use cranelift_codegen::isa::{self, OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use std::str::FromStr;
use target_lexicon::{Architecture, OperatingSystem, Triple};

/// The triple that `options` name.
///
/// # Errors
/// When it is no triple, or one that we can't compile for.
pub fn triple(options: &Options) -> Result<Triple> {
    let triple = match &options.target {
        None => Triple::host(),
        Some(name) => Triple::from_str(name).map_err(|error| anyhow!("`{name}` is no target triple: {error}"))?,
    };
    if triple.architecture != Architecture::X86_64 || triple.operating_system != OperatingSystem::Linux {
        bail!("target {triple} is not supported yet; x86_64-unknown-linux-gnu is");
    }
    Ok(triple)
}

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
        Ok(Isa { usual: isa(triple, options, "false")?, framed: isa(triple, options, "true")? })
    }

    /// The setting that a function has to be compiled with.
    pub fn for_function(&self, func: &Function) -> &dyn TargetIsa {
        let is_tail_call =
            |inst| matches!(func.dfg.insts[inst].opcode(), Opcode::ReturnCall | Opcode::ReturnCallIndirect);
        let mut last_insts = func.layout.blocks().filter_map(|block| func.layout.last_inst(block));
        if last_insts.any(is_tail_call) { &*self.framed } else { &*self.usual }
    }
}

fn isa(triple: &Triple, options: &Options, preserve_frame_pointers: &str) -> Result<OwnedTargetIsa> {
    let mut flags = settings::builder();
    let mut set = |name, value| flags.set(name, value).expect("Cranelift has this setting");
    set("opt_level", opt_level(options.opt_level));
    set("enable_verifier", if options.verify { "true" } else { "false" });
    set("preserve_frame_pointers", preserve_frame_pointers);
    set("is_pic", "true");
    set("use_colocated_libcalls", "true");
    set("unwind_info", "true");
    set("tls_model", "elf_gd");
    // The program is its own only tenant: there is nobody to hide its memory from.
    set("enable_heap_access_spectre_mitigation", "false");
    set("enable_table_access_spectre_mitigation", "false");
    // Frames larger than the guard page touch every page, so that exhaustion faults inside the guard.
    set("enable_probestack", "true");
    set("probestack_strategy", "inline");
    set("enable_multi_ret_implicit_sret", "true");
    let mut builder = isa::lookup(triple.clone()).map_err(|error| anyhow!("target {triple}: {error}"))?;
    match &options.cpu {
        Cpu::Default => enable(&mut builder, "x86-64-v2")?,
        Cpu::Named(name) => enable(&mut builder, name)?,
        Cpu::Native => {
            if *triple != Triple::host() {
                bail!("`--cpu native` needs the host's own target");
            }
            cranelift_native::infer_native_flags(&mut builder).map_err(|error| anyhow!("{error}"))?;
        }
    }
    let isa = builder.finish(settings::Flags::new(flags)).context("Cranelift refuses these settings")?;
    // Without it, vectors are compiled wrongly or not at all.
    if !isa.isa_flags().iter().any(|flag| flag.name == "has_sse41" && flag.as_bool() == Some(true)) {
        bail!("the processor has no SSE4.1, which is the least that is supported; x86-64-v2 has it");
    }
    Ok(isa)
}

/// Level of the x86-64 psABI ("Micro-Architecture Levels") that the program has to check for when it starts: 0 is none.
pub fn cpu_level(cpu: &Cpu) -> u8 {
    match cpu {
        Cpu::Default => 2,
        Cpu::Native => 0,
        Cpu::Named(name) => match name.as_str() {
            "x86-64-v2" => 2,
            "x86-64-v3" => 3,
            "x86-64-v4" => 4,
            _ => 1,
        },
    }
}

fn opt_level(level: OptLevel) -> &'static str {
    match level {
        OptLevel::None => "none",
        OptLevel::Speed => "speed",
        OptLevel::Size => "speed_and_size",
    }
}

fn enable(builder: &mut isa::Builder, name: &str) -> Result<()> {
    match name {
        "x86-64" => Ok(()),
        _ => builder
            .enable(name)
            .map_err(|_| anyhow!("`{name}` is no processor that Cranelift knows; try native, x86-64-v2 or x86-64-v3")),
    }
}
