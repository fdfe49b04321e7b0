//! What libraries cost their hosts, beside `wasm2c` compiled by `gcc -O2`: `cargo bench --bench
//! library`. `-- --rounds N` is for other than ten rounds.
//!
//! Each form is a program made of `library/host.c`; they run by turns, and the table has medians in
//! nanoseconds. Needs gcc, and `wasm2c` and `wat2wasm` of wabt 1.0.32 (Debian 12) for its row.

#[expect(dead_code, reason = "forms have one module each, so no mean of several")]
#[path = "statistics.rs"]
mod statistics;

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const ROWS: [&str; 8] = ["call", "loop", "reset", "new", "call-of-200", "free", "new-again", "interrupt"];

/// Name of a form, what it is for the host, and flags of `wasm2native`.
const FORMS: [(&str, &str, &[&str]); 4] = [
    ("single", "SINGLE", &[]),
    ("instances", "INSTANCES", &["--instances"]),
    ("single-interruptible", "SINGLE", &["--interruptible"]),
    ("instances-interruptible", "INSTANCES", &["--instances", "--interruptible"]),
];

fn main() -> Result<()> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let rounds = words.iter().position(|word| word == "--rounds").and_then(|at| words.get(at + 1));
    let rounds: usize = rounds.map_or(Ok(10), |rounds| rounds.parse())?;
    let work = tempfile::tempdir()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/library");
    let (module, host) = (folder.join("library.wat"), folder.join("host.c"));
    let run = |program: &str, arguments: &[&str]| -> Result<()> {
        let mut command = Command::new(program);
        let status = command.args(arguments).current_dir(work.path()).status().with_context(|| program.to_owned())?;
        ensure!(status.success(), "{program} {arguments:?}: {status}");
        Ok(())
    };
    let (module, host) = (path(&module)?, path(&host)?);
    let mut programs = Vec::new();
    for (name, form, flags) in FORMS {
        let outputs = format!("staticlib={name}.a,header={name}.h");
        run(
            env!("CARGO_BIN_EXE_wasm2native"),
            &[&[module, "--prefix", "library", "--emit", &outputs][..], flags].concat(),
        )?;
        // A host without interrupts has no use for their symbols.
        let interrupt = if flags.contains(&"--interruptible") { "-DINTERRUPT" } else { "-DNONE" };
        let (form, header) = (format!("-DFORM={form}"), format!("-DLIBRARY=\"{name}.h\""));
        run("gcc", &["-O2", "-I.", &form, &header, interrupt, host, &format!("{name}.a"), "-lpthread", "-o", name])?;
        programs.push(name);
    }
    if let Ok(status) = Command::new("wasm2c").arg("--version").status()
        && status.success()
    {
        run("wat2wasm", &[module, "-o", "library.wasm"])?;
        run("wasm2c", &["library.wasm", "-o", "library.c"])?;
        let arguments = ["-O2", "-I.", "-DFORM=WASM2C", host, "library.c", "-lwasm-rt-impl", "-lpthread", "-lm"];
        run("gcc", &[&arguments[..], &["-o", "wasm2c"]].concat())?;
        programs.push("wasm2c");
    }
    let mut figures: BTreeMap<(&str, String), Vec<f64>> = BTreeMap::new();
    for _ in 0..rounds {
        for &name in &programs {
            let forms: &[&[&str]] = if name.ends_with("interruptible") { &[&[], &["interrupt"]] } else { &[&[]] };
            for arguments in forms {
                let output = Command::new(work.path().join(name)).args(*arguments).output()?;
                ensure!(output.status.success(), "{name} {arguments:?}: {}", output.status);
                for line in String::from_utf8(output.stdout)?.lines() {
                    let (row, number) = line.split_once(' ').context("a line has a name and a number")?;
                    figures.entry((name, row.to_owned())).or_default().push(number.parse()?);
                }
            }
        }
    }
    println!("| nanoseconds | {} |\n| --- |{}", programs.join(" | "), " --: |".repeat(programs.len()));
    for row in ROWS {
        let cell = |name: &&str| {
            let numbers = figures.get(&(*name, row.to_owned()));
            numbers.map_or("–".to_owned(), |numbers| format!("{:.1}", statistics::median(numbers)))
        };
        println!("| {row} | {} |", programs.iter().map(cell).collect::<Vec<_>>().join(" | "));
    }
    Ok(())
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().context("the project's folder has a name that is not UTF-8")
}
