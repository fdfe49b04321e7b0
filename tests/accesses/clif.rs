//! The checks of each access as CLIF, for every processor: what translation makes, and what
//! Cranelift's optimizer leaves of it.

use super::evaluate::{self, Borders, End, Event, Word};
use super::form::{Form, MemoryOrigin, Outcome};
use super::kind::{self, Kind};
use super::sample::Sample;
use anyhow::{Context as _, Result, bail, ensure};
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use wasm2native::abi::builtin::Builtin;
use wasm2native::abi::memory::{CHECKED_GUARD, FIXED_BASE, GUARDED_RESERVATION, SMALL_GUARD, X86_64_PAGE};
use wasm2native::analyze::{self, Roots};
use wasm2native::codegen::cranelift::isa::Isa;
use wasm2native::codegen::target;
use wasm2native::foreign::Foreign;
use wasm2native::layout::{self, Purpose, World};
use wasm2native::options::{Cpu, MemoryBase, Options};
use wasm2native::profile::Profiling;
use wasm2native::resolve::{self, Sizes};
use wasm2native::translate::c_abi::CAbi;
use wasm2native::translate::locals::Locals;
use wasm2native::translate::{self, Env, State};
use wasm2native::wasm::{EntityIndex, parse, unsupported};

/// A target for each processor, with the name of a model that has vectors.
pub const PROCESSORS: [Processor; 4] = [
    Processor { name: "x86-64", target: "x86_64-unknown-linux-gnu", cpu: None, touches: false },
    Processor { name: "aarch64", target: "aarch64-unknown-linux-gnu", cpu: None, touches: true },
    Processor { name: "riscv64", target: "riscv64gc-unknown-linux-gnu", cpu: Some("rv64gcv"), touches: true },
    Processor { name: "s390x", target: "s390x-unknown-linux-gnu", cpu: None, touches: false },
];

#[derive(Copy, Clone, Debug)]
pub struct Processor {
    pub name: &'static str,
    target: &'static str,
    cpu: Option<&'static str>,
    /// Stores of 16 bytes are preceded by a load of the last byte: the processor may write a part
    /// of what it stores across the end of a memory.
    touches: bool,
}

/// How code is made.
#[derive(Copy, Clone, Debug)]
pub struct Manner {
    pub name: &'static str,
    /// One case in so many is tried.
    pub part: u64,
    pub masks: bool,
    pub base: MemoryBase,
    /// `--memory-checks`.
    pub checks: bool,
}

const PLAIN: Manner = Manner { name: "clif", part: 10, masks: false, base: MemoryBase::Any, checks: false };

pub const MANNERS: [Manner; 6] = [
    PLAIN,
    Manner { name: "clif with masks", part: 50, masks: true, ..PLAIN },
    Manner { name: "clif at a fixed address", part: 50, base: MemoryBase::Fixed, ..PLAIN },
    Manner { name: "clif with checks", part: 20, checks: true, ..PLAIN },
    Manner { name: "clif with checks at a fixed address", part: 50, base: MemoryBase::Fixed, checks: true, ..PLAIN },
    Manner { name: "clif with checks and masks", part: 50, masks: true, checks: true, ..PLAIN },
];

/// A function of the module, with the arguments that it is tried with.
struct Access {
    kind: Kind,
    offset: u64,
    indices: Vec<u64>,
}

impl Access {
    fn name(&self) -> String {
        format!("{} {:#x}", self.kind.name, self.offset)
    }
}

/// Evaluates every access with every offset and index; how many times.
///
/// # Errors
/// When one does other than the oracle says.
pub fn check(form: &Form, processor: Processor, manner: Manner, sample: Sample) -> Result<usize> {
    let accesses = accesses(form, sample);
    let function = |access: &Access| access.kind.function(&access.name(), form.index(), access.offset);
    let fields: String = accesses.iter().map(function).collect();
    let names: Vec<_> = accesses.iter().map(Access::name).collect();
    let mut findings = Findings::default();
    translate(form, processor, manner, &fields, &names, &mut |number, func, stage| {
        let access = &accesses[number];
        for &index in &access.indices {
            let what = || format!("{} at {index:#x} ({stage})", access.name());
            findings.note(check_one(form, processor, manner, access, func, index), what);
        }
    })?;
    findings.result()
}

