//! Documents as tests: what README.md and `docs/*.md` tell the reader to type is typed here, and
//! the output is compared with the one that they show.
//!
//! In a block `console`, a line that begins with `$ ` is a command of bash, `> ` continues it, and
//! the other lines are its output, standard error included. In these lines `[..]` stands for any
//! text, and a line `...` for any lines. A line `[exit status N]` ends the output of a command that
//! fails. A block whose head names a file, as in "```c main.c", is that file.
//!
//! Each document has a folder, in which `setup/NAME.sh` prepares what the reader has already. The
//! commands run in the order of the document, each in a shell of its own. `BLESS=1` writes the real
//! outputs into the documents.

mod document;
mod exempt;
mod session;

use anyhow::{Result, bail};
use document::{Block, Document};
use std::path::{Path, PathBuf};
use test_kit::trial;

fn main() {
    let documents: Vec<_> = paths().into_iter().map(|path| Document::read(&path)).collect();
    let mut trials = Vec::new();
    for document in &documents {
        let name = document.name.clone();
        let document = document.clone();
        if document.blocks.iter().any(|block| matches!(block, Block::Console(_))) {
            trials.push(trial::trial(format!("docs/{name}"), move || run(&document)));
        }
    }
    let all = documents.clone();
    trials.push(trial::trial("docs/commands_stand_in_console_blocks", move || all.iter().for_each(Document::check)));
    trials.push(trial::trial("docs/exemptions_are_needed", move || exempt::check(&documents)));
    trials.push(trial::trial("docs/wrong_outputs_are_found", session::wrong_outputs_are_found));
    trial::run(trials);
}

/// Runs all commands of a document. It is skipped as far as tools are missing.
fn run(document: &Document) -> Result<()> {
    let mut session = session::Session::new(document);
    let mut wrong = Vec::new();
    for block in &document.blocks {
        match block {
            Block::File { name, text } => session.write(name, text),
            Block::Console(commands) => wrong.extend(session.run(commands)),
            Block::Other(_) => {}
        }
    }
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        return document.bless(&session.outputs);
    }
    if !wrong.is_empty() {
        bail!("{} of its commands:\n{}", wrong.len(), wrong.join("\n"));
    }
    match session.skip {
        Some(skip) => bail!(skip),
        None => Ok(()),
    }
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and all of `docs/`, in order.
fn paths() -> Vec<PathBuf> {
    let docs = std::fs::read_dir(project().join("docs")).expect("the folder is there");
    let docs = docs.map(|entry| entry.expect("it can be listed").path());
    let mut paths: Vec<_> = docs.filter(|path| path.extension().is_some_and(|it| it == "md")).collect();
    paths.push(project().join("README.md"));
    paths.sort();
    paths
}
