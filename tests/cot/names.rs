//! What editors ask about names. In sound programs every name leads somewhere, also where generics
//! have no instance. A new name leaves a program what it was, or is refused.

use std::collections::BTreeSet;
use std::path::Path;

use libtest_mimic::{Failed, Trial};
use wasm2native::cot::check::check;
use wasm2native::cot::load::{LoadOptions, Loaded, load_bytes};
use wasm2native::cot::query::Program;
use wasm2native::cot::source::{FileId, Span};
use wasm2native::cot::token::TokenKind;
use wasm2native::cot::{scan, with_large_stack};

use crate::source::{fixtures, options};

pub fn trials() -> Vec<Trial> {
    let areas = ["run", "check", "std", "facts", "examples"];
    let every = areas.map(|area| Trial::test(format!("names-lead-somewhere-{area}"), move || lead_somewhere(area)));
    every.into_iter().chain([Trial::test("names-change-and-back", renamed_and_back)]).collect()
}

fn load(path: &Path) -> Result<Loaded, Failed> {
    Ok(load_bytes(&path.display().to_string(), Some(path), std::fs::read(path)?, &Default::default()))
}

/// Words that no declaration introduces.
const BUILT_IN: &[&str] =
    &["print", "println", "eprint", "eprintln", "len", "append", "as", "export", "_", "Self", "ptr", "tag"];

/// Names that nobody declares, in parts that are left out of the program.
const UNDEFINED: &[&str] = &["undefinedFunction", "y", "nothing", "like", "this"];

fn lead_somewhere(area: &str) -> Result<(), Failed> {
    let mut lost = Vec::new();
    for path in fixtures(area) {
        let found = with_large_stack(|| -> Result<Vec<String>, Failed> {
            let loaded = load(&path)?;
            if check(&loaded, &options()).is_err() {
                return Ok(Vec::new());
            }
            let program = Program::new(loaded, &options(), None);
            let Some(file) = program.loaded.files.last().map(|it| it.id) else { return Ok(Vec::new()) };
            Ok(names_without(&program, file, |name| program.hover(name).is_some()))
        });
        lost.extend(found?);
    }
    if lost.is_empty() { Ok(()) } else { Err(lost.join("\n").into()) }
}

/// Names of a file, with their lines, of which something is not true.
fn names_without(program: &Program, file: FileId, is_true: impl Fn(Span) -> bool) -> Vec<String> {
    let source = program.source(file);
    let tokens = scan::scan(file, source).tokens;
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, it)| it.kind == TokenKind::Identifier) {
        let text = String::from_utf8_lossy(program.loaded.sources.text(token.span)).into_owned();
        let is_label = tokens[at + 1].kind == TokenKind::Colon
            && matches!(
                tokens[at + 2].kind,
                TokenKind::While | TokenKind::For | TokenKind::Inline | TokenKind::OpenBrace
            )
            || at > 1
                && tokens[at - 1].kind == TokenKind::Colon
                && matches!(tokens[at - 2].kind, TokenKind::Break | TokenKind::Continue);
        let is_modifier = text == "unowned" && matches!(tokens[at + 1].kind, TokenKind::Var | TokenKind::Let);
        let is_left_out = source.name.ends_with("run/comptime.cot") && UNDEFINED.contains(&&*text);
        if !is_left_out && !is_modifier && !BUILT_IN.contains(&&*text) && !is_label && !is_true(token.span) {
            found.push(format!("{}:{}: {text}", source.name, source.position(token.span.start).0));
        }
    }
    found
}

/// How many names of a program are changed.
const MOST_RENAMED: usize = 2;

/// Changes names of programs, and then back.
fn renamed_and_back() -> Result<(), Failed> {
    let mut n_renamed = 0;
    for path in ["run", "examples"].into_iter().flat_map(fixtures) {
        n_renamed += with_large_stack(|| rename_some(&path))?;
    }
    if n_renamed < 100 {
        return Err(format!("only {n_renamed} names could be changed").into());
    }
    println!("{n_renamed} names");
    Ok(())
}

fn rename_some(path: &Path) -> Result<usize, Failed> {
    let loaded = load(path)?;
    let Some(file) = loaded.files.last().map(|it| it.id) else { return Ok(0) };
    if check(&loaded, &options()).is_err() {
        return Ok(0);
    }
    let program = Program::new(loaded, &options(), None);
    let tokens = scan::scan(file, program.source(file)).tokens;
    let names = tokens.iter().filter(|it| it.kind == TokenKind::Identifier).map(|it| it.span);
    let own: Vec<Span> = names.filter(|name| program.definitions(*name) == [*name]).collect();
    let mut n_renamed = 0;
    for name in own.iter().step_by((own.len() / MOST_RENAMED).max(1)) {
        let old = String::from_utf8_lossy(program.loaded.sources.text(*name)).into_owned();
        // What makes values of a struct begins with a capital.
        let new = if old.starts_with(|it: char| it.is_uppercase()) { "New_name_of_test" } else { "new_name_of_test" };
        let Ok(there) = program.rename(*name, new) else { continue };
        let place = format!("{}:{}: {old}", path.display(), program.source(file).position(name.start).0);
        let files: BTreeSet<FileId> = there.edits.keys().map(|(file, ..)| *file).collect();
        let texts = files.into_iter().map(|it| (program.source(it).path.clone(), program.edited(it, &there.edits)));
        let buffers = texts.filter_map(|(path, text)| Some((path?, text))).collect();
        let text = program.edited(file, &there.edits);
        let loading = LoadOptions { buffers, ..LoadOptions::default() };
        let after = load_bytes(&path.display().to_string(), Some(path), text, &loading);
        if let Some(fault) = check(&after, &options()).err().and_then(|it| it.into_iter().next()) {
            // Strings may hold names of fields, as in `@offsetOf`.
            if fault.message.contains(&old)
                && program.source(file).bytes.windows(old.len() + 2).any(|it| it == format!("\"{old}\"").as_bytes())
            {
                continue;
            }
            return Err(format!("{place}: {}", fault.message).into());
        }
        let after = Program::new(after, &options(), None);
        if !program.means_the_same(&after, &there.edits) {
            return Err(format!("{place}: it means something else").into());
        }
        let renamed = there.edits.keys().find(|(of, start, _)| *of == name.file && *start == name.start);
        let shift: i64 = there
            .edits
            .keys()
            .filter(|(of, start, _)| *of == name.file && *start < name.start)
            .map(|(_, start, end)| 16 - i64::from(end - start))
            .sum();
        if renamed.is_none() {
            return Err(format!("{place}: the name itself stays").into());
        }
        let at = (i64::from(name.start) + shift) as u32;
        let moved = after.name_at(file, at).ok_or(format!("{place}: there is no name anymore"))?;
        let back = after.rename(moved, &old).map_err(|why| format!("{place}: {why}"))?;
        if after.edited(file, &back.edits) != program.source(file).bytes
            && !there.edits.values().any(|it| it.contains(':'))
        {
            return Err(format!("{place}: the way back leads elsewhere").into());
        }
        n_renamed += 1;
    }
    Ok(n_renamed)
}
