//! `wasm2native inspect --html`: what takes how much of a program, as a treemap.
//!
//! Comes in: the bytes of a program, and what is known of its powers. Goes out: a page. Every byte
//! of the file is in exactly one leaf: of a symbol, of a section without symbols, or of what holds
//! the file together. A stripped program has no symbols, and so has sections only.
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

use super::{Parts, page};
use anyhow::{Context, Result};
use object::{Object, ObjectSection, ObjectSymbol, SectionIndex, SectionKind, SymbolKind};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// A rectangle: `size` is that of its children together, or its own, in bytes.
#[derive(Debug, Serialize, PartialEq)]
pub struct Node {
    pub name: String,
    pub size: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Node>,
}

/// What the page shows.
#[derive(Serialize)]
struct Data<'a> {
    title: &'a str,
    tree: &'a Node,
    /// Labels with their values.
    facts: &'a [(String, Vec<String>)],
}

/// The page for a program called `title`.
///
/// # Errors
/// When the program can't be read.
pub fn print(title: &str, program: &[u8], facts: &[(String, Vec<String>)]) -> Result<String> {
    let parts = Parts {
        title,
        style: include_str!("treemap.css"),
        body: include_str!("treemap.html"),
        script: include_str!("treemap.js"),
    };
    Ok(page(&parts, &Data { title, tree: &tree(program)?, facts }))
}

/// The symbol at which a module's functions begin.
const START: &str = "w2n.text";

/// A symbol with the bytes that it takes in its section.
struct Part<'d> {
    name: &'d str,
    address: u64,
    size: u64,
}

/// The tree of all bytes of a program.
///
/// # Errors
/// When the program can't be read.
pub fn tree(program: &[u8]) -> Result<Node> {
    let file = object::File::parse(program).context("can't read the program")?;
    let mut symbols: HashMap<SectionIndex, Vec<Part>> = HashMap::new();
    for symbol in file.symbols().filter(|symbol| !matches!(symbol.kind(), SymbolKind::File | SymbolKind::Section)) {
        let (Some(section), Ok(name)) = (symbol.section_index(), symbol.name()) else { continue };
        let part = Part { name, address: symbol.address(), size: symbol.size() };
        symbols.entry(section).or_default().push(part);
    }
    let start = file.symbols().find(|symbol| symbol.name() == Ok(START)).map(|symbol| symbol.address());
    let mut module = Vec::new();
    let mut runtime = Vec::new();
    let mut others = Vec::new();
    for section in file.sections() {
        let size = section.file_range().map_or(0, |(_, size)| size);
        let name = section.name().unwrap_or("section without a name");
        let range = section.address()..section.address().saturating_add(size);
        let parts = cut(symbols.remove(&section.index()).unwrap_or_default(), &range);
        let rest =
            leaf(&format!("{name}, without names"), size.saturating_sub(sum(parts.iter().map(|part| part.size))));
        let (own, foreign) = match section.kind() {
            SectionKind::Text => {
                let (own, foreign) = split_code(parts, start);
                (by_origin(own), by_origin(foreign))
            }
            _ => {
                let (own, foreign): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.name.starts_with("w2n"));
                (leaves(own), leaves(foreign))
            }
        };
        module.push(group(name.to_owned(), own));
        let target = if section.address() == 0 || is_linking(name) { &mut others } else { &mut runtime };
        target.push(group(name.to_owned(), foreign.into_iter().chain(rest).collect()));
    }
    let children = [("module", module), ("runtime and C library", runtime), ("symbols and links", others)];
    let mut children: Vec<_> = children.into_iter().map(|(name, nodes)| group(name.to_owned(), nodes)).collect();
    let total = program.len() as u64;
    let named = sum(children.iter().map(|node| node.size));
    children.extend(leaf("headers and gaps", total.saturating_sub(named)));
    Ok(group("all".to_owned(), children))
}

/// Sections that connect the file's parts: tables of names, relocations, unwinding.
fn is_linking(name: &str) -> bool {
    [".eh_frame", ".gnu", ".dyn", ".rel", ".got", ".comment", ".gcc"].iter().any(|begin| name.starts_with(begin))
}

/// The symbols of a section in order, without overlaps: of several at one address, the first
/// counts.
fn cut<'d>(mut parts: Vec<Part<'d>>, range: &std::ops::Range<u64>) -> Vec<Part<'d>> {
    parts.sort_by_key(|part| (part.address, std::cmp::Reverse(part.size), part.name));
    let mut end = range.start;
    let mut cut = Vec::new();
    for part in parts {
        let start = part.address.max(end);
        let stop = part.address.saturating_add(part.size).min(range.end);
        if stop > start {
            cut.push(Part { address: start, size: stop.saturating_sub(start), ..part });
            end = stop;
        }
    }
    cut
}

/// The functions of modules, and the others. The text of modules begins at `start`, and ends with
/// `main`, or in a library where the runtime's begins.
fn split_code(parts: Vec<Part>, start: Option<u64>) -> (Vec<Part>, Vec<Part>) {
    let Some(start) = start else { return (Vec::new(), parts) };
    let follows = |part: &&Part| part.address >= start;
    let main = parts.iter().filter(follows).find(|part| part.name == "main");
    let runtime = parts.iter().filter(follows).find(|part| part.name.contains("wasi_shim"));
    let end = match (main, runtime) {
        (Some(main), _) => main.address.saturating_add(main.size),
        (None, Some(first)) => first.address,
        (None, None) => u64::MAX,
    };
    parts.into_iter().partition(|part| (start..end).contains(&part.address))
}

/// Functions in groups by crate or namespace; those in C stand by themselves.
fn by_origin(parts: Vec<Part>) -> Vec<Node> {
    let mut groups: BTreeMap<String, Vec<Node>> = BTreeMap::new();
    let mut alone = Vec::new();
    for part in parts {
        let name = format!("{:#}", rustc_demangle::demangle(part.name));
        match origin(&name) {
            Some(origin) => groups.entry(origin).or_default().extend(leaf(&name, part.size)),
            None => alone.extend(leaf(&name, part.size)),
        }
    }
    let mut nodes: Vec<_> = groups.into_iter().map(|(name, nodes)| group(name, nodes)).collect();
    nodes.extend(alone);
    nodes
}

/// The crate or namespace of a demangled name: `alloc` of `<alloc::vec::Vec<T> as Drop>::drop`.
fn origin(name: &str) -> Option<String> {
    let name = name.trim_start_matches(['<', '&', '*', '(', '[']);
    let word: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!word.is_empty() && name[word.len()..].starts_with("::")).then_some(word)
}

fn leaf(name: &str, size: u64) -> Option<Node> {
    (size > 0).then(|| Node { name: name.to_owned(), size, children: Vec::new() })
}

fn leaves(parts: Vec<Part>) -> Vec<Node> {
    parts.into_iter().filter_map(|part| leaf(part.name, part.size)).collect()
}

fn sum(sizes: impl Iterator<Item = u64>) -> u64 {
    sizes.fold(0, u64::saturating_add)
}

/// A node with these children, the largest first.
fn group(name: String, mut children: Vec<Node>) -> Node {
    children.retain(|node| node.size > 0);
    children.sort_by(|one, other| other.size.cmp(&one.size).then_with(|| one.name.cmp(&other.name)));
    let size = sum(children.iter().map(|node| node.size));
    Node { name, size, children }
}
