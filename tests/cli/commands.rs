//! The commands that compile nothing: completions, man pages, caches.

use crate::ANSWER;
use anyhow::Result;
use libtest_mimic::Trial;
use std::process::Command;
use test_kit::folder::Folder;
use test_kit::process::{Outcome, outcome};
use test_kit::{tool, trials};

pub fn trials() -> Vec<Trial> {
    trials!["commands":
        bash_completes_flags_and_commands,
        zsh_reads_the_completions,
        fish_completes_flags_and_commands,
        pages_exist_for_all_commands,
        a_page_says_what_help_says,
        man_renders_the_pages,
        a_cache_is_found_measured_and_emptied,
        a_cache_of_functions_is_emptied,
        foreign_files_survive_in_a_cache,
    ]
}

/// Runs a script in a shell, in the folder.
fn shell(folder: &Folder, shell: &str, script: &str) -> Result<Outcome> {
    tool::require_command(shell)?;
    let home = folder.path(".");
    Ok(outcome(Command::new(shell).args(["-c", script]).current_dir(&home).env("HOME", &home).env_remove("BASH_ENV")))
}

/// What bash offers for a line whose last word is not finished.
fn offered_by_bash(folder: &Folder, words: &[&str]) -> Result<String> {
    let quoted = words.iter().map(|word| format!("'{word}' ")).collect::<String>();
    let script = format!(
        "source completions; COMP_WORDS=({quoted}); COMP_CWORD={}; \"_$1\" '{}' '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.len() - 1,
        words[0],
        words[words.len() - 1],
        words[words.len() - 2],
    )
    .replace("$1", words[0]);
    Ok(shell(folder, "bash", &script)?.succeeds().stdout.to_string())
}

fn bash_completes_flags_and_commands() -> Result<()> {
    let folder = Folder::empty();
    folder.write("completions", folder.wasm2native(&["completions", "bash"]).succeeds().stdout.to_string());
    assert!(offered_by_bash(&folder, &["wasm2native", "--out-"])?.lines().any(|line| line == "--out-dir"));
    assert_eq!(offered_by_bash(&folder, &["wasm2native", "insp"])?, "inspect\n");
    assert!(offered_by_bash(&folder, &["wasm2native", "run", "--argv"])?.contains("--argv0"));
    folder.write("completions", folder.cot(&["completions", "bash"]).succeeds().stdout.to_string());
    assert_eq!(offered_by_bash(&folder, &["cot", "ben"])?, "bench\n");
    assert_eq!(offered_by_bash(&folder, &["cot", "build", "--rel"])?, "--release\n");
    Ok(())
}

fn zsh_reads_the_completions() -> Result<()> {
    let folder = Folder::empty();
    folder.write("_wasm2native", folder.wasm2native(&["completions", "zsh"]).succeeds().stdout.to_string());
    folder.write("_cot", folder.cot(&["completions", "zsh"]).succeeds().stdout.to_string());
    let script = "fpath+=$PWD; autoload -U compinit && compinit -u -D && print $_comps[wasm2native] $_comps[cot] &&
        autoload +X _wasm2native _cot && print read";
    assert_eq!(&shell(&folder, "zsh", script)?.succeeds().stdout[..], "_wasm2native _cot\nread\n");
    Ok(())
}

fn fish_completes_flags_and_commands() -> Result<()> {
    let folder = Folder::empty();
    folder.write("w.fish", folder.wasm2native(&["completions", "fish"]).succeeds().stdout.to_string());
    let script = "source w.fish; complete -C 'wasm2native insp'; complete -C 'wasm2native run --argv'";
    let offered = shell(&folder, "fish", script)?.succeeds().stdout;
    let words: Vec<_> = offered.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(words, ["inspect", "--argv0"], "{offered}");
    Ok(())
}

fn pages_exist_for_all_commands() {
    let folder = Folder::empty();
    folder.wasm2native(&["man", "--out-dir", "a/man1"]).succeeds();
    let pages = ["", "-cache", "-cmake", "-completions", "-explore", "-inspect", "-man", "-run"];
    assert_eq!(folder.list("a/man1"), pages.map(|name| format!("wasm2native{name}.1")).into());
    folder.cot(&["man", "--out-dir", "cot"]).succeeds();
    assert!(folder.list("cot").is_superset(&["cot.1", "cot-build.1", "cot-test.1"].map(String::from).into()));
    let first = folder.wasm2native(&["man"]).succeeds().stdout;
    assert_eq!(first.as_bytes(), folder.read("a/man1/wasm2native.1"));
}

