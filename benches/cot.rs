//! The same algorithms in Cot and in C, on this machine: `cargo bench --bench cot`.
//!
//! Each pair in `benches/cot/` prints the same lines. Cot is built with and without `--release`
//! (which drops checks), C by `cc -O2`; the programs take turns, and the table shows medians and
//! ratios (Cot's by C's: below 1 is faster). Beside `NAME.counted.c`, which counts references as
//! Swift does, the checked program is measured once more. `-- NAME` measures what contains NAME.

#[path = "measure.rs"]
mod measure;

#[path = "statistics.rs"]
mod statistics;

use anyhow::{Context, Result, ensure};
use statistics::{geometric_mean, median};
use std::path::{Path, PathBuf};
use std::process::Command;

const RUNS: usize = 5;

fn main() -> Result<()> {
    let filter = std::env::args().skip(1).find(|word| !word.starts_with("--")).unwrap_or_default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/cot");
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    names.retain(|path| path.extension().is_some_and(|it| it == "cot"));
    names.sort();
    let work = tempfile::tempdir()?;
    println!("| program | C ms | Cot ms | ratio | Cot --release ms | ratio |\n| --- | --: | --: | --: | --: | --: |");
    let mut ratios = Vec::new();
    for cot in names.iter().filter(|path| path.to_string_lossy().contains(&filter)) {
        let name = cot.file_stem().unwrap_or_default().to_string_lossy();
        let built = |suffix: &str| work.path().join(format!("{name}-{suffix}"));
        let (c, checked, release) = (built("c"), built("checked"), built("release"));
        compile(&cot.with_extension("c"), &c)?;
        run(Command::new(env!("CARGO_BIN_EXE_cot")).arg("build").arg(cot).arg("-o").arg(&checked))?;
        run(Command::new(env!("CARGO_BIN_EXE_cot")).args(["build", "--release"]).arg(cot).arg("-o").arg(&release))?;
        let said = run(&mut Command::new(&c))?;
        for other in [&checked, &release] {
            ensure!(run(&mut Command::new(other))? == said, "{name}: Cot and C print different lines");
        }
        let safe = measure::alternate(&mut Command::new(&checked), &mut Command::new(&c), RUNS)?;
        let fast = measure::alternate(&mut Command::new(&release), &mut Command::new(&c), RUNS)?;
        let reference = median(&safe.theirs);
        let (safe, fast, second) = (median(&safe.ours), median(&fast.ours), median(&fast.theirs));
        ratios.push((safe / reference, fast / second));
        println!(
            "| {name} | {:.0} | {:.0} | {:.2} | {:.0} | {:.2} |",
            reference * 1e3,
            safe * 1e3,
            safe / reference,
            fast * 1e3,
            fast / second
        );
        let counted = cot.with_extension("counted.c");
        if counted.exists() {
            let other = built("counted");
            compile(&counted, &other)?;
            let all = measure::alternate(&mut Command::new(&checked), &mut Command::new(&other), RUNS)?;
            let (ours, theirs) = (median(&all.ours), median(&all.theirs));
            let [ours, theirs, ratio] = [ours * 1e3, theirs * 1e3, ours / theirs];
            println!("| {name}, C with counts | {theirs:.0} | {ours:.0} | {ratio:.2} | | |");
        }
    }
    if !ratios.is_empty() {
        let safe = geometric_mean(ratios.iter().map(|(safe, _)| *safe));
        let fast = geometric_mean(ratios.iter().map(|(_, fast)| *fast));
        println!("| geometric mean | | | {safe:.2} | | {fast:.2} |");
    }
    Ok(())
}

fn compile(source: &Path, program: &Path) -> Result<()> {
    run(Command::new("cc").args(["-O2", "-o"]).arg(program).arg(source).arg("-lm")).map(drop)
}

/// What it prints.
fn run(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}
