//! `completion`.

use crate::lsp::message::Failure;
use crate::lsp::position::Lines;
use crate::lsp::server::Server;
use crate::lsp::workspace::{self, Root};
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionParams, CompletionTextEdit, Documentation, MarkupContent, MarkupKind,
    Range, TextEdit,
};
use std::collections::HashMap;
use std::path::Path;
use wasm2native::cot::check::builtins::builtin_names;
use wasm2native::cot::check::notes::Kind;
use wasm2native::cot::library;
use wasm2native::cot::query::Program;
use wasm2native::cot::query::complete::{Completion, MARKER, NameKind, Place, marked, place};
use wasm2native::cot::source::Sources;

/// # Errors
/// It is not a file.
pub fn complete(server: &mut Server, given: CompletionParams) -> Result<Vec<CompletionItem>, Failure> {
    let position = given.text_document_position;
    let path = server.path(&position.text_document.uri)?;
    let open = server.documents.get(&position.text_document.uri).map(|it| it.text.clone().into_bytes());
    let Some(text) = open.or_else(|| std::fs::read(&path).ok()) else { return Ok(Vec::new()) };
    if text.len() > Sources::MAX_BYTES {
        return Ok(Vec::new());
    }
    let mut sources = Sources::default();
    let id = sources.add(String::new(), None, text);
    let source = sources.get(id);
    let lines = Lines::new(&source.bytes, server.encoding);
    let range = |start: u32, end: u32| lines.range(start as usize, end as usize);
    let items = match place(id, source, lines.offset(position.position) as u32) {
        None => Vec::new(),
        Some(Place::Import { content, start, end }) => imports(&path, &content, range(start, end)),
        Some(Place::Builtin { start, end }) => {
            let builtin = |name| item(name, CompletionItemKind::FUNCTION, "builtin", range(start, end));
            builtin_names().map(builtin).collect()
        }
        Some(Place::Name { start, end, kind }) => {
            let text = marked(&source.bytes, start, end);
            let found = names(server, &path, text, kind);
            found.into_iter().enumerate().map(|(number, it)| item_of(it, number, range(start, end))).collect()
        }
    };
    Ok(items)
}

/// What could stand at the marker in the text of a file.
fn names(server: &mut Server, path: &Path, text: Vec<u8>, kind: NameKind) -> Vec<Completion> {
    let roots = server.roots(path);
    let root = roots.into_iter().find(|root| matches!(root, Root::File(_)));
    let Some(root) = root else { return Vec::new() };
    let others = HashMap::from([(path.to_owned(), text)]);
    let Some(loaded) = workspace::load(&root, &server.documents, others) else { return Vec::new() };
    Program::new(loaded, &workspace::check_options(), Some(MARKER)).completions(kind)
}

fn item(name: &str, kind: CompletionItemKind, detail: &str, range: Range) -> CompletionItem {
    CompletionItem {
        label: name.to_owned(),
        kind: Some(kind),
        detail: Some(detail.to_owned()),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text: name.to_owned() })),
        ..CompletionItem::default()
    }
}

fn item_of(it: Completion, number: usize, range: Range) -> CompletionItem {
    let kind = match it.kind {
        None if it.is_keyword => CompletionItemKind::KEYWORD,
        None | Some(Kind::Function) => CompletionItemKind::FUNCTION,
        Some(Kind::Method) => CompletionItemKind::METHOD,
        Some(Kind::Variable | Kind::Parameter) => CompletionItemKind::VARIABLE,
        Some(Kind::Constant) => CompletionItemKind::CONSTANT,
        Some(Kind::Struct | Kind::Union | Kind::Alias) => CompletionItemKind::STRUCT,
        Some(Kind::Enum | Kind::ErrorSet) => CompletionItemKind::ENUM,
        Some(Kind::Error | Kind::Variant) => CompletionItemKind::ENUM_MEMBER,
        Some(Kind::Trait) => CompletionItemKind::INTERFACE,
        Some(Kind::Field) => CompletionItemKind::FIELD,
        Some(Kind::TypeParameter) => CompletionItemKind::TYPE_PARAMETER,
    };
    let doc = it.doc.map(|value| Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value }));
    CompletionItem {
        documentation: doc,
        // What is near comes first.
        sort_text: Some(format!("{number:05}")),
        ..item(&it.name, kind, &it.detail, range)
    }
}

/// Modules of the standard library, and files and folders where the content leads.
fn imports(path: &Path, content: &str, range: Range) -> Vec<CompletionItem> {
    let (folder, _) = content.rsplit_once('/').map_or(("", content), |(folder, rest)| (folder, rest));
    let mut items = Vec::new();
    if folder.is_empty() || folder == "std" {
        let mut modules: Vec<_> =
            library::MODULES.iter().map(|(name, _)| *name).filter(|it| *it != "prelude").collect();
        modules.sort();
        let named = modules.iter().map(|name| format!("std/{name}"));
        items.extend(named.map(|name| item(&name, CompletionItemKind::MODULE, "standard library", range)));
    }
    if folder == "std" {
        return items;
    }
    let start = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let Some(entries) = path.parent().and_then(|here| std::fs::read_dir(here.join(folder)).ok()) else { return items };
    let mut files: Vec<(String, bool)> = entries
        .flatten()
        .filter(|entry| crate::lsp::documents::real(&entry.path()) != path)
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path().is_dir())))
        .filter(|(name, is_folder)| !name.starts_with('.') && (*is_folder || name.ends_with(".cot")))
        .collect();
    files.sort();
    items.extend(files.into_iter().map(|(name, is_folder)| match is_folder {
        true => item(&format!("{start}{name}/"), CompletionItemKind::FOLDER, "folder", range),
        false => item(&format!("{start}{name}"), CompletionItemKind::FILE, "file", range),
    }));
    items
}