/// Every long flag of `--help` has its place in the page.
fn a_page_says_what_help_says() {
    let folder = Folder::empty();
    folder.wasm2native(&["man", "--out-dir", "."]).succeeds();
    for (args, page) in [(&["--help"][..], "wasm2native.1"), (&["run", "--help"], "wasm2native-run.1")] {
        let help = folder.wasm2native(args).succeeds().stdout;
        let flags = help.lines().filter_map(|line| {
            let line = line.trim_start();
            let name = line.split_once("--")?.1.split([' ', '=', '[', '.']).next()?;
            (line.starts_with('-') && !line.starts_with("- ")).then_some(name)
        });
        let page = String::from_utf8(folder.read(page)).expect("a page is text").replace("\\-", "-");
        let flags: Vec<_> = flags.collect();
        assert!(flags.len() > 20, "{help}");
        for flag in flags {
            assert!(page.contains(&format!("--{flag}")), "--{flag} is missing in the page of {args:?}");
        }
    }
}

fn man_renders_the_pages() -> Result<()> {
    tool::require_command("man")?;
    let folder = Folder::empty();
    folder.wasm2native(&["man", "--out-dir", "."]).succeeds();
    folder.cot(&["man", "--out-dir", "."]).succeeds();
    for page in folder.list(".") {
        let mut command = Command::new("man");
        command.args(["--warnings", "-l", &page]).current_dir(folder.path(".")).env("MANWIDTH", "100");
        let rendered = outcome(command.env("LC_ALL", "C.UTF-8")).succeeds();
        assert!(rendered.stderr.is_empty(), "{page}: {}", &rendered.stderr[..]);
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION"] {
            assert!(rendered.stdout.lines().any(|line| line == section), "{page}: no {section}");
        }
    }
    Ok(())
}

fn a_cache_is_found_measured_and_emptied() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    let path = folder.path("cache");
    let cache = |what: &str| folder.wasm2native(&["cache", what]).succeeds().stdout.to_string();
    assert_eq!(cache("path"), format!("{}\n", path.display()));
    assert_eq!(cache("size"), "0 bytes in 0 files\n");
    // No question makes the folder.
    assert!(!path.exists());
    assert_eq!(folder.wasm2native(&["run", "a.wat"]).status, 42);
    let size = cache("size");
    assert!(size.ends_with(" bytes in 1 files\n") && !size.starts_with("0 "), "{size}");
    assert_eq!(cache("clear"), format!("removed {size}"));
    assert_eq!(cache("size"), "0 bytes in 0 files\n");
    assert_eq!(folder.wasm2native(&["run", "a.wat"]).status, 42);
    folder.wasm2native(&["cache"]).fails(2, &["<WHAT>"]);
    folder.wasm2native(&["cache", "wipe"]).fails(2, &["invalid value 'wipe'"]);
}

fn a_cache_of_functions_is_emptied() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    folder.wasm2native(&["a.wat", "--cache", "functions"]).succeeds();
    let of = |what: &str| folder.wasm2native(&["cache", what, "--cache", "functions"]).succeeds().stdout.to_string();
    let size = of("size");
    assert!(size.ends_with(" bytes in 1 files\n"), "{size}");
    assert_eq!(of("clear"), format!("removed {size}"));
    assert!(folder.list("functions").is_empty());
    assert_eq!(folder.wasm2native(&["cache", "size"]).succeeds().stdout.to_string(), "0 bytes in 0 files\n");
}

fn foreign_files_survive_in_a_cache() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("cache/thesis-final.txt", "mine"), ("cache/below/a.pack", "")]);
    folder.wasm2native(&["run", "a.wat"]);
    folder.wasm2native(&["cache", "clear"]).succeeds();
    assert_eq!(folder.list("cache"), ["below", "thesis-final.txt"].map(String::from).into());
    folder.wasm2native(&["cache", "clear", "--cache", "cache"]).succeeds();
    assert_eq!(folder.list("cache/below"), ["a.pack"].map(String::from).into());
}
