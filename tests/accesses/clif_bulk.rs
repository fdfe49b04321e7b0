//! Copies and fills as CLIF: the ranges that the runtime gets, or that a few loads and stores
//! reach.

use super::bulk::{BYTE, KNOWN, addresses, fits, functions, lengths};
use super::clif::{Findings, Manner, Processor, memories, translate};
use super::evaluate::{Borders, End, Event, Word, evaluate};
use super::form::{Cause, Form};
use anyhow::{Result, ensure};
use cranelift_codegen::ir::Function;
use wasm2native::abi::builtin::Builtin;

/// A function of the module.
#[derive(Copy, Clone)]
struct Operation {
    copies: bool,
    /// The length, if the compiler knows it.
    known: Option<u64>,
}

impl Operation {
    fn name(self) -> String {
        let name = if self.copies { "copy" } else { "fill" };
        self.known.map_or(name.to_owned(), |n| format!("{name} {n}"))
    }
}

/// Evaluates every operation with every range; how many times.
///
/// # Errors
/// When one does other than the oracle says.
pub fn check(form: &Form, processor: Processor, manner: Manner) -> Result<usize> {
    let lengths = || KNOWN.into_iter().map(Some).chain([None]);
    let operations = |copies| lengths().map(move |known| Operation { copies, known });
    let operations: Vec<_> = operations(true).chain(operations(false)).collect();
    let names: Vec<_> = operations.iter().map(|operation| operation.name()).collect();
    let memories = memories(form, manner);
    let mut findings = Findings::default();
    translate(form, processor, manner, &functions(form), &names, &mut |number, func, stage| {
        check_all(form, &memories, operations[number], func, stage, &mut findings);
    })?;
    findings.result()
}

fn check_all(
    form: &Form,
    memories: &[Borders],
    operation: Operation,
    func: &Function,
    stage: &str,
    findings: &mut Findings,
) {
    for to in addresses(form) {
        let sources = if operation.copies { addresses(form) } else { vec![to] };
        for from in sources {
            let lengths = operation.known.map_or_else(|| lengths(form, &[to, from]), |n| vec![n]);
            for n in lengths {
                let what = || format!("{} of {n:#x} bytes from {from:#x} to {to:#x} ({stage})", operation.name());
                findings.note(check_one(memories, operation, func, [to, from, n]), what);
            }
        }
    }
}

fn check_one(memories: &[Borders], operation: Operation, func: &Function, [to, from, n]: [u64; 3]) -> Result<()> {
    let number = memories.len() - 1;
    let mut arguments = vec![Word::Known(to)];
    arguments.extend(operation.copies.then_some(Word::Known(from)));
    arguments.extend(operation.known.is_none().then_some(Word::Known(n)));
    let (events, end) = evaluate(func, memories, &arguments)?;
    if !fits(to, n, memories[number].bytes) || !fits(from, n, memories[number].bytes) {
        ensure!(events.is_empty() && end == End::Trapped(Cause::OutOfBounds), "{events:x?}, then {end:?}");
        return Ok(());
    }
    let base = memories[number].base;
    let is_right = match (&events[..], operation.copies) {
        ([Event::Call { builtin, arguments }], true) => {
            *builtin == Builtin::Memmove && *arguments == [base + to, base + from, n].map(Word::Known)
        }
        ([Event::Call { builtin, arguments }], false) => {
            *builtin == Builtin::Memset && *arguments == [base + to, BYTE.into(), n].map(Word::Known)
        }
        (accesses, copies) => {
            // Everything is loaded before anything is stored.
            let (loads, stores) = accesses.split_at(if copies { accesses.len() / 2 } else { 0 });
            (!copies || are_a_range(loads, number, from, n)) && are_a_range(stores, number, to, n)
        }
    };
    ensure!(is_right && end == End::Returned, "{events:x?}, then {end:?}");
    Ok(())
}

/// Whether the accesses reach `n` bytes of a memory from `start`, all of them in order, and nothing
/// else. They may overlap.
fn are_a_range(accesses: &[Event], number: usize, start: u64, n: u64) -> bool {
    let mut next = start;
    let in_order = accesses.iter().all(|access| match access {
        Event::Access { memory, at, size } if *memory == number && (start..=next).contains(at) => {
            next = at + size;
            true
        }
        _ => false,
    });
    in_order && next == start + n
}
