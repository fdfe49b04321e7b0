//! Every file in `fixtures/` is a test: compiled by the command `wasm2native`, run, and compared
//! with the texts at its end.
//!
//! How a fixture is written stands in `tests/kit/src/directive.rs` and `tests/kit/src/fixture.rs`.
//! `cargo test --test run -- NAME` runs those whose name contains NAME; `BLESS=1` rewrites the
//! expected texts (never the exit status): read the diff before committing it. `W2N_PART=1` is for
//! a slow emulator: a tenth of the fixtures, by hash of the name, and those of [`WHOLE`].

use anyhow::{Result, bail, ensure};
use libtest_mimic::Trial;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use test_kit::directive::{self, Run};
use test_kit::fixture::{self, Fixture, Section};
use test_kit::process::{self, Outcome};
use test_kit::trial::Skip;
use test_kit::{product, target, text, toolchain, trap};

fn main() {
    let mut paths = fixture::all().expect("the fixtures can be listed");
    if target::is_part() {
        paths.retain(|path| is_in_part(&fixture::name_of(path)));
    }
    let manual = test_kit::trial::trial("readme-explains-every-directive", manual);
    test_kit::trial::run(paths.into_iter().map(trial).chain([manual]));
}

/// Beginnings of names: what differs most from one processor to the next.
const WHOLE: [&str; 3] = ["thread/", "trap/", "wasi/path-"];

fn is_in_part(name: &str) -> bool {
    WHOLE.iter().any(|start| name.starts_with(start)) || blake3::hash(name.as_bytes()).as_bytes()[0].is_multiple_of(10)
}

/// The manual uses or explains each directive and each kind of section.
fn manual() -> Result<()> {
    let text = include_str!("../fixtures/readme.wat");
    let (comments, directives): (Vec<_>, Vec<_>) =
        text.lines().filter(|line| line.starts_with(";;")).partition(|line| !line.starts_with(";;!"));
    let (comments, directives) = (comments.concat(), directives.concat());
    for key in directive::KEYS {
        let is_explained = comments.contains(&format!("`{key}")) || directives.contains(&format!(";;! {key} "));
        ensure!(is_explained, "fixtures/readme.wat does not explain the directive `{key}`");
    }
    for kind in fixture::SECTIONS {
        ensure!(comments.contains(&format!("`{kind}")), "fixtures/readme.wat does not explain the section `{kind}`");
    }
    Ok(())
}

fn trial(path: PathBuf) -> Trial {
    test_kit::trial::trial(fixture::name_of(&path), move || {
        let fixture = Fixture::read(&path)?;
        toolchain::require_for(&fixture)?;
        if let Some(reason) = fixture.setup.native.clone().filter(|_| process::is_emulated()) {
            return Err(Skip::Reason(reason).into());
        }
        check(&fixture)
    })
}

/// What a fixture showed: texts to compare, and what is wrong whatever the texts say.
#[derive(Default)]
struct Findings {
    sections: Vec<Section>,
    /// The kinds of section in which a program said something.
    spoken: BTreeSet<String>,
    faults: String,
}

fn check(fixture: &Fixture) -> Result<()> {
    let mut findings = Findings::default();
    observe(fixture, &mut findings)?;
    let mut faults = findings.faults;
    let bless = std::env::var_os("BLESS").is_some_and(|value| value != "0");
    let mut sections = Vec::new();
    for Section { kind, text: actual } in findings.sections {
        if fixture.expected(&kind).is_none() && !findings.spoken.contains(&kind) {
            continue;
        }
        let expected = fixture.expected(&kind).unwrap_or("");
        let same = if has_wildcards(&kind) { text::matches(expected, &actual) } else { expected == actual };
        if !same && !bless {
            writeln!(faults, "{kind}:\n{}", text::difference(expected, &actual))?;
        }
        let text = if same { expected.to_owned() } else { actual };
        sections.push(Section { kind, text });
    }
    for Section { kind, .. } in &fixture.expected {
        if !bless && !sections.iter().any(|section| section.kind == *kind) {
            writeln!(faults, "nothing was there to compare with section `{kind}`")?;
        }
    }
    if bless {
        sections.retain(|section| !section.text.is_empty());
        fixture.bless(&sections)?;
    }
    if !faults.is_empty() {
        bail!(faults);
    }
    Ok(())
}

/// Messages of the system and addresses in backtraces differ from one machine to the next.
fn has_wildcards(kind: &str) -> bool {
    matches!(kind, "stderr" | "error")
}

