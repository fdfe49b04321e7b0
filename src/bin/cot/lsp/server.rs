//! What each method does: the state of the session, and the way to the module that answers.

use crate::lsp::diagnose::Diagnoses;
use crate::lsp::documents::Documents;
use crate::lsp::message::{self, Failure};
use crate::lsp::position::Encoding;
use crate::lsp::workspace::{self, Root, Workspace};
use crate::lsp::{complete, edits, look, outline, uri};
use anyhow::Result;
use lsp_types::notification::{self as notes, Notification};
use lsp_types::request::{self, Request};
use lsp_types::{
    CompletionOptions, HoverProviderCapability, InitializeParams, InitializeResult, OneOf, RenameOptions,
    ServerCapabilities, ServerInfo, SignatureHelpOptions, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use wasm2native::cot::query::Program;

#[derive(Default)]
pub struct Server {
    state: State,
    pub encoding: Encoding,
    pub documents: Documents,
    pub workspace: Workspace,
    /// What the client can do with the result of a rename.
    pub takes_versions: bool,
    /// The client shows what is declared as a tree.
    pub takes_nested_symbols: bool,
    watches_files: bool,
    diagnoses: Diagnoses,
    /// Something has changed since programs were checked.
    has_changed: bool,
    /// The program that was looked at last; none after a change.
    known: Option<(Root, Rc<Program>)>,
}

#[derive(Default, PartialEq)]
enum State {
    #[default]
    New,
    Running,
    ShutDown,
}

/// Parameters of a method, or why they are none.
fn params<P: DeserializeOwned>(params: Value) -> Result<P, Failure> {
    serde_json::from_value(params).map_err(|error| Failure::invalid_params(error.to_string()))
}

fn result(value: impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::internal(error.to_string()))
}

impl Server {
    pub fn was_shut_down(&self) -> bool {
        self.state == State::ShutDown
    }

    /// The result of a request.
    pub fn request(&mut self, method: &str, given: Value) -> Result<Value, Failure> {
        match self.state {
            State::New if method != request::Initialize::METHOD => return Err(Failure::not_initialized()),
            State::ShutDown => return Err(Failure::invalid_request("the server was shut down")),
            _ => {}
        }
        // A mistake of ours costs one answer, and not the session.
        let answer = catch_unwind(AssertUnwindSafe(|| self.dispatch(method, given)));
        answer.unwrap_or_else(|_| Err(Failure::internal("this is a mistake in cot; standard error has more")))
    }

    fn dispatch(&mut self, method: &str, given: Value) -> Result<Value, Failure> {
        match method {
            request::Initialize::METHOD => self.initialize(params(given)?),
            request::Shutdown::METHOD => {
                self.state = State::ShutDown;
                Ok(Value::Null)
            }
            request::HoverRequest::METHOD => result(look::hover(self, params(given)?)?),
            request::GotoDefinition::METHOD => result(look::definition(self, params(given)?)?),
            request::References::METHOD => result(look::references(self, params(given)?)?),
            request::SignatureHelpRequest::METHOD => result(look::signature_help(self, params(given)?)?),
            request::DocumentSymbolRequest::METHOD => result(outline::symbols(self, params(given)?)?),
            request::Completion::METHOD => result(complete::complete(self, params(given)?)?),
            request::PrepareRenameRequest::METHOD => result(edits::prepare_rename(self, params(given)?)?),
            request::Rename::METHOD => result(edits::rename(self, params(given)?)?),
            request::Formatting::METHOD => result(edits::format(self, params(given)?)?),
            _ => Err(Failure::no_method(method)),
        }
    }

    fn initialize(&mut self, given: InitializeParams) -> Result<Value, Failure> {
        if self.state != State::New {
            return Err(Failure::invalid_request("the server was initialized before"));
        }
        self.state = State::Running;
        let general = given.capabilities.general.as_ref();
        let encodings = general.and_then(|it| it.position_encodings.as_ref());
        self.encoding = encodings.into_iter().flatten().find_map(Encoding::by_name).unwrap_or_default();
        let of_workspace = given.capabilities.workspace.as_ref();
        let edit = of_workspace.and_then(|it| it.workspace_edit.as_ref());
        self.takes_versions = edit.and_then(|it| it.document_changes).unwrap_or(false);
        let of_documents = given.capabilities.text_document.as_ref();
        let symbols = of_documents.and_then(|it| it.document_symbol.as_ref());
        self.takes_nested_symbols = symbols.and_then(|it| it.hierarchical_document_symbol_support).unwrap_or(false);
        let watching = of_workspace.and_then(|it| it.did_change_watched_files.as_ref());
        self.watches_files = watching.and_then(|it| it.dynamic_registration).unwrap_or(false);
        #[allow(deprecated, reason = "older clients send nothing else")]
        let root = given.root_uri.as_ref();
        let folders: Vec<_> = given.workspace_folders.iter().flatten().map(|it| &it.uri).collect();
        let folders = if folders.is_empty() { root.into_iter().collect() } else { folders };
        let paths = folders.into_iter().filter_map(uri::to_path);
        self.workspace.folders = paths.filter_map(|path| path.canonicalize().ok()).collect();
        result(InitializeResult {
            capabilities: capabilities(self.encoding),
            server_info: Some(ServerInfo {
                name: "cot".to_owned(),
                version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            }),
        })
    }

