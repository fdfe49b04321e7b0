//! Doc comments: text on lines that begin with `///` belongs to the declaration or field
//! that follows (section 1).

use crate::cot::ast::Doc;
use crate::cot::scan::Scanned;
use crate::cot::source::Source;
use crate::cot::token::{Token, TokenKind};

/// The doc comments of a file in order; lines that follow each other are one.
pub(super) fn docs(source: &Source, scanned: &Scanned) -> Vec<Doc> {
    let mut docs: Vec<(usize, Doc)> = Vec::new();
    for comment in scanned.comments.iter().filter(|comment| comment.is_doc) {
        let next = scanned.tokens.partition_point(|token| token.span.start < comment.span.start);
        let Some(named) = scanned.tokens[next..].windows(2).find(|pair| is_name(pair)).map(|pair| pair[0]) else {
            continue;
        };
        let bytes = &source.bytes[comment.span.start as usize..comment.span.end as usize];
        let line = String::from_utf8_lossy(&bytes["///".len()..]);
        let line = line.strip_prefix(' ').unwrap_or(&line).trim_end();
        match docs.last_mut() {
            Some((before, doc)) if *before == next => {
                doc.text.push('\n');
                doc.text.push_str(line);
            }
            _ => docs.push((next, Doc { name: named.span, text: line.to_owned() })),
        }
    }
    docs.into_iter().map(|(_, doc)| doc).collect()
}

/// Whether the first of two tokens can be the name of a declaration or field. Nothing like it
/// is before the name.
fn is_name(pair: &[Token]) -> bool {
    match pair[0].kind {
        // `export` is not a keyword.
        TokenKind::Identifier => pair[1].kind != TokenKind::Fn,
        TokenKind::String => true,
        // A field can be called so; an alias begins with it.
        TokenKind::Type => pair[1].kind == TokenKind::Colon,
        _ => false,
    }
}
