//! The cache of `wasm2native run` with many at once, some of which are killed: each that is not
//! does what its module says, and afterwards nothing is damaged.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use std::process::{Command, Stdio};
use std::time::Duration;
use test_kit::dice::Dice;
use test_kit::folder::Folder;
use test_kit::process;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["cache": many_runs_share_it_and_some_are_killed]
}

const N_MODULES: usize = 5;
const N_RUNS: usize = 50;

fn many_runs_share_it_and_some_are_killed() -> Result<()> {
    let folder = Folder::empty();
    for number in 0..N_MODULES {
        let body = "(i64.mul (local.get 0) (i64.const 3)) (local.set 0)".repeat(40);
        let part = |n: usize| format!("(func (export \"f{n}\") (param i64) (result i64) {body} (local.get 0))");
        let parts: String = (0..40).map(part).collect();
        let main = format!("(func (export \"main\") (result i32) (i32.const {}))", number + 1);
        folder.write(&format!("m{number}.wat"), format!("(module {main} {parts})"));
    }
    std::fs::create_dir(folder.path("tmp"))?;
    let run = |number: usize| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wasm2native"));
        command.args(["run", &format!("m{}.wat", number % N_MODULES)]).current_dir(folder.path("."));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("TMPDIR", folder.path("tmp"));
        command.env("WASM2NATIVE_CACHE", folder.path("cache"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let mut dice = Dice::new("kills", 1);
    let mut running = Vec::new();
    for number in 0..N_RUNS {
        running.push((number, dice.below(3) == 0, process::spawn(&mut run(number))?));
        std::thread::sleep(Duration::from_millis(dice.below(20) as u64));
        // Those that are killed are so at any time of their lives.
        if let Some(at) = running.iter().position(|(_, is_killed, _)| *is_killed && dice.below(2) == 0) {
            let (_, _, mut child) = running.swap_remove(at);
            child.kill()?;
            child.wait()?;
        }
    }
    for (number, is_killed, mut child) in running {
        if is_killed {
            child.kill()?;
            child.wait()?;
            continue;
        }
        let ended = process::finish(&mut child)?;
        ensure!(ended.status == (number % N_MODULES) as i32 + 1 && ended.stderr.is_empty(), "{number}: {ended:?}");
    }
    for number in 0..N_MODULES {
        let ended = process::run(&mut run(number), b"")?;
        ensure!(ended.status == number as i32 + 1 && ended.stderr.is_empty(), "{number}: {ended:?}");
    }
    let n_left = folder.list("tmp").len();
    ensure!(n_left == 0, "{n_left} files are left in TMPDIR");
    Ok(())
}
