//! lldb: it stops at lines of the source, and shows frames and variables, as gdb does.

use super::Source;
use anyhow::{Context, Result, bail, ensure};
use std::process::Command;
use test_kit::trial::Skip;
use test_kit::{process, target, tool};

/// Commands, and lines that lldb answers, in this order.
const SESSION: &[(&str, &[&str])] = &[
    ("run 1", &["depth(n=", "color=GREEN", "at list.c:32", "-> 32"]),
    (
        "bt 2",
        &["frame #0: ", "`depth(n=0x0000000010000460, color=GREEN", "frame #1: ", "`run(argument=1) at list.c:53"],
    ),
    (
        "frame variable",
        &["(const node_t *) n = 0x0000000010000460", "(color) color = GREEN", "whole = 7", "(int) d = 0"],
    ),
    ("frame variable *n", &["weight = 4.25", "[0] = 20, [1] = 21, [2] = 22"]),
    ("target variable count", &["(int) count = 3"]),
    ("breakpoint disable 1", &["disabled"]),
    ("continue", &["`factorial(n=1) at list.c:39"]),
    ("bt 3", &["`factorial(n=1) at list.c:39", "`factorial(n=2) at list.c:42", "`factorial(n=3) at list.c:42"]),
    ("finish", &["= 1", "`factorial(n=2) at list.c:42"]),
    ("continue", &["`run(argument=1) at list.c:55"]),
    ("frame variable", &["(int) argument = 1", "(float) half = 0.5", "(int) d = 15", "(long long) f = 720"]),
];

const MARK: &str = "(lldb) ";

/// Everything that is asked for is in use at that place, also in optimized code.
pub fn session() -> Result<()> {
    if target::is_foreign() {
        bail!(Skip::Reason("lldb runs programs of this machine".to_owned()));
    }
    tool::require_command("lldb")?;
    let folder = Source::Clang("list.c", &["-g"]).compile()?;
    for level in ["-O0", "-O2"] {
        folder.builds(&["module", "-g", level, "--invoke", "run", "-o", "program"]);
        let mut lldb = Command::new("lldb");
        lldb.args(["--no-lldbinit", "--batch", "-o", "settings set use-color false"]);
        // Containers often forbid what this needs.
        lldb.args(["-o", "settings set target.disable-aslr false"]);
        for breakpoint in ["-f list.c -l 32", "-n factorial -c 'n == 1'", "-f list.c -l 55"] {
            lldb.args(["-o", &format!("breakpoint set {breakpoint}")]);
        }
        SESSION.iter().for_each(|(command, _)| _ = lldb.args(["-o", command]));
        lldb.arg(folder.path("program")).current_dir(folder.path(".")).env("LC_ALL", "C");
        let said = process::run(&mut lldb, b"")?;
        let text = said.stdout;
        if text.contains("ptrace") || said.stderr.contains("personality set failed") {
            bail!(Skip::Reason("lldb can't run a program here: allow ptrace".to_owned()));
        }
        let mut rest = &text[..];
        for (command, lines) in SESSION {
            let asked = format!("{MARK}{command}\n");
            let at = rest.find(&asked).with_context(|| format!("{level}: lldb stopped before `{command}`:\n{text}"))?;
            rest = &rest[at + asked.len()..];
            let mut answer = &rest[..rest.find(MARK).unwrap_or(rest.len())];
            for line in *lines {
                let found = answer.find(line);
                ensure!(found.is_some(), "{level}, {command}: no `{line}`, but\n{answer}\n{}", said.stderr);
                answer = &answer[found.unwrap_or(0) + line.len()..];
            }
        }
    }
    Ok(())
}