/// What came out of many checks.
#[derive(Default)]
pub struct Findings {
    n: usize,
    complaints: Vec<String>,
}

impl Findings {
    pub fn note(&mut self, result: Result<()>, what: impl Fn() -> String) {
        self.n += 1;
        self.complaints.extend(result.err().map(|error| format!("{}: {error:#}", what())));
    }

    pub fn result(self) -> Result<usize> {
        if self.complaints.is_empty() {
            return Ok(self.n);
        }
        let mut text = format!("{} of {} are wrong:\n", self.complaints.len(), self.n);
        self.complaints.iter().take(10).try_for_each(|complaint| writeln!(text, "    {complaint}"))?;
        bail!(text)
    }
}

/// Translates a module with the form's memory and more `fields`. Shows each of the exported
/// functions by its number among `names`, twice: as translated, and as optimized.
///
/// # Errors
/// When the module is refused.
pub fn translate(
    form: &Form,
    processor: Processor,
    manner: Manner,
    fields: &str,
    names: &[String],
    visit: &mut dyn FnMut(usize, &Function, &str),
) -> Result<()> {
    let options = Options {
        target: Some(processor.target.to_owned()),
        cpu: processor.cpu.map_or(Cpu::Default, |name| Cpu::Named(name.to_owned())),
        spectre_masks: manner.masks,
        enable: vec!["custom-page-sizes".to_owned()],
        ..Options::default()
    };
    let isa = Isa::new(&target::triple(&options)?, &options)?;
    let features = unsupported::features(&options.enable)?;
    let providers = form.providers();
    let texts = providers.iter().map(|(_, text)| text.clone()).chain([format!("(module {}\n{fields})", form.fields())]);
    let binaries = texts.map(|text| Ok(wat::parse_str(text)?)).collect::<Result<Vec<_>>>()?;
    let modules = binaries.iter().map(|wasm| parse::parse(wasm, features)).collect::<Result<Vec<_>>>()?;
    let modules: Vec<_> = modules.iter().collect();
    let lookup = |importer: usize, name: &str| providers[..importer].iter().position(|(other, _)| *other == name);
    let providers_of_all = resolve::resolve(&modules, Sizes::Initial, lookup)?;
    let placed =
        (manner.base == MemoryBase::Fixed).then(|| resolve::main_memory(&modules, &providers_of_all)).flatten();
    let linkages = resolve::linkages(providers_of_all, [], &BTreeMap::new(), placed);
    let (module, linkage) = (modules[providers.len()], &linkages[providers.len()]);
    let function = |name: &str| match module.export(name) {
        Some(EntityIndex::Function(func)) => Ok(func),
        _ => bail!("there is no function `{name}`"),
    };
    let functions = names.iter().map(|name| function(name)).collect::<Result<Vec<_>>>()?;
    let foreign = Foreign::default();
    let roots = Roots { functions: functions.clone(), visible: Vec::new(), open: false, foreign: &foreign };
    let facts = analyze::facts(module, &roots);
    let purpose = Purpose { world: World::Closed, memory_checks: manner.checks };
    let layout = layout::plan(module, &facts, linkage, &foreign, purpose)?;
    let env = Env {
        module,
        facts: &facts,
        layout: &layout,
        linkage,
        foreign: &foreign,
        c: CAbi::of(isa.usual.triple()),
        undefined: &BTreeSet::new(),
        with_data: &BTreeSet::new(),
        instances: false,
        target: isa.usual.frontend_config(),
        spectre_masks: manner.masks,
        interruptible: false,
        profiling: &Profiling::Off,
        locals: Locals::Off,
        stacked: &[],
        machine: isa.machine(),
    };
    let (mut state, mut context) = (State::default(), Context::new());
    for (number, func) in functions.into_iter().enumerate() {
        context.clear();
        translate::translate_function(&env, func, &mut state, &mut context.func)?;
        visit(number, &context.func, "translated");
        context.optimize(&*isa.usual, &mut ControlPlane::default()).context("optimizing")?;
        visit(number, &context.func, "optimized");
    }
    Ok(())
}

