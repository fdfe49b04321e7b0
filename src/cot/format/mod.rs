//! Sources in the standard form (section 25): four spaces a level, one space around operators, at
//! most one blank line, no semicolons, the first of the spellings of section 4.
//!
//! Tokens stay in their order, and mostly on their lines: this is a new layout of the tokens, not a
//! print of the tree, so no comment is lost. The tree says what tokens alone do not
//! (`roles`). The modules import only from those above them.

mod roles;

mod pieces;

mod layout;

use crate::cot::ast;
use crate::cot::diagnostic::Diagnostic;
use crate::cot::parse;
use crate::cot::print;
use crate::cot::scan;
use crate::cot::source::{FileId, Source, Sources};

/// What a file becomes.
#[derive(Debug)]
pub enum Formatted {
    Text(Vec<u8>),
    /// It is faulty, and left alone.
    Faulty(Vec<Diagnostic>),
    /// The result, which would not mean the same. That is a fault of this module.
    Changed(Vec<u8>),
}

/// Formats a file; `all_safe` says that it is `@safe` even if it does not say so itself.
pub fn format(file: FileId, source: &Source, all_safe: bool) -> Formatted {
    let (tree, diagnostics) = parse::parse_in(file, source, all_safe);
    if !diagnostics.is_empty() {
        return Formatted::Faulty(diagnostics);
    }
    let text = lay_out(file, source, &tree);
    let mut again = Sources::default();
    let id = again.add(source.name.clone(), None, text.clone());
    let (after, diagnostics) = parse::parse_in(id, again.get(id), all_safe);
    if !diagnostics.is_empty() || print::tree(&after, again.get(id)) != print::tree(&tree, source) {
        return Formatted::Changed(text);
    }
    Formatted::Text(text)
}

fn lay_out(file: FileId, source: &Source, tree: &ast::File) -> Vec<u8> {
    let scanned = scan::scan(file, source);
    let roles = roles::roles(tree, &scanned.tokens);
    let pieces = pieces::pieces(&source.bytes, &scanned, &roles);
    layout::lay_out(&pieces, &roles)
}
