//! CPU time of programs in C, translated in several ways, beside native code: `cargo bench --bench
//! speed`.
//!
//! The programs are `benches/programs/*.c`. Each is compiled once to a module, which ours,
//! wasmtime, `wasm2c` and V8 get, and natively by clang and gcc (`candidate.rs`). In a round every
//! candidate runs every program once, and the candidates of a program follow each other. The table
//! shows the medians of the rounds as ratios to native clang. `docs/speed.md` says more.
//!
//! `-- --only NAME,…` measures the programs whose names contain one of these, `--rounds N` sets the
//! number of rounds, `--quick` means one round, `--csv FILE` and `--plot FILE` say where the
//! figures and the plot are written. Executables stay in `target/bench/speed`, for a look with
//! `objdump`.

mod candidate;

mod plot;

#[path = "../reference.rs"]
mod reference;

mod rounds;

#[path = "../statistics.rs"]
mod statistics;

mod table;

use anyhow::{Context, Result, ensure};
use candidate::{CANDIDATES, Program};
use rounds::Runs;
use std::path::{Path, PathBuf};
use test_kit::toolchain;

struct Arguments {
    only: Vec<String>,
    rounds: usize,
    csv: PathBuf,
    plot: PathBuf,
}

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1).peekable();
    if words.peek().is_some_and(|word| word == reference::COMMAND) {
        return reference::main(&words.skip(1).collect::<Vec<_>>());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench/speed");
    std::fs::create_dir_all(&folder)?;
    let arguments = arguments(words, &folder)?;
    if let Err(skip) = toolchain::require() {
        println!("nothing is measured: {skip}");
        return Ok(());
    }
    let makers = CANDIDATES.each_ref().map(|it| match it.maker.missing_tool() {
        None => Some(&it.maker),
        Some(tool) => {
            println!("{}: no figures, because there is no `{tool}` on this machine", it.title);
            None
        }
    });
    let mut failures = Vec::new();
    let mut runs = Vec::new();
    for source in sources(&arguments.only)? {
        let program = Program::new(&source, &folder)?;
        eprintln!("{}: building", program.name);
        let commands = makers.map(|maker| {
            let built = maker?.build(&program, &folder);
            built.map_err(|error| failures.push(format!("{}: {error:#}", program.name))).ok()
        });
        runs.push(Runs::new(program.name, commands));
    }
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}", arguments.rounds);
        for run in &mut runs {
            failures.extend(run.round());
        }
        // Whoever interrupts the next round has the figures of these.
        write(&arguments.csv, &table::csv(&runs))?;
        plot::draw(&runs, &arguments.plot)?;
    }
    print!("{}", table::markdown(&runs));
    println!("\nfigures in {}, plot in {}", arguments.csv.display(), arguments.plot.display());
    for failure in &failures {
        println!("no figure: {failure}");
    }
    Ok(())
}

fn arguments(mut words: impl Iterator<Item = String>, folder: &Path) -> Result<Arguments> {
    let (csv, plot) = (folder.join("speed.csv"), folder.join("speed.svg"));
    let mut arguments = Arguments { only: Vec::new(), rounds: 5, csv, plot };
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("`{word}` lacks its value"));
        match word.as_str() {
            // Cargo's own.
            "--bench" => {}
            "--quick" => arguments.rounds = 1,
            "--rounds" => arguments.rounds = value()?.parse().context("`--rounds` takes a number")?,
            "--only" => arguments.only.extend(value()?.split(',').map(str::to_owned)),
            "--csv" => arguments.csv = value()?.into(),
            "--plot" => arguments.plot = value()?.into(),
            _ => anyhow::bail!("`{word}` is not an option of this benchmark"),
        }
    }
    ensure!(arguments.rounds > 0, "`--rounds` takes a number above 0");
    Ok(arguments)
}

/// The wanted programs: those with vectors last.
fn sources(only: &[String]) -> Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/programs");
    let mut sources: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    let is_wanted = |name: &str| only.is_empty() || only.iter().any(|part| name.contains(part.as_str()));
    sources.retain(|path| path.extension().is_some_and(|it| it == "c") && is_wanted(&candidate::name(path)));
    sources.sort_by_key(|path| (candidate::is_simd(&candidate::name(path)), path.clone()));
    ensure!(!sources.is_empty(), "no program has such a name");
    Ok(sources)
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("can't write {}", path.display()))
}
