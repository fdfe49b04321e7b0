//! A module before it is parsed, and its errors.
//!
//! Comes in: a module's binary form with its names for other modules and for messages. Goes out:
//! the parsed module. An error names the file, and says whether the module is invalid or needs a
//! proposal that is not supported.

use super::excerpt;
use super::parse;
use super::unsupported::{self, State};
use crate::report::code::Code;
use crate::report::excerpt::Excerpt;
use crate::report::{Coded, Located};
use crate::wasm::Module;
use anyhow::{Context, Error, Result};
use std::borrow::Cow;
use std::path::PathBuf;
use wasmparser::{BinaryReaderError, FuncValidatorAllocations, WasmFeatures};

/// Name of a program's main module: no module can import from it.
pub const MAIN: &str = "\0main";

/// A module's binary form.
pub struct Source<'a> {
    /// The name that other modules import from.
    pub name: &'a str,
    /// The beginning of messages. `None` if the caller names the module.
    pub file: Option<&'a str>,
    pub wasm: Cow<'a, [u8]>,
    /// What the binary form was made of, if that is text.
    pub text: Option<&'a str>,
    pub features: WasmFeatures,
    /// The text form that its debug information refers to, and its file.
    pub listing: Option<(PathBuf, String)>,
}

impl Source<'_> {
    /// The module. Function bodies are not validated.
    ///
    /// # Errors
    /// When the module is invalid or not supported.
    pub fn parse(&self) -> Result<Module<'_>> {
        self.explain(parse::parse(&self.wasm, self.features))
    }

    /// Validates the bodies of all functions.
    ///
    /// # Errors
    /// For the first body that is invalid or not supported.
    pub fn validate_bodies(&self, module: &Module) -> Result<()> {
        self.explain(validate_bodies(module))
    }

    /// Adds the file to an error and, for errors of the parser and the validator, the proposals
    /// that the module needs.
    ///
    /// # Errors
    /// `result`'s.
    pub fn explain<T>(&self, result: Result<T>) -> Result<T> {
        let explained = result.map_err(|error| self.explain_error(error));
        match self.file {
            Some(file) => explained.with_context(|| file.to_owned()),
            None => explained,
        }
    }

    /// The place of an error, and its message; an offset in a binary that nobody has is not told.
    fn excerpt(&self, error: &BinaryReaderError) -> Option<(Excerpt, String)> {
        let file = self.file?;
        let of_text = |text| excerpt::of_text(file, text, &self.wasm, error.offset());
        Some(match self.text.and_then(of_text) {
            Some(excerpt) => (excerpt, error.message().to_owned()),
            None => (excerpt::of_binary(&self.wasm, error.offset()), error.to_string()),
        })
    }

    /// Says what kind of error the parser or validator found, and shows its place.
    fn explain_error(&self, error: Error) -> Error {
        let Some(found) = error.downcast_ref::<BinaryReaderError>() else { return error };
        let error = match self.excerpt(found) {
            None => error,
            Some((excerpt, message)) => {
                let mut contexts: Vec<_> = error.chain().map(ToString::to_string).collect();
                contexts.pop();
                let located = Error::new(Located::new(excerpt, message));
                contexts.into_iter().rev().fold(located, Error::context)
            }
        };
        let needed = unsupported::missing_proposals(&self.wasm, self.features);
        if needed.is_empty() {
            return error.context("invalid module");
        }
        let titles: Vec<_> = needed.iter().map(|proposal| proposal.title).collect();
        let names: Vec<_> = needed.iter().map(|proposal| proposal.name).collect();
        error.context(match needed.iter().all(|proposal| proposal.state == State::Experimental) {
            true => Coded::new(
                Code::ExperimentalProposal,
                format!("the module needs {}, which is experimental: --enable {}", titles.join(", "), names.join(",")),
            ),
            false => Coded::new(
                Code::UnsupportedProposal,
                format!("the module needs proposals that are not supported yet: {}", titles.join(", ")),
            ),
        })
    }
}

fn validate_bodies(module: &Module) -> Result<()> {
    let mut allocations = FuncValidatorAllocations::default();
    for (func, body) in module.bodies() {
        let mut validator = module.validator(func).into_validator(allocations);
        validator.validate(body).with_context(|| module.describe(func))?;
        allocations = validator.into_allocations();
    }
    Ok(())
}
