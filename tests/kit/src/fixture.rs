//! A fixture: a file whose top holds directives, whose middle is the program, and whose end holds
//! the expected texts.
//!
//! ```text
//! ;;! run args="3"
//! (module ...)
//! ;;= stdout
//! ;; 6
//! ```
//!
//! `«x *5000»` in the program stands for 5000 times `x `. Sections: `stdout`, `stderr` (programs),
//! `error` (of the compiler), one for each stage in `SECTIONS`, and `file NAME` for
//! what a run leaves behind. With several runs, each one's text follows a line `$ ARGS`.

use crate::directive::{self, Run, Setup};
use anyhow::{Context, Result, bail};
use std::fmt::Write;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub struct Fixture {
    pub path: PathBuf,
    /// The name of the test: `AREA/NAME`.
    pub name: String,
    pub setup: Setup,
    pub runs: Vec<Run>,
    /// The file without its expected texts, with repetitions written out.
    pub source: String,
    pub expected: Vec<Section>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    pub kind: String,
    pub text: String,
}

/// Kinds of sections, beside `file NAME`.
pub const SECTIONS: [&str; 12] =
    ["stdout", "stderr", "error", "facts", "linkage", "layout", "image", "clif", "listing", "wat", "ir", "ssa"];

/// All fixtures of the project in Wasm, C and C++, by name. Those in Cot are for `tests/cot`.
pub fn all() -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("can't read {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                if path != root().join("cot") {
                    folders.push(path);
                }
            } else if matches!(extension(&path), Some("wat" | "c" | "cc")) {
                paths.push(path);
            }
        }
    }
    paths.sort();
    Ok(paths)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn extension(path: &Path) -> Option<&str> {
    path.extension().and_then(|it| it.to_str())
}

/// The path below `fixtures/`, without the extension.
pub fn name_of(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).with_extension("").to_string_lossy().into_owned()
}

impl Fixture {
    pub fn read(path: &Path) -> Result<Fixture> {
        let text = std::fs::read_to_string(path)?;
        Fixture::parse(path, &text)
    }

    pub fn parse(path: &Path, text: &str) -> Result<Fixture> {
        let comment = comment_of(path);
        let marker = format!("{comment}!");
        let (source, expected) = text.split_at(expectations_start(text, comment));
        let mut code_seen = false;
        for line in source.lines() {
            let directive = line.starts_with(&marker);
            if directive && code_seen {
                bail!("`{line}` stands below the program");
            }
            code_seen |= !line.trim().is_empty() && !line.starts_with(comment);
        }
        let directives = source.lines().filter(|line| line.starts_with(&marker));
        let (setup, runs) = directive::parse(directives, &marker)?;
        Ok(Fixture {
            path: path.to_owned(),
            name: name_of(path),
            setup,
            runs,
            source: repeat(source)?,
            expected: sections(expected, comment)?,
        })
    }

    /// The file's name without its folder: what the compiler names in messages.
    pub fn file_name(&self) -> String {
        self.path.file_name().expect("fixtures have names").to_string_lossy().into_owned()
    }

    /// Whether a C or C++ compiler makes its module.
    pub fn is_c(&self) -> bool {
        matches!(extension(&self.path), Some("c" | "cc"))
    }

    pub fn is_cxx(&self) -> bool {
        extension(&self.path) == Some("cc")
    }

    pub fn expected(&self, kind: &str) -> Option<&str> {
        self.expected.iter().find(|section| section.kind == kind).map(|section| section.text.as_str())
    }

    /// Replaces the expected texts in the file.
    pub fn bless(&self, sections: &[Section]) -> Result<()> {
        let text = std::fs::read_to_string(&self.path)?;
        let comment = comment_of(&self.path);
        let mut out = text[..expectations_start(&text, comment)].trim_end().to_owned();
        out.push('\n');
        for section in sections {
            writeln!(out, "{comment}= {}", section.kind)?;
            for line in section.text.lines() {
                writeln!(out, "{}", format!("{comment} {line}").trim_end())?;
            }
        }
        if out != text {
            std::fs::write(&self.path, out)?;
        }
        Ok(())
    }
}

fn comment_of(path: &Path) -> &'static str {
    if extension(path) == Some("wat") { ";;" } else { "//" }
}

/// Offset of the first expected text.
fn expectations_start(text: &str, comment: &str) -> usize {
    let mark = format!("{comment}= ");
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with(&mark) {
            return offset;
        }
        offset += line.len();
    }
    offset
}

fn sections(text: &str, comment: &str) -> Result<Vec<Section>> {
    let mut sections: Vec<Section> = Vec::new();
    for line in text.lines() {
        let Some(line) = line.strip_prefix(comment) else {
            bail!("`{line}` stands below the expected texts");
        };
        if let Some(kind) = line.strip_prefix("= ") {
            let kind = kind.trim().to_owned();
            if !SECTIONS.contains(&kind.as_str()) && !kind.starts_with("file ") {
                bail!("unknown section `{kind}`");
            }
            if sections.iter().any(|section| section.kind == kind) {
                bail!("section `{kind}` stands twice");
            }
            sections.push(Section { kind, text: String::new() });
        } else {
            let section = sections.last_mut().expect("the first line names a section");
            section.text.push_str(line.strip_prefix(' ').unwrap_or(line));
            section.text.push('\n');
        }
    }
    Ok(sections)
}

/// Writes out `«text*count»`.
fn repeat(text: &str) -> Result<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('«') {
        let (inside, after) = after.split_once('»').context("`«` without `»`")?;
        let (what, count) = inside.rsplit_once('*').context("a repetition is `«text*count»`")?;
        out.push_str(before);
        out.push_str(&what.repeat(count.trim().parse().context("a repetition ends with its count")?));
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}
