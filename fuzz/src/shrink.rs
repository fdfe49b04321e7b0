//! From a module that fails to a small one that fails in the same way, as a fixture.

use crate::cases::CHECK;
use crate::examine::{Failure, examine};
use crate::kind::Subject;
use crate::variant::{Extra, Target};
use anyhow::Result;
use std::fmt::Write;
use std::time::{Duration, Instant};
use wasm_encoder::{CodeSection, Encode, Function, Module, RawSection};
use wasm_shrink::WasmShrink;
use wasmparser::{Parser, Payload};

/// How long shrinking may take.
const TIME: Duration = Duration::from_secs(120);

/// How often wasm-shrink tries before it gives up.
pub const ATTEMPTS: u32 = 400;

/// The smallest module that was found: bodies are emptied, and then wasm-shrink fails `attempts`
/// times to find a smaller one.
///
/// # Errors
/// When the module can't be read.
pub fn shrink(subject: &Subject, failure: &Failure, attempts: u32) -> Result<Subject> {
    let deadline = Instant::now() + TIME;
    let fails = |wasm: &[u8]| {
        if Instant::now() > deadline {
            return None;
        }
        let smaller = subject.with(wasm.to_vec()).ok()?;
        is_same(&smaller, failure).then_some(smaller)
    };
    let mut best = subject.clone();
    for body in 0..n_bodies(&subject.wasm)? {
        let candidate = without_body(&best.wasm, body)?;
        best = fails(&candidate).unwrap_or(best);
    }
    let mut smallest = best.clone();
    let shrunk = WasmShrink::default().attempts(attempts).allow_empty(true).run(best.wasm.clone(), |wasm| {
        let found = fails(wasm);
        let is_interesting = found.is_some();
        smallest = found.unwrap_or_else(|| smallest.clone());
        Ok(is_interesting)
    });
    // It does not know all proposals: what it found until then is good.
    drop(shrunk);
    if smallest.wasm.len() < best.wasm.len() { Ok(smallest) } else { Ok(best) }
}

/// Whether a module fails as `failure` did: in the same variant, with the same kind of difference.
fn is_same(subject: &Subject, failure: &Failure) -> bool {
    let variants = failure.variant.as_slice();
    let Ok(examined) = examine(subject, variants, failure.variant.is_none()) else { return false };
    examined.failures.iter().any(|it| class(it) == class(failure))
}

/// What failed, without numbers.
fn class(failure: &Failure) -> String {
    let difference = &failure.difference;
    let what = if difference.what.parse::<u32>().is_ok() { "call" } else { &difference.what };
    let text = format!("{what}: {} {}", difference.expected, difference.actual);
    let words = text.split_whitespace().filter(|word| !word.contains(|it: char| it.is_ascii_digit()));
    words.collect::<Vec<_>>().join(" ")
}

fn n_bodies(wasm: &[u8]) -> Result<u32> {
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionStart { count, .. } = payload? {
            return Ok(count);
        }
    }
    Ok(0)
}

/// The module with `unreachable` in place of a body.
fn without_body(wasm: &[u8], number: u32) -> Result<Vec<u8>> {
    let mut code = CodeSection::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let Payload::CodeSectionEntry(body) = payload? else { continue };
        if code.len() == number {
            let mut function = Function::new([]);
            function.instructions().unreachable().end();
            code.function(&function);
        } else {
            let range = body.range();
            code.raw(&wasm[range.start as usize..range.end as usize]);
        }
    }
    let mut contents = Vec::new();
    code.encode(&mut contents);
    // After the length of the section.
    let start = leb_length(&contents);
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let Some((id, range)) = payload?.as_section() else { continue };
        let data = if id == 10 { &contents[start..] } else { &wasm[range.start as usize..range.end as usize] };
        module.section(&RawSection { id, data });
    }
    Ok(module.finish())
}

/// How many bytes the number at the start takes.
fn leb_length(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1
}

/// A fixture with the module: what failed, and a run of [`CHECK`] that makes the call alone.
///
/// # Errors
/// When the module has no text form.
pub fn fixture(subject: &Subject, failure: &Failure) -> Result<String> {
    let Failure { variant, difference } = failure;
    let mut text = String::new();
    let name = variant.map_or_else(|| "the second engine".to_owned(), |variant| variant.to_string());
    writeln!(text, ";; {} {}: {name}", subject.kind, subject.seed)?;
    writeln!(text, ";; {}: expected {}", difference.what, first_line(&difference.expected))?;
    writeln!(text, ";; but got {}", first_line(&difference.actual))?;
    if let Some(variant) = variant {
        let mut flags = format!("--invoke {CHECK} {}", variant.flags());
        if variant.extra == Extra::Cpu && variant.target == Target::X86_64 {
            flags += " --cpu native";
        }
        writeln!(text, ";;! build = \"{flags}\"")?;
        let number = difference.what.parse::<u32>().ok().map(|number| 1u64 << number);
        let mask = number.or_else(|| difference.what.strip_prefix("mask ")?.parse().ok());
        writeln!(text, ";;! run args=\"{}\"", mask.unwrap_or(u64::MAX).cast_signed())?;
    }
    text += &wasmprinter::print_bytes(subject.cases()?.wasm)?;
    Ok(text)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
