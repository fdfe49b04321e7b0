//! Comments of Cot and of its tests cite sections of the language reference: each is a heading.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{assert_none, files, project, read};

#[test]
fn cited_sections_of_the_language_exist() {
    let reference = read(&project().join("docs/cot-language.md"));
    let known = headings(&reference);
    let cited = |folder: &str| files(folder).into_iter().filter(|path| is_text(path));
    let mut n_cited = 0;
    let mut complaints = Vec::new();
    for path in ["src/cot", "src/bin/cot", "tests/cot", "fixtures/cot"].into_iter().flat_map(cited) {
        // Some programs are faulty on purpose: not even text.
        let text = std::fs::read(&path).expect("a file that is listed can be read");
        let sections = cited_sections(&String::from_utf8_lossy(&text));
        n_cited += sections.len();
        let unknown = sections.into_iter().filter(|section| !known.contains(section));
        complaints.extend(unknown.map(|section| format!("{}: there is no section {section}", path.display())));
    }
    assert!(n_cited > 50, "some sections are cited");
    assert_none(&complaints);
}

#[test]
fn the_rule_complains() {
    let known = headings("# Title\n## 1. One\n### 8.3 Other forms\n## Two\n```\n## 9. Code\n```\n## 12. Last\n");
    assert_eq!(known, ["1", "12", "8.3"].map(str::to_owned).into());

    let cited = |text: &str| cited_sections(text);
    assert_eq!(cited("//! Tokens (section 1), by section 25.\n"), ["1", "25"]);
    assert_eq!(cited("// Sections 6, 8.3, 9 and 12: 7 words.\n"), ["6", "8.3", "9", "12"]);
    assert_eq!(cited("/// The rule (section\n    /// 23.1), and sections 3 and\n/// 4.\n"), ["23.1", "3", "4"]);
    assert_eq!(cited("// (sections 2 to 4)\n"), ["2", "4"]);
    assert_eq!(cited("sections.push(3); // the section of 4 bytes, intersection 5\n"), [""; 0]);
}

fn is_text(path: &Path) -> bool {
    path.extension().is_some_and(|it| ["rs", "cot", "txt"].iter().any(|end| it == *end))
}

/// Numbers of the headings of a text in Markdown.
fn headings(markdown: &str) -> BTreeSet<String> {
    let mut in_code = false;
    let mut numbers = BTreeSet::new();
    for line in markdown.lines() {
        in_code ^= line.starts_with("```");
        let Some(heading) = line.strip_prefix("##").filter(|_| !in_code) else { continue };
        let first = heading.trim_start_matches('#').split_whitespace().next().unwrap_or_default();
        numbers.extend(number(first));
    }
    numbers
}

/// The sections that a text names, in order: `section 1`, `sections 6, 8.3 and 9`, `sections 2 to
/// 4`.
fn cited_sections(text: &str) -> Vec<String> {
    let words = text.split_whitespace().filter(|word| !["//", "///", "//!", "#"].contains(word));
    let words: Vec<_> = words.collect();
    let mut sections = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let word = word.trim_start_matches(['(', '"']).to_lowercase();
        if word != "section" && word != "sections" {
            continue;
        }
        for next in &words[at + 1..] {
            if word == "sections" && (*next == "and" || *next == "to") {
                continue;
            }
            let Some(section) = number(next) else { break };
            sections.push(section);
            if word == "section" || !next.ends_with(|c: char| c == ',' || c.is_ascii_digit()) {
                break;
            }
        }
    }
    sections
}

/// The number that a word begins with, as `8.3` of `8.3,`.
fn number(word: &str) -> Option<String> {
    let digits = word.split(|c: char| !c.is_ascii_digit() && c != '.').next()?.trim_end_matches('.');
    (!digits.is_empty()).then(|| digits.to_owned())
}
