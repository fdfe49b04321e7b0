//! What is wrong with the programs of the open files, per file; files that are right again are told
//! to be so.

use crate::lsp::documents::Documents;
use crate::lsp::position::{Encoding, Lines};
use crate::lsp::uri;
use crate::lsp::workspace::{self, Root, Workspace};
use lsp_types::{
    Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag, Location, NumberOrString,
    PublishDiagnosticsParams, Uri,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use wasm2native::cot::check;
use wasm2native::cot::diagnostic::{self, Code};
use wasm2native::cot::lint;
use wasm2native::cot::load::Loaded;
use wasm2native::cot::source::{FileId, Span};

/// How many programs of one file are checked.
const MOST_PROGRAMS: usize = 8;

/// How many diagnostics a file has at most.
const MOST_SHOWN: usize = 1_000;

#[derive(Default)]
pub struct Diagnoses {
    /// Files that the client shows something of.
    shown: BTreeSet<PathBuf>,
}

type Found = BTreeMap<PathBuf, Vec<Diagnostic>>;

impl Diagnoses {
    /// Checks the programs of the open files. The result is for the client.
    pub fn find(
        &mut self,
        documents: &Documents,
        workspace: &mut Workspace,
        encoding: Encoding,
    ) -> Vec<PublishDiagnosticsParams> {
        let paths: Vec<PathBuf> = documents.iter().filter_map(|it| it.path.clone()).collect();
        let mut roots = BTreeSet::new();
        for path in &paths {
            let of_path = workspace.roots(path, documents).into_iter().take(MOST_PROGRAMS);
            roots.extend(of_path.filter(|root| matches!(root, Root::File(_))));
        }
        // Open files are told of in any case.
        let mut found: Found = paths.into_iter().map(|path| (path, Vec::new())).collect();
        for root in &roots {
            if let Some(loaded) = workspace::load(root, documents, Default::default()) {
                check_program(&loaded, documents, encoding, &mut found);
            }
        }
        for path in &self.shown {
            found.entry(path.clone()).or_default();
        }
        self.shown = found.iter().filter(|(_, all)| !all.is_empty()).map(|(path, _)| path.clone()).collect();
        let published = found.into_iter().filter_map(|(path, mut diagnostics)| {
            diagnostics.sort_by_key(|it| (it.range.start.line, it.range.start.character, it.message.clone()));
            diagnostics.dedup();
            diagnostics.truncate(MOST_SHOWN);
            let document = documents.of_path(&path);
            let uri = document.map_or_else(|| uri::of_path(&path), |it| Some(it.uri.clone()))?;
            Some(PublishDiagnosticsParams { uri, diagnostics, version: document.map(|it| it.version) })
        });
        published.collect()
    }
}

fn check_program(loaded: &Loaded, documents: &Documents, encoding: Encoding, found: &mut Found) {
    let mut all = check::check(loaded, &workspace::check_options()).err().unwrap_or_default();
    for file in loaded.files.iter().filter(|file| !file.is_library) {
        // About what is wrong the linter has nothing useful to say.
        if !all.iter().any(|it| it.span.file == file.id) {
            all.extend(lint::lint(&file.tree, loaded.sources.get(file.id)));
        }
    }
    let by_file: BTreeSet<FileId> = all.iter().map(|it| it.span.file).collect();
    let places = Places { loaded, documents, encoding };
    for id in by_file {
        let source = loaded.sources.get(id);
        let Some(path) = source.path.clone() else { continue };
        let lines = Lines::new(&source.bytes, encoding);
        let of_file = all.iter().filter(|it| it.span.file == id).take(MOST_SHOWN);
        let diagnostics = of_file.map(|it| places.diagnostic(it, &lines));
        found.entry(path).or_default().extend(diagnostics);
    }
}

struct Places<'a> {
    loaded: &'a Loaded,
    documents: &'a Documents,
    encoding: Encoding,
}

impl Places<'_> {
    fn diagnostic(&self, of: &diagnostic::Diagnostic, lines: &Lines) -> Diagnostic {
        let mut message = of.message.clone();
        let mut related = Vec::new();
        for note in &of.notes {
            match note.span.and_then(|span| self.location(span)) {
                Some(location) => {
                    related.push(DiagnosticRelatedInformation { location, message: note.message.clone() });
                }
                None => message.push_str(&format!("\nnote: {}", note.message)),
            }
        }
        let is_left_over = matches!(of.code, Code::UnusedVariable | Code::UnusedParameter | Code::Unreachable);
        Diagnostic {
            range: lines.range(of.span.start as usize, of.span.end as usize),
            severity: Some(match of.code.is_warning() {
                true => DiagnosticSeverity::WARNING,
                false => DiagnosticSeverity::ERROR,
            }),
            code: Some(NumberOrString::String(of.code.name())),
            source: Some("cot".to_owned()),
            message,
            related_information: (!related.is_empty()).then_some(related),
            tags: is_left_over.then(|| vec![DiagnosticTag::UNNECESSARY]),
            ..Diagnostic::default()
        }
    }

    fn location(&self, span: Span) -> Option<Location> {
        location(self.loaded, self.documents, self.encoding, span)
    }
}

/// A place of a program for the client.
pub fn location(loaded: &Loaded, documents: &Documents, encoding: Encoding, span: Span) -> Option<Location> {
    let source = loaded.sources.get(span.file);
    let path = workspace::path_of(source)?;
    let uri: Uri = match documents.of_path(&path) {
        Some(document) => document.uri.clone(),
        None => uri::of_path(&path)?,
    };
    let lines = Lines::new(&source.bytes, encoding);
    Some(Location { uri, range: lines.range(span.start as usize, span.end as usize) })
}
