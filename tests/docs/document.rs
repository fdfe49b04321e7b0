//! A document of Markdown as a list of its code blocks.

use anyhow::Result;
use std::path::{Path, PathBuf};

/// A document.
#[derive(Clone)]
pub struct Document {
    /// The file's name without extension.
    pub name: String,
    path: PathBuf,
    lines: Vec<String>,
    pub blocks: Vec<Block>,
}

/// A block of code.
#[derive(Clone)]
pub enum Block {
    /// Commands and their outputs.
    Console(Vec<Shown>),
    /// A file that the commands which follow use.
    File { name: String, text: String },
    /// Anything else: its lines, with their numbers.
    Other(Vec<(usize, String)>),
}

/// A command as a document shows it.
#[derive(Clone)]
pub struct Shown {
    /// Number of the line of its prompt, from 1.
    pub line: usize,
    pub text: String,
    pub output: String,
    /// The lines of the output, as indices.
    output_lines: std::ops::Range<usize>,
}

impl Document {
    pub fn read(path: &Path) -> Document {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        let blocks = blocks(&lines);
        Document { name, path: path.to_owned(), lines, blocks }
    }

    /// No command stands in another kind of block, where nothing would run it.
    pub fn check(&self) {
        const COMMANDS: [&str; 9] = ["wasm2native", "cot", "cc", "gcc", "c++", "rustc", "cargo", "zig", "cmake"];
        // The commands of the README's first block are run by `.ci/run`.
        let is_run_elsewhere = |line: &str| self.name == "README" && line.trim_start().starts_with("cargo ");
        for block in &self.blocks {
            let Block::Other(lines) = block else { continue };
            for (number, line) in lines {
                let line = line.trim_start().trim_start_matches("$ ");
                let mut words = line.split_whitespace();
                let first = words.next().unwrap_or_default();
                let is_command =
                    COMMANDS.contains(&first) && words.next().is_some_and(|word| !word.starts_with(['=', '<', '[']));
                assert!(
                    !is_command && !line.starts_with("./") || is_run_elsewhere(line),
                    "{}:{number}: `{line}` is not in a block `console`",
                    self.path.display()
                );
            }
        }
    }

    /// Writes real outputs, by the lines of their commands, in place of those that are shown.
    ///
    /// # Errors
    /// When the document can't be written.
    pub fn bless(&self, outputs: &[(usize, String)]) -> Result<()> {
        let mut lines = self.lines.clone();
        let shown = self.blocks.iter().rev().filter_map(|block| match block {
            Block::Console(commands) => Some(commands.iter().rev()),
            _ => None,
        });
        for command in shown.flatten() {
            if let Some((_, output)) = outputs.iter().find(|(line, _)| *line == command.line) {
                lines.splice(command.output_lines.clone(), output.lines().map(str::to_owned));
            }
        }
        Ok(std::fs::write(&self.path, lines.join("\n") + "\n")?)
    }
}

fn blocks(lines: &[String]) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let indent = lines[at].len() - lines[at].trim_start().len();
        if let Some(head) = lines[at].trim_start().strip_prefix("```") {
            let length = lines[at + 1..].iter().position(|line| line.trim_start().starts_with("```"));
            let length = length.unwrap_or_else(|| panic!("line {}: the block does not end", at + 1));
            let cut = |line: &String| line.get(indent..).unwrap_or_default().to_owned();
            let inner: Vec<_> = lines[at + 1..=at + length].iter().map(cut).collect();
            let mut words = head.split_whitespace();
            blocks.push(match (words.next(), words.next()) {
                (Some("console"), None) => Block::Console(commands(&inner, at + 2)),
                // Not commands of a shell: forms, figures, logs.
                (Some("text"), None) => Block::Other(Vec::new()),
                (Some(_), Some(name)) => Block::File { name: name.to_owned(), text: inner.join("\n") + "\n" },
                _ => Block::Other(inner.into_iter().enumerate().map(|(nth, line)| (at + 2 + nth, line)).collect()),
            });
            at += length + 2;
        } else if indent >= 4 {
            let is_code = |line: &&String| line.starts_with("    ") || line.is_empty();
            let inner: Vec<_> = lines[at..].iter().take_while(is_code).cloned().collect();
            let length = inner.len();
            blocks.push(Block::Other(inner.into_iter().enumerate().map(|(nth, line)| (at + 1 + nth, line)).collect()));
            at += length;
        } else {
            at += 1;
        }
    }
    blocks
}

/// The commands of a block whose first line has the number `first`.
fn commands(lines: &[String], first: usize) -> Vec<Shown> {
    let mut commands: Vec<Shown> = Vec::new();
    for (line, number) in lines.iter().zip(first..) {
        match (line.strip_prefix("$ "), line.strip_prefix("> "), commands.last_mut()) {
            (Some(text), ..) => commands.push(Shown {
                line: number,
                text: text.to_owned(),
                output: String::new(),
                output_lines: number..number,
            }),
            (None, Some(more), Some(last)) if last.output.is_empty() => {
                last.text.push('\n');
                last.text.push_str(more);
                last.output_lines = number..number;
            }
            (None, _, Some(last)) => {
                last.output.push_str(line);
                last.output.push('\n');
                last.output_lines.end = number;
            }
            (None, _, None) => panic!("line {number}: the block begins without a command"),
        }
    }
    commands
}