    /// Does what a notification says; what is wrong with it is ignored, since nobody can be told.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub fn notified(&mut self, method: &str, given: Value) -> Result<()> {
        if self.state != State::Running {
            return Ok(());
        }
        match method {
            notes::Initialized::METHOD if self.watches_files => return register_watcher(),
            notes::DidOpenTextDocument::METHOD => {
                if let Ok(given) = params::<lsp_types::DidOpenTextDocumentParams>(given) {
                    self.documents.open(given.text_document);
                    self.workspace.forget();
                    self.changed();
                }
            }
            notes::DidChangeTextDocument::METHOD => {
                if let Ok(given) = params::<lsp_types::DidChangeTextDocumentParams>(given) {
                    self.documents.change(&given.text_document, given.content_changes, self.encoding);
                    self.changed();
                }
            }
            notes::DidCloseTextDocument::METHOD => {
                if let Ok(given) = params::<lsp_types::DidCloseTextDocumentParams>(given) {
                    self.documents.close(&given.text_document.uri);
                    self.workspace.forget();
                    self.changed();
                }
            }
            notes::DidSaveTextDocument::METHOD | notes::DidChangeWatchedFiles::METHOD => {
                self.workspace.forget();
                self.changed();
            }
            _ => {}
        }
        Ok(())
    }

    fn changed(&mut self) {
        self.has_changed = true;
        self.known = None;
    }

    pub fn has_work(&self) -> bool {
        self.has_changed && self.state == State::Running
    }

    /// Checks the programs of all open files and tells what is wrong.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub fn work(&mut self) -> Result<()> {
        self.has_changed = false;
        let Server { documents, workspace, diagnoses, encoding, .. } = self;
        let found = catch_unwind(AssertUnwindSafe(|| diagnoses.find(documents, workspace, *encoding)));
        for published in found.unwrap_or_default() {
            message::notify(notes::PublishDiagnostics::METHOD, published)?;
        }
        Ok(())
    }

    /// The path of a document that is a file.
    pub fn path(&self, uri: &lsp_types::Uri) -> Result<PathBuf, Failure> {
        let open = self.documents.get(uri).map(|it| it.path.clone());
        let path = open.unwrap_or_else(|| uri::to_path(uri).map(|path| crate::lsp::documents::real(&path)));
        path.ok_or_else(|| Failure::invalid_params(format!("{} is not a file", uri.as_str())))
    }

    pub fn roots(&mut self, path: &Path) -> Vec<Root> {
        self.workspace.roots(path, &self.documents)
    }

    /// The program of a root, as it was looked at before or anew.
    pub fn program(&mut self, root: &Root) -> Option<Rc<Program>> {
        if let Some((known, program)) = &self.known
            && known == root
        {
            return Some(program.clone());
        }
        let loaded = workspace::load(root, &self.documents, Default::default())?;
        let program = Rc::new(Program::new(loaded, &workspace::check_options(), None));
        self.known = Some((root.clone(), program.clone()));
        Some(program)
    }
}

fn capabilities(encoding: Encoding) -> ServerCapabilities {
    ServerCapabilities {
        position_encoding: Some(encoding.name()),
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            save: Some(lsp_types::TextDocumentSyncSaveOptions::Supported(true)),
            ..TextDocumentSyncOptions::default()
        })),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        signature_help_provider: Some(SignatureHelpOptions {
            trigger_characters: Some(["(", ","].map(str::to_owned).to_vec()),
            ..SignatureHelpOptions::default()
        }),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some([".", "\"", "/", "@"].map(str::to_owned).to_vec()),
            ..CompletionOptions::default()
        }),
        rename_provider: Some(OneOf::Right(RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: Default::default(),
        })),
        document_formatting_provider: Some(OneOf::Left(true)),
        ..ServerCapabilities::default()
    }
}

/// Asks to be told when files change that are not open.
fn register_watcher() -> Result<()> {
    let watchers = json!({ "watchers": [{ "globPattern": "**/*.cot" }, { "globPattern": "**/cot.json" }] });
    let registration =
        json!({ "id": "files", "method": notes::DidChangeWatchedFiles::METHOD, "registerOptions": watchers });
    message::request("watch", request::RegisterCapability::METHOD, json!({ "registrations": [registration] }))
}
