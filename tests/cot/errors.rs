//! Faulty programs carry `// ERROR: E301 part of the message` on the line that is to be complained
//! about, once for each complaint; others (`fixtures/cot/check`, the standard library) must be
//! accepted.

use std::fmt::Write;
use std::path::Path;

use libtest_mimic::{Failed, Trial};
use wasm2native::cot::library;

use crate::source::{complaints, fixtures, name_of};

pub fn trials() -> Vec<Trial> {
    let faulty = fixtures("errors").into_iter().map(|path| {
        Trial::test(format!("errors-{}", name_of(&path)), move || {
            let text = std::fs::read(&path).map_err(|error| Failed::from(error.to_string()))?;
            compare(&path, text)
        })
    });
    let sound = fixtures("check").into_iter().map(|path| {
        Trial::test(format!("check-{}", name_of(&path)), move || {
            let text = std::fs::read(&path).map_err(|error| Failed::from(error.to_string()))?;
            compare(&path, text)
        })
    });
    let modules = library::MODULES.iter().map(|(name, source)| {
        Trial::test(format!("std-{name}"), move || {
            let import = if *name == "prelude" { String::new() } else { format!("import \"std/{name}\"\n") };
            assert!(!source.is_empty(), "the module is empty");
            compare(Path::new("module.cot"), import.into_bytes())
        })
    });
    faulty.chain(sound).chain(modules).chain([Trial::test("errors-refused", refuse)]).collect()
}

/// `errors/refused.txt`: a line with code and message, then one with the program that it is the
/// first complaint about.
fn refuse() -> Result<(), Failed> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/cot/errors/refused.txt"))?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let mut faults = String::new();
    for pair in lines.chunks(2) {
        let [wanted, program] = pair else { return Err(Failed::from("a program is missing")) };
        let found = complaints(Path::new("refused.cot"), program.trim().as_bytes().to_vec());
        let first = found.first().map_or("nothing", |it| it.text.as_str());
        if !fits(wanted, first) {
            writeln!(faults, "{}: {first} instead of {wanted}", program.trim())?;
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.into()) }
}

/// What is expected of a line, in order.
fn expected(text: &str) -> Vec<(usize, String)> {
    let lines = text.lines().enumerate();
    lines
        .flat_map(|(index, line)| {
            line.split("// ERROR:").skip(1).map(move |wanted| (index + 1, wanted.trim().to_owned()))
        })
        .collect()
}

fn compare(path: &Path, bytes: Vec<u8>) -> Result<(), Failed> {
    let mut wanted = expected(&String::from_utf8_lossy(&bytes));
    let own = path.display().to_string();
    let mut faults = String::new();
    for it in complaints(path, bytes) {
        let found = wanted.iter().position(|(line, text)| it.file == own && *line == it.line && fits(text, &it.text));
        match found {
            Some(index) => {
                wanted.remove(index);
            }
            None => writeln!(faults, "not expected: {}:{}: {}", it.file, it.line, it.text)?,
        }
    }
    for (line, text) in wanted {
        writeln!(faults, "missing: {own}:{line}: {text}")?;
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.into()) }
}

/// `E301 part of the message`
fn fits(wanted: &str, found: &str) -> bool {
    let (code, part) = wanted.split_once(' ').unwrap_or((wanted, ""));
    found.starts_with(code) && code.len() == 4 && found.contains(part)
}
