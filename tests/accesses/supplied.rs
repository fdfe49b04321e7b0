//! Programs of which the command line says where the memory comes from: the program itself, or
//! another module. Each case is a run of its own, since a trap ends a program.

use super::form::{Form, Outcome, pattern};
use super::kind::{self, Kind, Type};
use super::native;
use super::sample::Sample;
use super::script::number;
use anyhow::{Result, bail};
use std::fmt::Write;
use test_kit::process;
use test_kit::trap;

struct Case {
    kind: Kind,
    offset: u64,
    index: u64,
    outcome: Outcome,
}

/// Tries the cases of the sample; how many.
///
/// # Errors
/// When one does other than the oracle says.
pub fn check(form: &Form, flags: &[&str], sample: Sample) -> Result<usize> {
    let cases = cases(form, sample);
    let folder = tempfile::tempdir()?;
    let (source, program) = (folder.path().join("main.wat"), folder.path().join("main"));
    std::fs::write(&source, module(form, &cases))?;
    let mut words = vec!["--invoke".to_owned(), "check".to_owned()];
    for (name, text) in form.providers() {
        let path = folder.path().join(format!("{name}.wat"));
        std::fs::write(&path, text)?;
        words.extend(["--module".to_owned(), format!("{name}={}", path.display())]);
    }
    let flags: Vec<_> = flags.iter().copied().chain(words.iter().map(String::as_str)).collect();
    native::compile(&source, &program, &flags)?;
    let mut complaints = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let run =
            process::run(process::program(&program).arg(number.to_string()).arg((case.index as i64).to_string()), b"")?;
        let is_right = match case.outcome {
            Outcome::Reaches(_) => run.status == 0 && run.stdout == "0\n",
            Outcome::Traps(cause) => trap::of_program(&run) == Some(cause.message()),
        };
        if !is_right {
            let Case { kind, offset, index, outcome } = case;
            complaints.push(format!("{} {offset:#x} at {index:#x} ({outcome:x?}): {run:?}", kind.name));
        }
    }
    if !complaints.is_empty() {
        bail!("{} of {} are wrong:\n{}", complaints.len(), cases.len(), complaints.join("\n"));
    }
    Ok(cases.len())
}

fn cases(form: &Form, sample: Sample) -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in kind::all() {
        for offset in form.offsets() {
            for index in form.indices(offset, kind.size) {
                if sample.takes(&(form.name, &kind.name, offset, index)) {
                    let outcome = form.outcome(&kind, index, offset);
                    cases.push(Case { kind: kind.clone(), offset, index, outcome });
                }
            }
        }
    }
    cases
}

/// A module whose function `check` makes the access of a case, and returns 0 if all is as expected.
fn module(form: &Form, cases: &[Case]) -> String {
    let mut text = format!("(module\n{}", form.fields());
    let mut branches = String::new();
    let index = if form.wide { "(local.get $index)" } else { "(i32.wrap_i64 (local.get $index))" };
    for (place, case) in cases.iter().enumerate() {
        let Case { kind, offset, outcome, .. } = case;
        let name = format!("access {place}");
        text.push_str(&kind.function(&name, form.index(), *offset).replacen("(func ", &format!("(func $a{place} "), 1));
        let (old, address) = match outcome {
            Outcome::Reaches(address) => (pattern(*address, kind.size), *address),
            Outcome::Traps(_) => (0, 0),
        };
        let more: String = kind.more_arguments(old).into_iter().map(|(ty, value)| ty.constant(value)).collect();
        let call = format!("(call $a{place} {index} {more})");
        let access = match kind.result(old) {
            None => call,
            Some((ty, value)) => {
                let differs = match ty {
                    Type::V128 => format!("(v128.any_true (v128.xor {call} {}))", ty.constant(value)),
                    _ => format!("({}.ne {call} {})", ty.name(), ty.constant(value)),
                };
                format!("(if {differs} (then (return (i64.const 1))))")
            }
        };
        let check = match kind.writes() {
            true => {
                let new = kind.stored(old);
                let numbers = [address, kind.size, new as u64, (new >> 64) as u64].map(number).join(" ");
                format!("(call $stored {numbers})")
            }
            false => "(call $whole)".to_owned(),
        };
        writeln!(branches, "(if (i32.eq (local.get $case) (i32.const {place})) (then {access} (return {check})))")
            .expect("strings can be written");
    }
    write!(
        text,
        "(func (export \"check\") (param $case i32) (param $index i64) (result i64)\n{branches} (i64.const 2)))"
    )
    .expect("strings can be written");
    text
}
