//! Compile time, run time, size and start-up beside wasmtime, on this machine: `cargo bench --bench
//! compare`.
//!
//! Programs are the fixtures `bench/*` (those in C where a compiler is found) and, where the
//! environment variable `W2N_INPUTS` names a folder with the unpacked packages, real ones
//! (`inputs.rs`). wasmtime is the crate with its default configuration, as `wasmtime compile` and
//! `wasmtime run` use it, in a process of its own: this program, started again (`reference.rs`).
//! Both take turns; the table shows medians and ratios (ours by wasmtime's: below 1 is faster). `--
//! NAME` measures what contains NAME, `-- --runs 9` more often, `-- --csv FILE` writes the numbers
//! elsewhere than to `target/bench/compare.csv`.

mod inputs;

mod measure;

mod reference;

mod report;

mod startup;

mod statistics;

use anyhow::{Context, Result};
use measure::Paired;
use report::{Row, Table};
use statistics::median;
use std::path::{Path, PathBuf};
use std::process::Command;
use test_kit::fixture::{self, Fixture};
use test_kit::{product, toolchain};

/// A module, and how to run it.
pub struct Program {
    pub name: String,
    pub wasm: Vec<u8>,
    /// Flags of `wasm2native` without which it does not build.
    pub flags: Vec<String>,
    /// Export to call, if it is not `_start`.
    pub invoke: Option<String>,
    /// Arguments of the measured run; none: a library that is only compiled.
    pub args: Option<Vec<String>>,
    /// Folder that the program sees as `/data`.
    pub data: Option<PathBuf>,
}

impl Program {
    fn is_huge(&self) -> bool {
        self.wasm.len() > 10 << 20
    }

    /// What takes minutes to compile is measured when asked for by name.
    fn is_wanted(&self, filter: &str) -> bool {
        self.name.contains(filter) && !(self.is_huge() && filter.is_empty())
    }
}

struct Arguments {
    filter: String,
    runs: usize,
    csv: PathBuf,
}

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1).peekable();
    if words.peek().is_some_and(|word| word == reference::COMMAND) {
        return reference::main(&words.skip(1).collect::<Vec<_>>());
    }
    let arguments = arguments(words)?;
    warn_of_company();
    let work = tempfile::tempdir()?;
    let mut table = Table::default();
    for program in programs()?.iter().filter(|program| program.is_wanted(&arguments.filter)) {
        eprintln!("{} ...", program.name);
        match measure(program, work.path(), arguments.runs) {
            Ok(row) => table.rows.push(row),
            Err(error) => table.failures.push(format!("{}: {error:#}", program.name)),
        }
    }
    let starts = match "startup".contains(&arguments.filter) {
        true => startup::measure(work.path(), arguments.runs * 40)?,
        false => Vec::new(),
    };
    print!("{}", table.text());
    print!("{}", startup::text(&starts));
    std::fs::create_dir_all(arguments.csv.parent().unwrap_or(Path::new(".")))?;
    std::fs::write(&arguments.csv, table.csv() + &startup::csv(&starts))?;
    println!("numbers in {}", arguments.csv.display());
    Ok(())
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments> {
    let csv = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench/compare.csv");
    let mut arguments = Arguments { filter: String::new(), runs: 5, csv };
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("`{word}` lacks its value"));
        match word.as_str() {
            // Cargo's own.
            "--bench" => {}
            "--runs" => arguments.runs = value()?.parse().context("`--runs` takes a number")?,
            "--csv" => arguments.csv = value()?.into(),
            _ => arguments.filter = word,
        }
    }
    Ok(arguments)
}

/// Times are worth little where other work goes on.
fn warn_of_company() {
    let Ok(text) = std::fs::read_to_string("/proc/loadavg") else { return };
    let load: f64 = text.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(0.0);
    if load > 1.0 {
        eprintln!("warning: this machine is busy (load average {load}); don't trust the times");
    }
}

fn programs() -> Result<Vec<Program>> {
    let mut programs = Vec::new();
    for path in fixture::all()? {
        let fixture = Fixture::read(&path)?;
        let Some(args) = &fixture.setup.bench else { continue };
        if let Err(skip) = toolchain::require_for(&fixture) {
            eprintln!("skipped {}: {skip}", fixture.name);
            continue;
        }
        let input = product::input(&fixture)?;
        let invoke = fixture.setup.build.iter().skip_while(|word| *word != "--invoke").nth(1);
        programs.push(Program {
            name: fixture.name.trim_start_matches("bench/").to_owned(),
            wasm: wat::parse_bytes(&input)?.into_owned(),
            flags: fixture.setup.build.clone(),
            invoke: invoke.cloned(),
            args: Some(args.clone()),
            data: None,
        });
    }
    match std::env::var_os("W2N_INPUTS") {
        Some(folder) => programs.extend(inputs::programs(Path::new(&folder))),
        None => eprintln!("real programs are skipped: W2N_INPUTS names no folder with the unpacked packages"),
    }
    Ok(programs)
}

fn measure(program: &Program, work: &Path, runs: usize) -> Result<Row> {
    let wasm = work.join(format!("{}.wasm", program.name));
    let native = work.join(&program.name);
    let compiled = work.join(format!("{}.cwasm", program.name));
    std::fs::write(&wasm, &program.wasm)?;
    let data = work.join(format!("{}.data", program.name));
    if let Some(source) = &program.data {
        inputs::copy(source, &data)?;
    }
    let mut ours = Command::new(env!("CARGO_BIN_EXE_wasm2native"));
    ours.args(&program.flags).arg(&wasm).arg("-o").arg(&native);
    if program.args.is_none() {
        ours.arg("-c");
    } else if program.data.is_some() {
        ours.arg("--dir").arg(format!("{}::/data", data.display()));
    }
    let mut theirs = reference::compile(&wasm, &compiled)?;
    let compile_runs = if program.is_huge() { 1 } else { runs };
    let compile = measure::alternate(&mut ours, &mut theirs, compile_runs)?;
    let run = match &program.args {
        None => None,
        Some(args) => {
            let mut ours = Command::new(&native);
            ours.args(args);
            let dir = program.data.is_some().then_some(data.as_path());
            let mut theirs = reference::run(&compiled, program.invoke.as_deref(), dir, args)?;
            Some(measure::alternate(&mut ours, &mut theirs, runs)?)
        }
    };
    let size = |path: &Path| Ok::<_, std::io::Error>(path.metadata()?.len());
    Ok(Row {
        name: program.name.clone(),
        wasm_bytes: program.wasm.len() as u64,
        compile: medians(&compile),
        run: run.as_ref().map(medians),
        bytes: (size(&native)?, size(&compiled)?),
    })
}

/// Seconds, ours and wasmtime's.
fn medians(paired: &Paired) -> (f64, f64) {
    (median(&paired.ours), median(&paired.theirs))
}
