//! THIRD-PARTY.md names exactly the crates that programs and the compiler are made of, in the
//! versions of Cargo.lock. `.ci/third-party/make` writes it.

use crate::{assert_none, project, read};
use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn licenses_of_all_crates_are_listed() {
    let text = read(&project().join("THIRD-PARTY.md"));
    let (programs, compiler) = text.split_once("\n# The compiler\n").expect("it has two parts");
    let of_programs = &crates_of("wasi-shim") | &crates_of("wasi-shim-libc");
    let mut complaints = differences("programs", &listed_with_texts(programs), &of_programs);
    complaints.extend(differences("the compiler", &listed_in_rows(compiler), &crates_of("wasm2native")));
    assert_none(&complaints);
}

/// `NAME VERSION` of each crate that a package is made of, without those of this project.
fn crates_of(package: &str) -> BTreeSet<String> {
    let targets = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];
    let mut crates = BTreeSet::new();
    for target in targets {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["tree", "--offline", "--edges=normal", "--prefix=none", "--format={p}", "--target", target]);
        let output = command.args(["--package", package]).current_dir(project()).output().expect("Cargo can be run");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("names of crates are UTF-8");
        // A path follows the version of a member of the workspace.
        let foreign = text.lines().filter(|line| !line.contains(" (/"));
        crates.extend(foreign.filter_map(|line| {
            let (name, version) = line.split_once(" v")?;
            Some(format!("{name} {}", version.split(' ').next()?))
        }));
    }
    crates
}

/// Items `* NAME VERSION` under the name of a license.
fn listed_with_texts(part: &str) -> BTreeSet<String> {
    let is_version = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let items = part.lines().filter_map(|line| line.strip_prefix("* ")).filter(|item| {
        let words: Vec<_> = item.split(' ').collect();
        words.len() == 2 && is_version(words[1])
    });
    items.filter(|item| !item.ends_with(" 0.0.0")).map(str::to_owned).collect()
}

/// Rows `| NAME | VERSION | LICENSE |`.
fn listed_in_rows(part: &str) -> BTreeSet<String> {
    let rows = part.lines().filter_map(|line| line.strip_prefix("| ")).skip(2);
    let crates = rows.filter_map(|row| row.rsplit_once(" | ")?.0.split_once(" | "));
    crates.filter(|(name, _)| *name != "wasm2native").map(|(name, version)| format!("{name} {version}")).collect()
}

fn differences(what: &str, listed: &BTreeSet<String>, real: &BTreeSet<String>) -> Vec<String> {
    let missing = real.difference(listed).map(|it| format!("{what}: {it} is not in THIRD-PARTY.md"));
    let more = listed.difference(real).map(|it| format!("{what}: {it} is in THIRD-PARTY.md, and not used"));
    missing.chain(more).collect()
}

#[test]
fn the_rule_complains() {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let part = "MIT License, for\n* one 1.0.2\n* wasi-shim 0.0.0\n\n```text\n* a condition of some kind\n```\n";
    assert_eq!(listed_with_texts(part), set(&["one 1.0.2"]));
    let rows =
        "| crate | version | license |\n| --- | --- | --- |\n| two | 2.0.0 | MIT |\n| wasm2native | 0.1.0 | x |\n";
    assert_eq!(listed_in_rows(rows), set(&["two 2.0.0"]));
    assert_eq!(differences("it", &set(&["a 1", "b 1"]), &set(&["b 1", "c 1"])).len(), 2);
}
