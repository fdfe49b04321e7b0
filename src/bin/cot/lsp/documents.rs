//! The files that the client has open, with what it has not saved.

use crate::lsp::position::{Encoding, Lines};
use lsp_types::{TextDocumentContentChangeEvent, TextDocumentItem, Uri, VersionedTextDocumentIdentifier};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

pub struct Document {
    /// As the client calls it.
    pub uri: Uri,
    pub version: i32,
    pub text: String,
    /// The real path; none if it is not a file.
    pub path: Option<PathBuf>,
}

/// By the text of the URI.
#[derive(Default)]
pub struct Documents {
    open: BTreeMap<String, Document>,
}

impl Documents {
    pub fn open(&mut self, item: TextDocumentItem) {
        let path = crate::lsp::uri::to_path(&item.uri).map(|path| real(&path));
        let document = Document { version: item.version, text: item.text, path, uri: item.uri };
        self.open.insert(document.uri.as_str().to_owned(), document);
    }

    pub fn close(&mut self, uri: &Uri) {
        self.open.remove(uri.as_str());
    }

    /// Applies changes one after the other; ranges outside of the text are moved inside.
    pub fn change(
        &mut self,
        of: &VersionedTextDocumentIdentifier,
        changes: Vec<TextDocumentContentChangeEvent>,
        encoding: Encoding,
    ) {
        let Some(document) = self.open.get_mut(of.uri.as_str()) else { return };
        document.version = of.version;
        for change in changes {
            let Some(range) = change.range else {
                document.text = change.text;
                continue;
            };
            let lines = Lines::new(document.text.as_bytes(), encoding);
            let (start, end) = (lines.offset(range.start), lines.offset(range.end));
            document.text.replace_range(start.min(end)..end.max(start), &change.text);
        }
    }

    pub fn get(&self, uri: &Uri) -> Option<&Document> {
        self.open.get(uri.as_str())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Document> {
        self.open.values()
    }

    /// The document that stands for a file.
    pub fn of_path(&self, path: &Path) -> Option<&Document> {
        self.open.values().find(|it| it.path.as_deref() == Some(path))
    }

    /// Texts by real paths.
    pub fn buffers(&self) -> HashMap<PathBuf, Vec<u8>> {
        let files = self.open.values().filter_map(|it| Some((it.path.clone()?, it.text.clone().into_bytes())));
        files.collect()
    }
}

/// The real path of a file, which may not exist yet.
pub fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| {
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        let joined = folder.zip(path.file_name()).map(|(folder, name)| folder.join(name));
        joined.unwrap_or_else(|| path.to_owned())
    })
}
