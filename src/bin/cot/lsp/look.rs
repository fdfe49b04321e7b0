//! `hover` and `definition`.

use crate::lsp::diagnose::location;
use crate::lsp::message::Failure;
use crate::lsp::position::Lines;
use crate::lsp::server::Server;
use crate::lsp::workspace;
use lsp_types::{
    GotoDefinitionParams, GotoDefinitionResponse, Hover, HoverContents, HoverParams, Location, MarkupContent,
    MarkupKind, TextDocumentPositionParams,
};
use std::fmt::Write;
use std::rc::Rc;
use wasm2native::cot::query::Program;
use wasm2native::cot::source::{FileId, Span};

/// A place in a program.
pub struct At {
    pub program: Rc<Program>,
    pub file: FileId,
    pub offset: u32,
}

impl At {
    pub fn name(&self) -> Option<Span> {
        self.program.name_at(self.file, self.offset)
    }
}

/// The place that is asked about, in the first program that it belongs to; none if the file can't
/// be read.
///
/// # Errors
/// It is not a file.
pub fn at(server: &mut Server, of: &TextDocumentPositionParams) -> Result<Option<At>, Failure> {
    let path = server.path(&of.text_document.uri)?;
    for root in server.roots(&path) {
        let Some(program) = server.program(&root) else { continue };
        let Some(file) = workspace::file_at(&program.loaded, &path) else { continue };
        let lines = Lines::new(&program.source(file).bytes, server.encoding);
        let offset = lines.offset(of.position) as u32;
        return Ok(Some(At { program, file, offset }));
    }
    Ok(None)
}

/// # Errors
/// It is not a file.
pub fn hover(server: &mut Server, given: HoverParams) -> Result<Option<Hover>, Failure> {
    let Some(at) = at(server, &given.text_document_position_params)? else { return Ok(None) };
    let Some(name) = at.name() else { return Ok(None) };
    let Some(known) = at.program.hover(name) else { return Ok(None) };
    let mut value = format!("```cot\n{}\n```", known.code);
    // Writing to a string never fails.
    if let Some(owner) = known.owner {
        let _ = write!(value, "\n\nin `{owner}`");
    }
    if let Some(doc) = known.doc {
        let _ = write!(value, "\n\n{doc}");
    }
    let lines = Lines::new(&at.program.source(at.file).bytes, server.encoding);
    Ok(Some(Hover {
        contents: HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value }),
        range: Some(lines.range(name.start as usize, name.end as usize)),
    }))
}

/// # Errors
/// It is not a file.
pub fn definition(server: &mut Server, given: GotoDefinitionParams) -> Result<Option<GotoDefinitionResponse>, Failure> {
    let Some(at) = at(server, &given.text_document_position_params)? else { return Ok(None) };
    let places = match at.program.import_at(at.file, at.offset) {
        Some(file) => vec![Span::start_of(file)],
        None => at.name().map(|name| at.program.definitions(name)).unwrap_or_default(),
    };
    let locations: Vec<Location> = places
        .into_iter()
        .filter_map(|place| location(&at.program.loaded, &server.documents, server.encoding, place))
        .collect();
    Ok((!locations.is_empty()).then_some(GotoDefinitionResponse::Array(locations)))
}