fn accesses(form: &Form, sample: Sample) -> Vec<Access> {
    let mut accesses = Vec::new();
    for kind in kind::all() {
        for offset in form.offsets().into_iter().filter(|offset| sample.takes(&(form.name, &kind.name, *offset))) {
            let indices = form.indices(offset, kind.size);
            accesses.push(Access { kind: kind.clone(), offset, indices });
        }
    }
    accesses
}

fn check_one(
    form: &Form,
    processor: Processor,
    manner: Manner,
    access: &Access,
    func: &Function,
    index: u64,
) -> Result<()> {
    let Access { kind, offset, .. } = access;
    let memories = memories(form, manner);
    let more = kind.more_arguments(0).len();
    let arguments: Vec<_> = [Word::Known(index)].into_iter().chain((0..more).map(|_| Word::Data)).collect();
    let (events, end) = evaluate::evaluate(func, &memories, &arguments)?;
    let memory = memories.len() - 1;
    if kind.is_call() {
        return check_call(index, *offset, &events, &end);
    }
    let expected = match form.outcome(kind, index, *offset) {
        Outcome::Reaches(at) => {
            let touched = (processor.touches && kind.size == 16 && !kind.has_result() && !form.bytewise)
                .then(|| Event::Access { memory, at: at + kind.size - 1, size: 1 });
            let reached = Event::Access { memory, at, size: kind.size };
            (touched.into_iter().chain([reached]).collect(), End::Returned)
        }
        Outcome::Traps(cause) => (Vec::new(), End::Trapped(cause)),
    };
    ensure!((&events, &end) == (&expected.0, &expected.1), "{events:x?}, then {end:?}; expected: {expected:x?}");
    Ok(())
}

/// The runtime checks addresses of wait and notify. It must get the true one, or there is none.
fn check_call(index: u64, offset: u64, events: &[Event], end: &End) -> Result<()> {
    let is_right = match (index.checked_add(offset), events) {
        (Some(address), [Event::Call { builtin, arguments }]) => {
            matches!(builtin, Builtin::MemoryWait32 | Builtin::MemoryWait64 | Builtin::MemoryNotify)
                && arguments.get(1) == Some(&Word::Known(address))
                && *end == End::Returned
        }
        (None, []) => *end == End::Trapped(super::form::Cause::OutOfBounds),
        _ => false,
    };
    ensure!(is_right, "{events:x?}, then {end:?}");
    Ok(())
}

/// The module's memories; the last one is `$m`. Behind it is as little as there can be: it is as
/// large as it may get.
pub fn memories(form: &Form, manner: Manner) -> Vec<Borders> {
    let Manner { base, checks, .. } = manner;
    const BASE: u64 = 0x5555_0000_0000;
    let first = match base {
        MemoryBase::Fixed if !form.wide && !form.bytewise => FIXED_BASE,
        _ => BASE,
    };
    let bytes = form.bytes();
    let narrow = |bytes| if checks { bytes + SMALL_GUARD } else { GUARDED_RESERVATION };
    let reserved = match (form.bytewise, form.wide) {
        (true, _) => bytes.next_multiple_of(X86_64_PAGE),
        (false, false) => narrow(bytes),
        (false, true) => bytes + CHECKED_GUARD,
    };
    match form.place {
        MemoryOrigin::Second => {
            let other = if base == MemoryBase::Fixed { FIXED_BASE } else { BASE << 1 };
            let other = Borders { base: other, bytes: 65536, reserved: narrow(65536) };
            vec![other, Borders { base: BASE, bytes, reserved }]
        }
        _ => vec![Borders { base: first, bytes, reserved }],
    }
}
