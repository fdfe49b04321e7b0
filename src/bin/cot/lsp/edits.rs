//! `rename` and `formatting`: what changes texts.

use crate::lsp::look::{At, at, everywhere};
use crate::lsp::message::Failure;
use crate::lsp::position::Lines;
use crate::lsp::server::Server;
use crate::lsp::uri;
use crate::lsp::workspace::{self, Root};
use crate::project::Project;
use lsp_types::{
    DocumentFormattingParams, OptionalVersionedTextDocumentIdentifier, PrepareRenameResponse, RenameParams,
    TextDocumentEdit, TextDocumentPositionParams, TextEdit, Uri,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use wasm2native::cot::check;
use wasm2native::cot::format::{self, Formatted};
use wasm2native::cot::query::Program;
use wasm2native::cot::query::rename::is_name;
use wasm2native::cot::source::Sources;

/// # Errors
/// The name can't be changed.
pub fn prepare_rename(
    server: &mut Server,
    given: TextDocumentPositionParams,
) -> Result<Option<PrepareRenameResponse>, Failure> {
    let Some(at) = at(server, &given)? else { return Ok(None) };
    let Some(name) = at.name() else { return Ok(None) };
    at.program.can_rename(name).map_err(Failure::refused)?;
    let lines = Lines::new(&at.program.source(at.file).bytes, server.encoding);
    Ok(Some(PrepareRenameResponse::Range(lines.range(name.start as usize, name.end as usize))))
}

/// Places of files and their new texts, in order.
type FileEdits = BTreeMap<PathBuf, BTreeMap<(u32, u32), String>>;

/// What must be changed in all programs that know the name.
///
/// # Errors
/// The name can't be changed, or not to this one.
pub fn rename(server: &mut Server, given: RenameParams) -> Result<Value, Failure> {
    let place = given.text_document_position;
    let new = given.new_name;
    if !is_name(&new) {
        return Err(Failure::refused(format!("'{new}' is not a name")));
    }
    let mut edits = FileEdits::new();
    let mut is_known = false;
    for (root, at) in everywhere(server, &place)? {
        is_known |= rename_in(server, &root, &at, &new, &mut edits)?;
    }
    if !is_known {
        return Err(Failure::refused("there is no name here"));
    }
    Ok(workspace_edit(server, &edits))
}

/// Adds the edits of one program; false if there is no name.
fn rename_in(server: &Server, root: &Root, at: &At, new: &str, edits: &mut FileEdits) -> Result<bool, Failure> {
    let program = &at.program;
    let Some(name) = at.name() else { return Ok(false) };
    program.can_rename(name).map_err(Failure::refused)?;
    if let Some(fault) =
        check::check(&program.loaded, &workspace::check_options()).err().and_then(|it| it.into_iter().next())
    {
        let source = program.source(fault.span.file);
        let (line, _) = source.position(fault.span.start);
        let shown = source.path.as_deref().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let message =
            format!("the program has an error, which must be removed first: {shown}:{line}: {}", fault.message);
        return Err(Failure::refused(message));
    }
    let renamed = program.rename(name, new).map_err(Failure::refused)?.edits;
    let files: BTreeSet<_> = renamed.keys().map(|(file, ..)| *file).collect();
    let texts: HashMap<PathBuf, Vec<u8>> = files
        .into_iter()
        .filter_map(|file| Some((program.source(file).path.clone()?, program.edited(file, &renamed))))
        .collect();
    let after = workspace::load(root, &server.documents, texts);
    let after = after.ok_or_else(|| Failure::internal("the program can't be read anymore"))?;
    let fault = check::check(&after, &workspace::check_options()).err().and_then(|it| it.into_iter().next());
    if let Some(fault) = fault {
        return Err(Failure::refused(format!("with the name '{new}' there would be an error: {}", fault.message)));
    }
    let after = Program::new(after, &workspace::check_options(), None);
    if !program.means_the_same(&after, &renamed) {
        return Err(Failure::refused(format!("with the name '{new}' the program would mean something else")));
    }
    for ((file, start, end), text) in renamed {
        let path = program.source(file).path.clone();
        let path = path.ok_or_else(|| Failure::refused("a file of the standard library would change"))?;
        edits.entry(path).or_default().insert((start, end), text);
    }
    Ok(true)
}

/// Edits as the client takes them.
fn workspace_edit(server: &Server, edits: &FileEdits) -> Value {
    let mut of_files: Vec<(Uri, Option<i32>, Vec<TextEdit>)> = Vec::new();
    for (path, changes) in edits {
        let document = server.documents.of_path(path);
        let text = document.map(|it| it.text.clone().into_bytes()).or_else(|| std::fs::read(path).ok());
        let uri = document.map(|it| it.uri.clone()).or_else(|| uri::of_path(path));
        let Some((text, uri)) = text.zip(uri) else { continue };
        let lines = Lines::new(&text, server.encoding);
        let edit = |((start, end), new): (&(u32, u32), &String)| TextEdit {
            range: lines.range(*start as usize, *end as usize),
            new_text: new.clone(),
        };
        of_files.push((uri, document.map(|it| it.version), changes.iter().map(edit).collect()));
    }
    if server.takes_versions {
        let changes: Vec<TextDocumentEdit> = of_files
            .into_iter()
            .map(|(uri, version, edits)| TextDocumentEdit {
                text_document: OptionalVersionedTextDocumentIdentifier { uri, version },
                edits: edits.into_iter().map(lsp_types::OneOf::Left).collect(),
            })
            .collect();
        return json!({ "documentChanges": changes });
    }
    let changes: BTreeMap<String, Vec<TextEdit>> =
        of_files.into_iter().map(|(uri, _, edits)| (uri.as_str().to_owned(), edits)).collect();
    json!({ "changes": changes })
}

/// The change that brings a file into the standard form: the lines that differ. None if it has
/// errors, which are told elsewhere.
///
/// # Errors
/// It is not a file, or the result would mean something else.
pub fn format(server: &mut Server, given: DocumentFormattingParams) -> Result<Option<Vec<TextEdit>>, Failure> {
    let uri = &given.text_document.uri;
    let path = server.path(uri)?;
    let open = server.documents.get(uri).map(|it| it.text.clone().into_bytes());
    let Some(before) = open.or_else(|| std::fs::read(&path).ok()) else { return Ok(None) };
    if before.len() > Sources::MAX_BYTES {
        return Ok(None);
    }
    let all_safe = Project::of(&path).and_then(|project| project.is_safe()).unwrap_or(false);
    let mut sources = Sources::default();
    let id = sources.add(path.display().to_string(), Some(path), before.clone());
    match format::format(id, sources.get(id), all_safe) {
        Formatted::Faulty(_) => Ok(None),
        Formatted::Changed(_) => Err(Failure::refused("the result would mean something else, so nothing was done")),
        Formatted::Text(after) => Ok(Some(difference(&before, &after, &Lines::new(&before, server.encoding)))),
    }
}

/// One edit from the first line that differs to the last one.
fn difference(before: &[u8], after: &[u8], lines: &Lines) -> Vec<TextEdit> {
    if before == after {
        return Vec::new();
    }
    let old: Vec<&[u8]> = before.split_inclusive(|it| *it == b'\n').collect();
    let new: Vec<&[u8]> = after.split_inclusive(|it| *it == b'\n').collect();
    let n_first = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let rest = old[n_first..].iter().rev().zip(new[n_first..].iter().rev());
    let n_last = rest.take_while(|(old, new)| old == new).count();
    let length = |lines: &[&[u8]]| lines.iter().map(|it| it.len()).sum::<usize>();
    let start = length(&old[..n_first]);
    let end = before.len() - length(&old[old.len() - n_last..]);
    let text = new[n_first..new.len() - n_last].concat();
    vec![TextEdit { range: lines.range(start, end), new_text: String::from_utf8_lossy(&text).into_owned() }]
}
