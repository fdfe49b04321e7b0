//! Program output as text of a fixture, and comparison of the two.

use std::fmt::Write;

const NO_NEWLINE: &str = "(no newline at end)";

/// `bytes` as lines: what is not printable is written `\xNN`, and so is a blank at the end of a
/// line; a missing last newline is said.
pub fn render(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() && c != '\n' && c != '\t' {
                write!(out, "\\x{:02x}", c as u32).expect("strings grow");
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}").expect("strings grow");
        }
    }
    if !out.is_empty() && !out.ends_with('\n') {
        writeln!(out, "\n{NO_NEWLINE}").expect("strings grow");
    }
    out.replace(" \n", "\\x20\n").replace("\t\n", "\\x09\n")
}

/// Whether `actual` is `expected`, where a line `...` stands for any lines and `...` inside of a
/// line for any text.
pub fn matches(expected: &str, actual: &str) -> bool {
    let expected: Vec<&str> = expected.lines().collect();
    let actual: Vec<&str> = actual.lines().collect();
    lines_match(&expected, &actual)
}

fn lines_match(expected: &[&str], actual: &[&str]) -> bool {
    match expected {
        [] => actual.is_empty(),
        ["...", rest @ ..] => (0..=actual.len()).any(|skipped| lines_match(rest, &actual[skipped..])),
        [line, rest @ ..] => {
            actual.split_first().is_some_and(|(first, others)| line_matches(line, first) && lines_match(rest, others))
        }
    }
}

fn line_matches(expected: &str, actual: &str) -> bool {
    match expected.split_once("...") {
        None => expected == actual,
        Some((before, after)) => actual.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).filter(|&at| rest.is_char_boundary(at)).any(|at| line_matches(after, &rest[at..]))
        }),
    }
}

/// What differs, for a reader: the common head and tail are left out.
pub fn difference(expected: &str, actual: &str) -> String {
    let expected: Vec<&str> = expected.lines().collect();
    let actual: Vec<&str> = actual.lines().collect();
    let head = expected.iter().zip(&actual).take_while(|(a, b)| a == b).count();
    let tail = expected[head..].iter().rev().zip(actual[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let mut out = String::new();
    if head > 0 {
        writeln!(out, "    ({head} lines alike)").expect("strings grow");
    }
    for line in &expected[head..expected.len() - tail] {
        writeln!(out, "  - {line}").expect("strings grow");
    }
    for line in &actual[head..actual.len() - tail] {
        writeln!(out, "  + {line}").expect("strings grow");
    }
    if tail > 0 {
        writeln!(out, "    ({tail} lines alike)").expect("strings grow");
    }
    out
}
