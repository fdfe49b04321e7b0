//! The reader's terminal: a folder, an environment, and the commands that are typed there.

use crate::document::{Document, Shown};
use crate::{exempt, project};
use anyhow::Result;
use snapbox::IntoData;
use snapbox::assert::Action;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use test_kit::command;
use test_kit::folder::Folder;
use test_kit::process::outcome;
use test_kit::trial::Skip;

/// Commands that a machine may lack: how the command begins, and what is asked for. What such a
/// command makes is missing afterwards, so the rest of its block is not run either.
const TOOLS: [(&str, &str); 8] = [
    ("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-gcc --version"),
    ("c++", "c++ --version"),
    ("cc", "cc --version"),
    ("cmake", "cmake --version"),
    ("make", "make --version"),
    ("ninja", "ninja --version"),
    ("rustc", "rustc --version"),
    ("zig", "zig version"),
];

/// Likewise, of toolchains that few machines have.
const RARE_TOOLS: [(&str, &str); 4] = [
    ("GOOS=wasip1", "go version"),
    ("npx asc", "npx --no-install asc --version"),
    ("rustc --target wasm32-wasip1", "ls $(rustc --print target-libdir --target wasm32-wasip1)"),
    ("tinygo", "tinygo version"),
];

pub struct Session {
    folder: Folder,
    document: String,
    path: String,
    /// Why some commands were not run.
    pub skip: Option<Skip>,
    /// Outputs other than those that are shown, by the lines of their commands.
    pub outputs: Vec<(usize, String)>,
}

impl Session {
    /// Prepares the folder of a document.
    pub fn new(document: &Document) -> Session {
        let folder = Folder::empty();
        let commands = [command::wasm2native(), command::cot()];
        let folders = commands.iter().filter_map(|it| Some(Path::new(it.get_program()).parent()?.to_owned()));
        let folders: BTreeSet<_> = folders.collect();
        let path = folders.iter().map(|folder| folder.display().to_string() + ":").collect::<String>()
            + &std::env::var("PATH").unwrap_or_default();
        std::fs::create_dir(folder.path("home")).expect("folders can be made");
        std::fs::create_dir(folder.path("work")).expect("folders can be made");
        let session = Session { folder, document: document.name.clone(), path, skip: None, outputs: Vec::new() };
        let setup = project().join(format!("tests/docs/setup/{}.sh", document.name));
        if setup.exists() {
            let script = std::fs::read_to_string(setup).expect("it can be read");
            let (status, said) = session.shell(&format!("set -e\n{script}"));
            assert!(status == 0, "setup/{}.sh: {said}", document.name);
        }
        session
    }

    pub fn write(&self, name: &str, text: &str) {
        self.folder.write(&format!("work/{name}"), text);
    }

    /// Types the commands of a block. Returns what was wrong.
    pub fn run(&mut self, commands: &[Shown]) -> Vec<String> {
        let mut wrong = Vec::new();
        for shown in commands {
            if exempt::reason(&self.document, &shown.text).is_some() {
                continue;
            }
            if let Some(missing) = self.missing(&shown.text) {
                self.skip = Some(missing);
                break;
            }
            let (status, mut output) = self.shell(&shown.text);
            if status != 0 {
                output.push_str(&format!("[exit status {status}]\n"));
            }
            if let Err(difference) = compare(&output, &shown.output) {
                wrong.push(format!("line {}: $ {}\n{difference}", shown.line, shown.text));
                self.outputs.push((shown.line, output));
            }
        }
        wrong
    }

    /// Why the command can't be run, if the tool that it begins with is missing here.
    fn missing(&self, command: &str) -> Option<Skip> {
        let find = |tools: &'static [(&str, &str)]| tools.iter().find(|(begins, _)| command.starts_with(begins));
        let lacks = |question: &str| self.shell(question).0 != 0;
        let text = |question: &str| format!("the commands before pass, but `{question}` fails");
        match (find(&RARE_TOOLS), find(&TOOLS)) {
            (Some((_, question)), _) if lacks(question) => Some(Skip::Reason(text(question))),
            (None, Some((_, question))) if lacks(question) => Some(Skip::Tool(text(question))),
            _ => None,
        }
    }

    /// Exit status, and both streams in the order they were written in.
    fn shell(&self, script: &str) -> (i32, String) {
        let home = |name: &str| {
            std::env::var_os(name.to_uppercase() + "_HOME")
                .map_or_else(|| std::env::home_dir().unwrap_or_default().join(format!(".{name}")), Into::into)
        };
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("exec 2>&1\n{script}")]).current_dir(self.folder.path("work")).env_clear();
        shell.env("HOME", self.folder.path("home")).env("PATH", &self.path).env("LC_ALL", "C.UTF-8");
        shell.env("PROJECT", project()).env("CARGO_HOME", home("cargo")).env("RUSTUP_HOME", home("rustup"));
        // Zig compiles its C library once.
        shell.env("ZIG_GLOBAL_CACHE_DIR", command::scratch().join("zig"));
        let outcome = outcome(shell.stdin(Stdio::null()));
        (outcome.status, outcome.stdout.replace(&*self.folder.path("home").to_string_lossy(), "~"))
    }
}

/// No wildcard covers the exit status.
fn compare(real: &str, shown: &str) -> Result<(), snapbox::assert::Error> {
    let status = |text: &str| text.lines().last().filter(|line| line.starts_with("[exit status ")).map(str::to_owned);
    let shown = if status(real) == status(shown) { shown } else { &shown.replace("...\n", "").replace("[..]", "") };
    let assert = snapbox::Assert::new().action(Action::Verify).normalize_paths(false);
    assert.try_eq(Some(&"output"), real.into_data(), shown.into_data())
}

/// The comparison fails where it should.
pub fn wrong_outputs_are_found() {
    for (real, shown) in [
        ("a\n", "b\n"),
        ("a\nb\n", "a\n"),
        ("", "a\n"),
        ("a\n", ""),
        ("a [x]\n", "a [y]\n"),
        ("a\n[exit status 1]\n", "...\n"),
    ] {
        assert!(compare(real, shown).is_err(), "{real:?} passes for {shown:?}");
    }
    for (real, shown) in [("a\n", "a\n"), ("took 3 ms\n", "took [..] ms\n"), ("a\nb\nc\n", "a\n...\nc\n")] {
        assert!(compare(real, shown).is_ok(), "{real:?} fails for {shown:?}");
    }
}
