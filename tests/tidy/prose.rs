//! Prose: where its lines end, in Markdown and in comments that take a whole line, and where the
//! links of Markdown lead.
//!
//! Tables, code blocks, directives and expected texts of fixtures are not prose.

use super::{assert_none, files, project, read};
use std::path::{Path, PathBuf};

/// Columns of a line of prose.
const WIDEST_PROSE: usize = 100;

const FOLDERS: [&str; 7] = [".ci", "benches", "docs", "fixtures", "src", "tests", "wasi-shim"];

/// How a kind of file marks its prose.
#[derive(Copy, Clone, PartialEq)]
enum Kind {
    Markdown,
    Rust,
    Wasm,
    /// Shell and TOML.
    Hash,
}

#[test]
fn lines_of_prose_end_at_100_columns() {
    let mut complaints = Vec::new();
    for path in texts() {
        let Some(kind) = kind_of(&path) else { continue };
        let lines = wide_lines(kind, &read(&path)).into_iter();
        complaints.extend(lines.map(|line| format!("{}:{line}: prose beyond {WIDEST_PROSE} columns", path.display())));
    }
    assert_none(&complaints);
}

#[test]
fn links_of_documents_lead_to_files() {
    let mut complaints = Vec::new();
    for path in texts().into_iter().filter(|path| kind_of(path) == Some(Kind::Markdown)) {
        let folder = path.parent().expect("a file is in a folder");
        let text = read(&path);
        let dead = local_links(&text).into_iter().filter(|link| !folder.join(link).exists());
        complaints.extend(dead.map(|link| format!("{}: there is no {link}", path.display())));
    }
    assert_none(&complaints);
}

#[test]
fn rules_of_prose_complain() {
    let wide = format!("{} end", "word ".repeat(20));
    let found = |kind, text: &str| wide_lines(kind, text).len();
    assert_eq!(wide_lines(Kind::Markdown, &format!("# Head\n\n{wide}\n* {wide}\n")), [3, 4]);
    assert_eq!(found(Kind::Markdown, &format!("| {wide} |\n    {wide}\n```\n{wide}\n```\n")), 0);
    assert_eq!(found(Kind::Markdown, &format!("* https://{}\n", "x".repeat(WIDEST_PROSE))), 0);
    assert_eq!(found(Kind::Markdown, &format!("{} end\n", "ü".repeat(WIDEST_PROSE - 4))), 0);
    assert_eq!(found(Kind::Markdown, &format!("{} end\n", "ü".repeat(WIDEST_PROSE - 3))), 1);

    assert_eq!(wide_lines(Kind::Rust, &format!("//! {wide}\n/// {wide}\n    // {wide}\nf(); // {wide}\n")), [1, 2, 3]);
    assert_eq!(found(Kind::Rust, &format!("/// ```text\n/// {wide}\n/// ```\n//! | {wide}\n//!     {wide}\n")), 0);
    assert_eq!(wide_lines(Kind::Wasm, &format!(";;! {wide}\n  ;; {wide}\n;;= stdout\n;; {wide}\n")), [2]);
    assert_eq!(wide_lines(Kind::Hash, &format!("#!{wide}\n# {wide}\n")), [2]);

    assert_eq!(local_links("[a](b.md) and [c](d/e.md#part), [f](https://g.org) or [h](#i)"), ["b.md", "d/e.md"]);
}

/// The files of the project that can hold prose.
fn texts() -> Vec<PathBuf> {
    let top = std::fs::read_dir(project()).expect("the project can be listed");
    let top = top.map(|entry| entry.expect("it can be listed").path()).filter(|path| path.is_file());
    top.chain(FOLDERS.into_iter().flat_map(files)).collect()
}

fn kind_of(path: &Path) -> Option<Kind> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("md") => Some(Kind::Markdown),
        Some("rs") => Some(Kind::Rust),
        Some("wat") => Some(Kind::Wasm),
        Some("sh" | "toml") => Some(Kind::Hash),
        _ => path.ends_with(".ci/run").then_some(Kind::Hash),
    }
}

/// What stands in a line of prose, without the mark of a comment.
fn prose_of(kind: Kind, line: &str) -> Option<&str> {
    let line = if kind == Kind::Markdown { line } else { line.trim_start() };
    match kind {
        Kind::Markdown => Some(line),
        Kind::Rust => ["//!", "///", "//"].iter().find_map(|mark| line.strip_prefix(mark)),
        Kind::Wasm => line.strip_prefix(";;").filter(|rest| !rest.starts_with('!')),
        Kind::Hash => line.strip_prefix('#').filter(|rest| !rest.starts_with('!')),
    }
}

/// Numbers of the lines of prose that are too wide and can be broken.
fn wide_lines(kind: Kind, text: &str) -> Vec<usize> {
    // A space follows the mark of a comment.
    let code_indent = if kind == Kind::Markdown { "    " } else { "     " };
    let mut wide = Vec::new();
    let mut in_code = false;
    for (line, number) in text.lines().zip(1..) {
        if kind == Kind::Wasm && line.starts_with(";;=") {
            break;
        }
        let Some(prose) = prose_of(kind, line) else {
            in_code = false;
            continue;
        };
        let words = prose.trim();
        if words.starts_with("```") {
            in_code = !in_code;
        } else if !in_code && !words.starts_with('|') && !prose.starts_with(code_indent) && can_be_broken(line, words) {
            wide.push(number);
        }
    }
    wide
}

/// Whether a line is too wide, and has a space where it can go on in the next.
fn can_be_broken(line: &str, words: &str) -> bool {
    let words = words.trim_start_matches(['*', '-', ' ']);
    line.chars().count() > WIDEST_PROSE && words.contains(' ')
}

/// Files that a document of Markdown links to, relative to its folder.
fn local_links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let targets = targets.filter(|target| !target.contains("://"));
    targets.filter_map(|target| target.split('#').next()).filter(|file| !file.is_empty()).collect()
}
