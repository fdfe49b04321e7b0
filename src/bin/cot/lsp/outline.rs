//! `documentSymbol`: what a file declares.

use crate::lsp::message::Failure;
use crate::lsp::position::Lines;
use crate::lsp::server::Server;
use crate::project::Project;
use lsp_types::{
    DocumentSymbol, DocumentSymbolParams, DocumentSymbolResponse, Location, SymbolInformation, SymbolKind, Uri,
};
use wasm2native::cot::check::notes::Kind;
use wasm2native::cot::parse;
use wasm2native::cot::query::outline::{Symbol, outline};
use wasm2native::cot::source::Sources;

/// None if the file can't be read.
///
/// # Errors
/// It is not a file.
pub fn symbols(server: &mut Server, given: DocumentSymbolParams) -> Result<Option<DocumentSymbolResponse>, Failure> {
    let uri = given.text_document.uri;
    let path = server.path(&uri)?;
    let open = server.documents.get(&uri).map(|it| it.text.clone().into_bytes());
    let Some(text) = open.or_else(|| std::fs::read(&path).ok()) else { return Ok(None) };
    if text.len() > Sources::MAX_BYTES {
        return Ok(None);
    }
    let all_safe = Project::of(&path).and_then(|project| project.is_safe()).unwrap_or(false);
    let mut sources = Sources::default();
    let id = sources.add(String::new(), Some(path), text);
    let source = sources.get(id);
    let (tree, _) = parse::parse_in(id, source, all_safe);
    let lines = Lines::new(&source.bytes, server.encoding);
    let found = outline(&tree, source);
    Ok(Some(if server.takes_nested_symbols {
        DocumentSymbolResponse::Nested(found.into_iter().map(|it| nested(it, &lines)).collect())
    } else {
        let mut flat = Vec::new();
        found.iter().for_each(|it| flatten(it, None, &uri, &lines, &mut flat));
        DocumentSymbolResponse::Flat(flat)
    }))
}

fn nested(it: Symbol, lines: &Lines) -> DocumentSymbol {
    #[allow(deprecated, reason = "the structure has no constructor")]
    DocumentSymbol {
        kind: kind(&it),
        range: lines.range(it.whole.start as usize, it.whole.end as usize),
        selection_range: lines.range(it.place.start as usize, it.place.end as usize),
        name: it.name,
        detail: Some(it.detail).filter(|detail| !detail.is_empty()),
        tags: None,
        deprecated: None,
        children: Some(it.parts.into_iter().map(|part| nested(part, lines)).collect()),
    }
}

fn flatten(it: &Symbol, outer: Option<&Symbol>, uri: &Uri, lines: &Lines, to: &mut Vec<SymbolInformation>) {
    let range = lines.range(it.whole.start as usize, it.whole.end as usize);
    #[allow(deprecated, reason = "the structure has no constructor")]
    to.push(SymbolInformation {
        name: it.name.clone(),
        kind: kind(it),
        tags: None,
        deprecated: None,
        location: Location { uri: uri.clone(), range },
        container_name: outer.map(|outer| outer.name.clone()),
    });
    it.parts.iter().for_each(|part| flatten(part, Some(it), uri, lines, to));
}

fn kind(it: &Symbol) -> SymbolKind {
    match it.kind {
        None => SymbolKind::OBJECT,
        Some(Kind::Function) => SymbolKind::FUNCTION,
        Some(Kind::Method) => SymbolKind::METHOD,
        Some(Kind::Variable | Kind::Parameter) => SymbolKind::VARIABLE,
        Some(Kind::Constant) => SymbolKind::CONSTANT,
        Some(Kind::Struct | Kind::Union | Kind::Alias) => SymbolKind::STRUCT,
        Some(Kind::Enum | Kind::ErrorSet) => SymbolKind::ENUM,
        Some(Kind::Error | Kind::Variant) => SymbolKind::ENUM_MEMBER,
        Some(Kind::Trait) => SymbolKind::INTERFACE,
        Some(Kind::Field) => SymbolKind::FIELD,
        Some(Kind::TypeParameter) => SymbolKind::TYPE_PARAMETER,
    }
}