/// Compiles and runs.
fn observe(fixture: &Fixture, findings: &mut Findings) -> Result<()> {
    let input = product::input(fixture)?;
    let build = product::build(fixture, &input)?;
    let said = text::render(build.outcome.stderr.as_bytes());
    if !build.outcome.stdout.is_empty() {
        writeln!(
            findings.faults,
            "the compiler wrote to standard output:\n{}",
            text::render(build.outcome.stdout.as_bytes())
        )?;
    }
    if fixture.expected("error").is_some() {
        findings.sections.push(Section { kind: "error".to_owned(), text: said });
        if build.outcome.status != 1 {
            writeln!(findings.faults, "the compiler ended with {}", process::describe(build.outcome.status))?;
        }
        if build.output.exists() {
            writeln!(findings.faults, "the compiler failed, but left its output file")?;
        }
        return Ok(());
    }
    if build.outcome.status != 0 || !said.is_empty() {
        let status = process::describe(build.outcome.status);
        writeln!(findings.faults, "the compiler ended with {status}:\n{said}")?;
        return Ok(());
    }
    if let Some(emit) = &fixture.setup.emit {
        let text = std::fs::read_to_string(&build.output)?;
        if text.is_empty() {
            writeln!(findings.faults, "`--emit {emit}` printed nothing")?;
        }
        findings.spoken.insert(emit.clone());
        findings.sections.push(Section { kind: emit.clone(), text });
        return Ok(());
    }
    for (number, run) in fixture.runs.iter().enumerate() {
        let (outcome, place) = build.run(fixture, run, number)?;
        observe_run(fixture, run, &outcome, &place, findings)?;
        if let Some(stressed) = stressed(fixture, run) {
            let (again, _) = build.run(fixture, &stressed, number.saturating_add(fixture.runs.len()))?;
            // How deep a stack is that overflows depends on the length of the environment.
            let told = |outcome: &Outcome| {
                (outcome.status, outcome.stdout.clone(), outcome.stderr.lines().next().map(str::to_owned))
            };
            if told(&again) != told(&outcome) {
                let (status, stderr) = (process::describe(again.status), text::render(again.stderr.as_bytes()));
                writeln!(
                    findings.faults,
                    "run `{}` with --gc-stress: {status}; standard error:\n{stderr}",
                    run.args_text
                )?;
            }
        }
    }
    Ok(())
}

/// The run with a collection before each object, if the fixture is about objects. What limits show
/// depends on when there are collections.
fn stressed(fixture: &Fixture, run: &Run) -> Option<Run> {
    let options = run.options.clone().unwrap_or_default();
    let is_about_objects = ["exn/", "gc/"].iter().any(|folder| fixture.name.starts_with(folder));
    let has = |word| options.contains(word) || fixture.setup.build.iter().any(|option| option.contains(word));
    let is_meant = is_about_objects && !has("--max-") && !has("--gc-");
    is_meant.then(|| Run { options: Some(format!("{options} --gc-stress")), ..run.clone() })
}

fn observe_run(fixture: &Fixture, run: &Run, outcome: &Outcome, place: &Path, findings: &mut Findings) -> Result<()> {
    let which = if fixture.runs.len() > 1 { format!("run `{}`: ", run.args_text) } else { String::new() };
    let stderr = text::render(outcome.stderr.as_bytes());
    let faults = &mut findings.faults;
    if outcome.status != run.exit {
        let got = process::describe(outcome.status);
        writeln!(faults, "{which}{got} instead of {}; standard error:\n{stderr}", run.exit)?;
    }
    if let Some(expected) = &run.trap {
        if !trap::is_known(expected) {
            writeln!(faults, "no trap is called `{expected}`")?;
        }
        let first = stderr.lines().next().unwrap_or_default();
        if !trap::is_reported(first, expected) {
            writeln!(faults, "{which}`{first}` instead of the trap `{expected}`")?;
        }
    }
    let header =
        if fixture.runs.len() > 1 { format!("{}\n", format!("$ {}", run.args_text).trim_end()) } else { String::new() };
    let mut add = |kind: &str, text: &str| {
        if !text.is_empty() {
            findings.spoken.insert(kind.to_owned());
        }
        let text = format!("{header}{text}");
        match findings.sections.iter_mut().find(|section| section.kind == kind) {
            Some(section) => section.text.push_str(&text),
            None => findings.sections.push(Section { kind: kind.to_owned(), text }),
        }
    };
    add("stdout", &text::render(outcome.stdout.as_bytes()));
    // A program that fails may say why in its own words, unless the fixture quotes them.
    if fixture.expected("stderr").is_some() || run.exit == 0 {
        add("stderr", &stderr);
    }
    for Section { kind, .. } in &fixture.expected {
        if let Some(name) = kind.strip_prefix("file ") {
            let text =
                std::fs::read(place.join(name)).map_or_else(|error| format!("({error})\n"), |it| text::render(&it));
            add(kind, &text);
        }
    }
    Ok(())
}
