//! `hover`, `definition`, `references` and `signatureHelp`: what is at a place.

use crate::lsp::diagnose::location;
use crate::lsp::message::Failure;
use crate::lsp::position::Lines;
use crate::lsp::server::Server;
use crate::lsp::workspace::{self, Root};
use lsp_types::{
    Documentation, GotoDefinitionParams, GotoDefinitionResponse, Hover, HoverContents, HoverParams, Location,
    MarkupContent, MarkupKind, ParameterInformation, ParameterLabel, Position, ReferenceParams, SignatureHelp,
    SignatureHelpParams, SignatureInformation, TextDocumentPositionParams,
};
use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;
use std::rc::Rc;
use wasm2native::cot::query::Program;
use wasm2native::cot::query::signature::Signature;
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
    let roots = server.roots(&path);
    Ok(roots.iter().find_map(|root| at_in(server, root, &path, of.position)))
}

/// The place in one program; none if that can't be read, or has no such file.
fn at_in(server: &mut Server, root: &Root, path: &Path, position: Position) -> Option<At> {
    let program = server.program(root)?;
    let file = workspace::file_at(&program.loaded, path)?;
    let offset = Lines::new(&program.source(file).bytes, server.encoding).offset(position) as u32;
    Some(At { program, file, offset })
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

/// The name at a place, in each program that knows it: those that the file belongs to, and those
/// that the files of its declarations belong to.
///
/// # Errors
/// It is not a file.
pub fn everywhere(server: &mut Server, of: &TextDocumentPositionParams) -> Result<Vec<(Root, At)>, Failure> {
    let path = server.path(&of.text_document.uri)?;
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for root in server.roots(&path) {
        seen.insert(root.clone());
        found.extend(at_in(server, &root, &path, of.position).map(|at| (root, at)));
    }
    let mut next = 0;
    while next < found.len() {
        let (_, at) = &found[next];
        let program = at.program.clone();
        let declarations = at.name().map(|name| program.own_declarations(name)).unwrap_or_default();
        next += 1;
        for declaration in declarations {
            let Some(path) = program.source(declaration.file).path.clone() else { continue };
            for root in server.roots(&path) {
                if !seen.insert(root.clone()) {
                    continue;
                }
                let Some(program) = server.program(&root) else { continue };
                let Some(file) = workspace::file_at(&program.loaded, &path) else { continue };
                found.push((root, At { program, file, offset: declaration.start }));
            }
        }
    }
    Ok(found)
}

/// Uses of a name in all programs that know it.
///
/// # Errors
/// It is not a file.
pub fn references(server: &mut Server, given: ReferenceParams) -> Result<Option<Vec<Location>>, Failure> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for (_, at) in everywhere(server, &given.text_document_position)? {
        let places = at.name().map(|name| at.program.references(name, given.context.include_declaration));
        for span in places.unwrap_or_default() {
            // A file may belong to several programs.
            let source = at.program.source(span.file);
            if seen.insert((source.path.clone(), source.name.clone(), span.start))
                && let Some(place) = location(&at.program.loaded, &server.documents, server.encoding, span)
            {
                found.push(place);
            }
        }
    }
    Ok((!found.is_empty()).then_some(found))
}

/// What the call takes that is being written.
///
/// # Errors
/// It is not a file.
pub fn signature_help(server: &mut Server, given: SignatureHelpParams) -> Result<Option<SignatureHelp>, Failure> {
    let Some(at) = at(server, &given.text_document_position_params)? else { return Ok(None) };
    let signatures = at.program.signatures(at.file, at.offset);
    let Some(active) = signatures.first().map(|it| it.active) else { return Ok(None) };
    Ok(Some(SignatureHelp {
        signatures: signatures.into_iter().map(signature).collect(),
        active_signature: Some(0),
        active_parameter: u32::try_from(active).ok(),
    }))
}

fn signature(it: Signature) -> SignatureInformation {
    let parameter = |text| ParameterInformation { label: ParameterLabel::Simple(text), documentation: None };
    let markup = |value| Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value });
    SignatureInformation {
        label: it.label,
        documentation: it.doc.map(markup),
        parameters: Some(it.parameters.into_iter().map(parameter).collect()),
        active_parameter: None,
    }
}
