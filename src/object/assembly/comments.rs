//! What is known of places in the text: functions, lines of the source, operators that can trap.

use crate::code::{Code, CompiledFunction, Position};
use crate::debug::lines::{File, Line};
use crate::object::format::ObjectFormat;
use crate::object::text;
use crate::unit::Unit;
use anyhow::Result;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

#[derive(Default)]
pub struct Comments {
    /// By the offset at which a function begins.
    functions: BTreeMap<u64, Vec<String>>,
    /// Offsets of instructions by that, beside the first.
    entries: HashMap<u64, Vec<u64>>,
    lines: BTreeMap<u64, Vec<String>>,
    /// Of an instruction, or of the one that ends there.
    notes: BTreeMap<u64, String>,
    ends: BTreeMap<u64, String>,
}

impl Comments {
    /// # Errors
    /// When the code is too large for one object.
    pub fn of(unit: &Unit, code: &Code, source: &dyn Fn(&Path) -> Option<String>) -> Result<Comments> {
        let text = text::assemble(unit.module, &unit.layout, code, ObjectFormat::of(&code.triple))?;
        let mut comments = Comments::default();
        let mut sources = Sources { read: source, files: HashMap::new() };
        for (func, start) in code.functions.iter().zip(&text.starts) {
            comments.add(unit, func, u64::from(*start), &mut sources);
        }
        Ok(comments)
    }

    fn add(&mut self, unit: &Unit, func: &CompiledFunction, start: u64, sources: &mut Sources) {
        let place = |offset: u32| start.saturating_add(offset.into());
        let name = format!("{}, {} bytes", unit.describe(func.symbol), func.bytes.len());
        self.functions.insert(start, vec![one_line(&name)]);
        let mut entries = Vec::new();
        for site in &func.sites {
            entries.push(place(site.offset));
            let note = format!("wasm {:#x}", site.wasm_offset);
            match site.trap {
                Some(trap) => self.notes.insert(place(site.offset), format!("{note}: {}", trap.message())),
                None => self.ends.insert(place(site.offset), note),
            };
        }
        for call in &func.try_calls {
            entries.extend(call.handlers.iter().map(|(_, landing)| place(*landing)));
        }
        self.entries.insert(start, entries);
        let Some(debug) = &unit.debug else { return };
        let of_site = |site: &crate::code::Site| Position {
            offset: site.offset,
            wasm_offset: site.wasm_offset,
            scope: site.scope,
        };
        let positions: Vec<Position> = match &func.debug {
            Some(map) => map.positions.clone(),
            None => func.sites.iter().filter(|site| site.trap.is_some()).map(of_site).collect(),
        };
        let mut last = None;
        for position in positions.iter().filter(|position| position.wasm_offset != 0) {
            let Some(line) = debug.lines.find(position.wasm_offset) else { continue };
            let Some(file) = debug.lines.file(line) else { continue };
            if last.replace((line.unit, line.file, line.line)) != Some((line.unit, line.file, line.line)) {
                self.lines.entry(place(position.offset)).or_default().push(sources.describe(file, line));
            }
        }
    }

    /// Before the labels of a function.
    pub fn before(&self, start: u64) -> &[String] {
        self.functions.get(&start).map_or(&[], Vec::as_slice)
    }

    /// How messages call the function that begins at an offset.
    pub fn function(&self, start: u64) -> Option<&str> {
        let line = self.before(start).first()?;
        line.rsplit_once(',').map(|(name, _)| name)
    }

    pub fn entries(&self, start: u64) -> &[u64] {
        self.entries.get(&start).map_or(&[], Vec::as_slice)
    }

    /// Lines of the source that begin at an instruction.
    pub fn lines(&self, at: u64) -> &[String] {
        self.lines.get(&at).map_or(&[], Vec::as_slice)
    }

    /// What is known of an instruction.
    pub fn notes(&self, at: u64, end: u64) -> Option<&str> {
        self.notes.get(&at).or_else(|| self.ends.get(&end)).map(String::as_str)
    }
}

/// Files of source that may be shown, by line.
struct Sources<'a> {
    read: &'a dyn Fn(&Path) -> Option<String>,
    files: HashMap<PathBuf, Vec<String>>,
}

impl Sources<'_> {
    /// `trap.c:2: int x = *p;`
    fn describe(&mut self, file: &File, line: &Line) -> String {
        let read = self.read;
        let path = Path::new(&file.folder).join(&file.name);
        let text = |path: &PathBuf| read(path).unwrap_or_default().lines().map(str::to_owned).collect();
        let lines = self.files.entry(path).or_insert_with_key(text);
        let index = usize::try_from(line.line).ok().and_then(|line| line.checked_sub(1));
        let text = index.and_then(|index| lines.get(index)).map_or("", |text| text.trim());
        one_line(format!("{}:{}: {text}", file.name, line.line).trim_end_matches([' ', ':']))
    }
}

/// A text that can't end its comment.
fn one_line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}
