//! `docs/editors/cot.tmLanguage.json` knows the keywords of the language, and no others.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use std::collections::BTreeSet;
use test_kit::trial::trial;
use wasm2native::cot::token::KEYWORDS;

/// Words that are keywords in their place only.
const CONTEXTUAL: [&str; 3] = ["as", "export", "unowned"];

pub fn trials() -> Vec<Trial> {
    vec![trial("grammar/keywords", keywords_of_the_grammar)]
}

fn keywords_of_the_grammar() -> Result<()> {
    let text = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/editors/cot.tmLanguage.json"))?;
    let grammar: serde_json::Value = serde_json::from_slice(&text)?;
    let patterns = grammar["repository"]["words"]["patterns"].as_array().context("there are words")?;
    let mut found = BTreeSet::new();
    for pattern in patterns {
        let words = pattern["match"].as_str().and_then(|it| it.strip_prefix("\\b(")?.strip_suffix(")\\b"));
        found.extend(words.context("a pattern is a list of words")?.split('|').map(str::to_owned));
    }
    let wanted: BTreeSet<String> = KEYWORDS.iter().chain(&CONTEXTUAL).map(|word| (*word).to_owned()).collect();
    let missing: Vec<_> = wanted.difference(&found).collect();
    let unknown: Vec<_> = found.difference(&wanted).collect();
    ensure!(missing.is_empty() && unknown.is_empty(), "missing: {missing:?}, unknown: {unknown:?}");
    Ok(())
}
