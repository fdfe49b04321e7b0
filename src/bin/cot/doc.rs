//! `cot doc`: what a file declares, with the comments before it, as Markdown.

use crate::flags;
use crate::project::Project;
use anyhow::{Context, Result, bail};
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use wasm2native::cot::ast::{Declaration, Doc, File, Function, Name};
use wasm2native::cot::diagnostic;
use wasm2native::cot::source::{Source, Sources, Span};
use wasm2native::cot::{Faults, parse, with_large_stack};
use wasm2native::output;
use wasm2native::start;

/// Prints the page of a file, or writes it into a folder.
pub fn doc(args: &flags::Doc) -> Result<ExitCode> {
    let page = page(&args.file)?;
    let target = match &args.output {
        None => output::STDOUT.into(),
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
            folder.join(args.file.with_extension("md").file_name().unwrap_or_default())
        }
    };
    output::write(&target, page.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn page(file: &Path) -> Result<String> {
    start::begin(&file.display().to_string());
    let bytes = std::fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
    if bytes.len() > Sources::MAX_BYTES {
        bail!("{} is too long", file.display());
    }
    let all_safe = Project::of(file)?.is_safe()?;
    let mut sources = Sources::default();
    let id = sources.add(file.display().to_string(), Some(file.to_owned()), bytes);
    with_large_stack(|| {
        let (tree, faults) = parse::parse_in(id, sources.get(id), all_safe);
        if !faults.is_empty() {
            return Err(Faults(diagnostic::render(&sources, &faults, crate::style::is_styled())).into());
        }
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut page = Page { source: sources.get(id), docs: &tree.docs, text: format!("# {stem}\n") };
        page.file(&tree);
        Ok(page.text)
    })
}

struct Page<'a> {
    source: &'a Source,
    docs: &'a [Doc],
    text: String,
}

impl Page<'_> {
    fn file(&mut self, tree: &File) {
        for declaration in &tree.declarations {
            match declaration {
                Declaration::Function(it) => self.function(it, ""),
                Declaration::Variable(it) => self.entry(&it.bindings[0].0, "", it.span),
                Declaration::Struct(it) => {
                    self.entry(&it.name, "", it.span);
                    it.members.functions.iter().for_each(|method| self.function(method, &it.name.text));
                }
                Declaration::Enum(it) => self.entry(&it.name, "", it.span),
                Declaration::Union(it) => self.entry(&it.name, "", it.span),
                Declaration::ErrorSet(it) => self.entry(&it.name, "", it.span),
                Declaration::Alias(it) => self.entry(&it.name, "", it.span),
                Declaration::Trait(it) => self.entry(&it.name, "", it.span),
                Declaration::Impl(it) => {
                    let target = self.cut(it.target.span);
                    it.members.functions.iter().for_each(|method| self.function(method, &target));
                }
                Declaration::Import(_) | Declaration::Test(_) | Declaration::Bench(_) => {}
            }
        }
    }

    /// All before the body.
    fn function(&mut self, it: &Function, owner: &str) {
        self.entry(&it.name, owner, it.head());
    }

    /// A heading, the declaration, and the comment that belongs to it.
    fn entry(&mut self, name: &Name, owner: &str, span: Span) {
        let code = self.cut(span);
        let dot = if owner.is_empty() { "" } else { "." };
        // Writing to a string never fails.
        let _ = write!(self.text, "\n## {owner}{dot}{}\n\n```cot\n{code}\n```\n", name.text);
        if let Some(doc) = self.docs.iter().find(|doc| doc.name == name.span) {
            let _ = write!(self.text, "\n{}\n", doc.text);
        }
    }

    fn cut(&self, span: Span) -> String {
        let bytes = &self.source.bytes[span.start as usize..span.end as usize];
        String::from_utf8_lossy(bytes).trim().to_owned()
    }
}
