//! A module under all engines, and what differs.

use crate::cases::Cases;
use crate::interpreter;
use crate::kind::Subject;
use crate::native::{self, Ran};
use crate::observed::{Difference, Ended, Mode, Observed, Traps, difference};
use crate::reference::Reference;
use crate::variant::{Form, Target, Variant};
use anyhow::Result;
use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// What one of the engines did differently.
#[derive(Clone, Debug)]
pub struct Failure {
    /// `None` is the second engine.
    pub variant: Option<Variant>,
    pub difference: Difference,
}

/// What an examination came to.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    pub failures: Vec<Failure>,
    /// Modules as native code, and calls of all of them.
    pub n_builds: u64,
    pub n_calls: u64,
    /// Calls that trapped under the reference.
    pub n_traps: u64,
    pub n_reference_calls: u64,
    /// Whether the second engine knew the module's features.
    pub is_interpreted: bool,
}

/// Runs the module in all `variants`.
///
/// # Errors
/// When nothing can be compared: the module runs for too long, or the reference refuses it.
pub fn examine(subject: &Subject, variants: &[Variant], interprets: bool) -> Result<Examined> {
    let cases = subject.cases()?;
    let expected = Expected { reference: Reference::new(&cases)?, on: OnceCell::new(), reset: OnceCell::new() };
    let mut examined = Examined::default();
    let usual = if subject.seed.is_multiple_of(3) { Mode::Reset } else { Mode::On };
    let observed = expected.observed(usual)?;
    examined.n_reference_calls = observed.calls.len() as u64;
    examined.n_traps = observed.calls.iter().filter(|it| it.is_trap()).count() as u64;
    if interprets {
        interpret(&cases, &expected, &mut examined)?;
    }
    let folder = tempfile::tempdir()?;
    let mut built = Vec::new();
    for variant in variants {
        let build = || native::build(variant, &cases, folder.path());
        let failed = match catch_unwind(AssertUnwindSafe(build)) {
            Ok(Ok(file)) => {
                built.push((*variant, file));
                continue;
            }
            Ok(Err(error)) => format!("{error:#}"),
            Err(panic) => format!("panic: {}", text(&*panic)),
        };
        examined.fail(*variant, "compile", "success", failed);
    }
    examined.n_builds = built.len() as u64;
    for target in Target::ALL {
        for mode in [Mode::On, Mode::Reset] {
            let mode_of = |variant: &Variant| if variant.traps() == Traps::Free { Mode::Reset } else { usual };
            let is_here = |variant: &Variant| {
                variant.form == Form::Library && variant.target == target && mode_of(variant) == mode
            };
            let group: Vec<_> = built.iter().filter(|(variant, _)| is_here(variant)).cloned().collect();
            libraries(&group, (target, mode), &cases, &expected, &mut examined)?;
        }
    }
    for (variant, program) in built.iter().filter(|(variant, _)| variant.form == Form::Program) {
        run_program(variant, program, &cases, &expected, &mut examined)?;
    }
    Ok(examined)
}

/// What the reference does, each asked for once.
struct Expected {
    reference: Reference,
    on: OnceCell<Observed>,
    reset: OnceCell<Observed>,
}

impl Expected {
    fn observed(&self, mode: Mode) -> Result<&Observed> {
        let cell = if mode == Mode::On { &self.on } else { &self.reset };
        if cell.get().is_none() {
            let _ = cell.set(self.reference.observe(mode)?);
        }
        Ok(cell.get().expect("it is set"))
    }
}

impl Examined {
    fn fail(&mut self, variant: Variant, what: &str, expected: &str, actual: String) {
        let difference = Difference { what: what.to_owned(), expected: expected.to_owned(), actual };
        self.failures.push(Failure { variant: Some(variant), difference });
    }
}

fn interpret(cases: &Cases, expected: &Expected, examined: &mut Examined) -> Result<()> {
    let Some(observed) = interpreter::observe(cases)? else { return Ok(()) };
    examined.is_interpreted = true;
    let found = difference(expected.observed(interpreter::MODE)?, &observed, Traps::Exact);
    examined.failures.extend(found.map(|difference| Failure { variant: None, difference }));
    Ok(())
}

fn libraries(
    group: &[(Variant, PathBuf)],
    (target, mode): (Target, Mode),
    cases: &Cases,
    expected: &Expected,
    examined: &mut Examined,
) -> Result<()> {
    let files: Vec<_> = group.iter().map(|(_, file)| file.clone()).collect();
    let ran: Vec<Ran> = native::observe(target, mode, cases.n_calls, &files)?;
    for ((variant, _), ran) in group.iter().zip(ran) {
        match ran {
            Ok(observed) => {
                examined.n_calls += observed.calls.len() as u64;
                let found = difference(expected.observed(mode)?, &observed, variant.traps());
                examined.failures.extend(found.map(|difference| Failure { variant: Some(*variant), difference }));
            }
            Err(failed) => examined.fail(*variant, "host", "an orderly end", failed),
        }
    }
    Ok(())
}

/// Two runs: of all calls, which a trap ends, and of those that do not trap.
fn run_program(
    variant: &Variant,
    program: &std::path::Path,
    cases: &Cases,
    expected: &Expected,
    examined: &mut Examined,
) -> Result<()> {
    let observed = expected.observed(Mode::On)?;
    let values = observed.calls.iter().enumerate().filter(|(_, ended)| !ended.is_trap());
    let values = values.fold(0, |mask, (number, _)| mask | 1u64 << number);
    let all = (1u64 << cases.n_calls) - 1;
    let masks = if values == all { vec![all] } else { vec![all, values] };
    for mask in masks {
        let wanted = expected.reference.check(mask)?;
        if wanted.is_limit() || wanted.is_trap() && variant.traps() == Traps::Free {
            continue;
        }
        examined.n_calls += 1;
        let ended = native::check(variant.target, program, mask);
        let is_same = ended.as_ref().is_ok_and(|ended| wanted.agrees(ended, variant.traps()) || Ended::is_limit(ended));
        if !is_same {
            let actual = ended.map_or_else(|failed| failed, |ended| ended.to_string());
            examined.fail(*variant, &format!("mask {mask}"), &wanted.to_string(), actual);
            return Ok(());
        }
    }
    Ok(())
}

/// The message of a panic.
pub fn text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|&it| it.to_owned())).unwrap_or_default()
}
