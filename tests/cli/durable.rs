//! After a crash of the machine a name has its old file or the new one, and never half a file: what
//! is given a name was written to the disk before.

use crate::ANSWER;
use anyhow::{Result, bail};
use libtest_mimic::Trial;
use std::collections::HashMap;
use std::process::Command;
use test_kit::folder::Folder;
use test_kit::process::{Outcome, outcome};
use test_kit::tool;
use test_kit::trial::Skip;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["durable":
        what_gets_a_name_is_on_the_disk,
        what_is_checked_before_use_is_not_waited_for,
    ]
}

const COT: &str = env!("CARGO_BIN_EXE_cot");
const WASM2NATIVE: &str = env!("CARGO_BIN_EXE_wasm2native");

/// What happened to a file last.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Last {
    Written,
    Synced,
}

/// A folder with a program that shows what another does with files.
fn folder() -> Result<Folder> {
    if cfg!(not(all(target_arch = "x86_64", target_os = "linux"))) {
        bail!(Skip::Reason("the tracer knows Linux on x86-64 alone".to_owned()));
    }
    tool::require("cc")?;
    let folder = Folder::with(&[
        ("trace.c", include_str!("trace.c")),
        ("a.wat", ANSWER),
        ("a.cot", "fn main() i64   { return 42 }\n"),
    ]);
    folder.tool("cc", &["trace.c", "-o", "trace"]);
    let out = trace(&folder, "/bin/true", &[]);
    if out.status != 0 {
        bail!(Skip::Reason("processes can't be traced here".to_owned()));
    }
    Ok(folder)
}

fn trace(folder: &Folder, program: &str, args: &[&str]) -> Outcome {
    let script = "exec ./trace \"$@\" 3>trace.txt";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", program]).args(args).current_dir(folder.path(".")).env_clear();
    outcome(command.env("PATH", "/usr/bin:/bin").env("WASM2NATIVE_CACHE", folder.path("cache")))
}

/// What files with names were when they got them.
fn named(folder: &Folder) -> Vec<(String, Option<Last>)> {
    let text = std::fs::read_to_string(folder.path("trace.txt")).expect("the tracer writes it");
    let mut last = HashMap::new();
    let mut named = Vec::new();
    for line in text.lines() {
        let mut words = line.splitn(3, ' ');
        let [event, inode] = [words.next(), words.next()].map(|word| word.expect("a line has two words"));
        match event {
            "write" => drop(last.insert(inode, Last::Written)),
            "sync" => drop(last.insert(inode, Last::Synced)),
            _ => named.push((words.next().unwrap_or_default().to_owned(), last.get(inode).copied())),
        }
    }
    named
}

fn what_gets_a_name_is_on_the_disk() -> Result<()> {
    let folder = folder()?;
    let forms = "exe=x,obj=x.o,asm=x.s,clif=x.clif,wat=x.wat,header=x.h,rust=x.rs,staticlib=x.a,sharedlib=x.so";
    let all: Vec<&str> = forms.split(',').map(|form| form.split_once('=').expect("it has a file").1).collect();
    let cases: [(&str, &[&str], &[&str]); 5] = [
        (WASM2NATIVE, &["a.wat", "--emit", forms], &all),
        (WASM2NATIVE, &["a.wat", "--keep"], &["a", "a.o"]),
        (COT, &["a.cot", "-o", "b"], &["b"]),
        (COT, &["a.cot", "--target=wasi", "-o", "b.wasm"], &["b.wasm"]),
        (COT, &["fmt", "a.cot"], &["a.cot"]),
    ];
    for (program, args, files) in cases {
        // The second time they are there already.
        for _ in 0..2 {
            folder.write("a.cot", "fn main() i64   { return 42 }\n");
            let out = trace(&folder, program, args);
            assert_eq!(out.status, 0, "{args:?}: {out:?}");
            let named = named(&folder);
            for file in files {
                let is_it = |name: &str| name.rsplit('/').next() == Some(file);
                let states: Vec<_> = named.iter().filter(|(name, _)| is_it(name)).map(|(_, state)| *state).collect();
                assert!(states.contains(&Some(Last::Synced)), "{args:?} {file}: {named:?}");
            }
            assert!(named.iter().all(|(_, state)| *state == Some(Last::Synced)), "{args:?}: {named:?}");
        }
    }
    Ok(())
}

fn what_is_checked_before_use_is_not_waited_for() -> Result<()> {
    let folder = folder()?;
    let out = trace(&folder, WASM2NATIVE, &["run", "a.wat"]);
    assert_eq!(out.status, 42, "{out:?}");
    let text = std::fs::read_to_string(folder.path("trace.txt")).expect("the tracer writes it");
    assert!(text.contains("name ") && !text.contains("sync "), "{text}");
    Ok(())
}
