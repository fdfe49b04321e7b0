//! Declarations as text → as values, by the grammar at the head of [`super`]. Nothing is known of
//! the module here; of names, only those of parameters are resolved.

use super::{Extent, Factor, FormatKind, Handle};
use crate::options::{Origin, Source};
use anyhow::{Result, anyhow, bail};
use std::collections::HashMap;
use wasmparser::ValType;

/// One declaration as it was written.
#[derive(Debug)]
pub struct Declaration<'a> {
    pub source: &'a Source,
    /// Counted from 1.
    pub line: usize,
    pub import: Import,
    pub symbol: Option<String>,
    pub signature: Signature,
}

/// What an import is called. Without quotes it is open which dot ends the module's name.
#[derive(Debug, PartialEq, Eq)]
pub enum Import {
    Joined(String),
    Parts(String, String),
}

#[derive(Debug, PartialEq, Eq)]
pub struct Signature {
    pub params: Vec<Spec>,
    pub variadic: Variadic,
    /// `None` is `void`.
    pub result: Option<Spec>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Variadic {
    None,
    Listed(Vec<Spec>),
    Buffer(Vec<Spec>),
    Formatted,
}

/// A type, with the Wasm type after `as`.
#[derive(Debug, PartialEq, Eq)]
pub struct Spec {
    pub base: Base,
    pub wasm: Option<ValType>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Base {
    Integer { bits: u8, signed: bool },
    Size { signed: bool },
    Long { signed: bool },
    F32,
    F64,
    V128,
    Reference,
    Opaque(Handle),
    Pointer(Extent, Option<Item>),
    Format(FormatKind, Option<Item>),
    Function(Box<Signature>, Option<Item>),
}

/// A memory or a table.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    Name(String),
    Index(u32),
}

/// Reads all declarations of a text.
///
/// # Errors
/// The first line that is none, with its place.
pub fn parse(source: &Source) -> Result<Vec<Declaration<'_>>> {
    let mut declarations = Vec::new();
    for (index, text) in source.text.lines().enumerate() {
        let mut parser = Parser { text, at: 0 };
        parser.blanks();
        if parser.is_at_end() {
            continue;
        }
        let line = index.saturating_add(1);
        let place = place(source, line);
        let (import, symbol, signature) = parser.declaration().map_err(|error| {
            let column = text[..parser.at].chars().count().saturating_add(1);
            anyhow!("{place}: column {column}: {error:#}")
        })?;
        declarations.push(Declaration { source, line, import, symbol, signature });
    }
    if declarations.is_empty() && source.origin == Origin::Line {
        bail!("--import wants a declaration, such as 'env.write: (i32, ptr[len=2], usize) -> isize'");
    }
    Ok(declarations)
}

/// How messages call a line.
pub fn place(source: &Source, line: usize) -> String {
    match &source.origin {
        Origin::Line => format!("--import '{}'", source.text.trim().escape_debug()),
        Origin::File(name) => format!("{name}:{line}"),
        Origin::Library => format!("--imports libc, line {line}"),
        Origin::Section => format!("custom section {}, line {line}", super::SECTION),
    }
}

/// Types that other languages would write, and what is meant here.
const FOREIGN_WORDS: [(&str, &str); 14] = [
    ("int", "i32"),
    ("unsigned", "u32"),
    ("char", "i8"),
    ("short", "i16"),
    ("bool", "u8"),
    ("float", "f32"),
    ("double", "f64"),
    ("size_t", "usize"),
    ("ssize_t", "isize"),
    ("off_t", "i64"),
    ("str", "cstr"),
    ("string", "cstr"),
    ("pointer", "ptr"),
    ("function", "funcptr(…)"),
];

/// How deeply signatures may be nested.
const DEEPEST: usize = 8;

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

/// The names of a signature's parameters, and what `len=` said before all of them were known.
#[derive(Default)]
struct Names<'a> {
    known: HashMap<&'a str, u32>,
    /// With whether the parameter points to the number.
    wanted: HashMap<usize, Vec<(bool, &'a str)>>,
}

impl<'a> Parser<'a> {
    fn declaration(&mut self) -> Result<(Import, Option<String>, Signature)> {
        let import = self.import()?;
        let symbol = match self.got('=') {
            true => Some(self.symbol()?),
            false => None,
        };
        self.want(':', "`:` and the signature")?;
        let signature = self.signature(0)?;
        self.blanks();
        if !self.is_at_end() {
            let has_result = self.text[self.at..].starts_with(is_word);
            bail!("expected {}the end of the line", if has_result { "`->` before the result, or " } else { "" });
        }
        Ok((import, symbol, signature))
    }

    fn import(&mut self) -> Result<Import> {
        if let Some(module) = self.string()? {
            self.want('.', "`.` and the import's name")?;
            let name = self.string()?.ok_or_else(|| anyhow!("expected the import's name in quotes"))?;
            return Ok(Import::Parts(module, name));
        }
        let name = self.take(|c| !c.is_whitespace() && !":=#\"(".contains(c));
        match name.contains('.') {
            true => Ok(Import::Joined(name.to_owned())),
            false => bail!("expected an import as `module.name`"),
        }
    }

    fn symbol(&mut self) -> Result<String> {
        let symbol = self.take(|c| c.is_ascii_alphanumeric() || "_$.@".contains(c));
        match symbol.is_empty() {
            true => bail!("expected a symbol after `=`"),
            false => Ok(symbol.to_owned()),
        }
    }

    fn signature(&mut self, depth: usize) -> Result<Signature> {
        if depth > DEEPEST {
            bail!("signatures are nested too deeply");
        }
        self.want('(', "`(` and the parameters")?;
        let mut names = Names::default();
        let mut params = Vec::new();
        let mut variadic = Variadic::None;
        while !self.got(')') {
            if !params.is_empty() {
                self.want(',', "`,` or `)`")?;
            }
            if self.got_word("...") {
                variadic = self.variadic(depth, &mut names, params.len())?;
                self.want(')', "`)`: nothing can follow variable arguments")?;
                break;
            }
            let (name, spec) = self.parameter(depth, &mut names, params.len())?;
            let index = u32::try_from(params.len())?;
            if let Some(name) = name
                && names.known.insert(name, index).is_some()
            {
                bail!("two parameters are called `{name}`");
            }
            params.push(spec);
        }
        names.resolve(&mut params, &mut variadic)?;
        let result = if self.got_word("->") { self.type_or_void(depth, &mut names, usize::MAX)? } else { None };
        if !names.wanted.is_empty() {
            bail!("a result has no `len=`");
        }
        Ok(Signature { params, variadic, result })
    }

    fn parameter(&mut self, depth: usize, names: &mut Names<'a>, index: usize) -> Result<(Option<&'a str>, Spec)> {
        let start = self.at;
        let word = self.take(is_word);
        if !word.is_empty() && self.got(':') {
            return Ok((Some(word), self.ty(depth, names, index)?));
        }
        self.at = start;
        Ok((None, self.ty(depth, names, index)?))
    }

    fn variadic(&mut self, depth: usize, names: &mut Names<'a>, n_fixed: usize) -> Result<Variadic> {
        let mut types = Vec::new();
        if self.got('(') {
            while !self.got(')') {
                if !types.is_empty() {
                    self.want(',', "`,` or `)`")?;
                }
                types.push(self.ty(depth, names, n_fixed.saturating_add(types.len()))?);
            }
            return Ok(Variadic::Buffer(types));
        }
        while self.got(',') {
            types.push(self.ty(depth, names, n_fixed.saturating_add(types.len()))?);
        }
        Ok(if types.is_empty() { Variadic::Formatted } else { Variadic::Listed(types) })
    }

    fn ty(&mut self, depth: usize, names: &mut Names<'a>, index: usize) -> Result<Spec> {
        self.type_or_void(depth, names, index)?.ok_or_else(|| anyhow!("only a result can be `void`"))
    }

    fn type_or_void(&mut self, depth: usize, names: &mut Names<'a>, index: usize) -> Result<Option<Spec>> {
        self.blanks();
        let start = self.at;
        let word = self.take(is_word);
        let base = match word {
            "void" => return Ok(None),
            "i8" | "i16" | "i32" | "i64" => Base::Integer { bits: bits(word), signed: true },
            "u8" | "u16" | "u32" | "u64" => Base::Integer { bits: bits(word), signed: false },
            "isize" => Base::Size { signed: true },
            "usize" => Base::Size { signed: false },
            "long" => Base::Long { signed: true },
            "ulong" => Base::Long { signed: false },
            "f32" => Base::F32,
            "f64" => Base::F64,
            "v128" => Base::V128,
            "ref" => Base::Reference,
            "opaque" => Base::Opaque(self.handle()?),
            "ptr" => Base::Pointer(self.extent(names, index)?, self.item()?),
            "anyptr" => Base::Pointer(Extent::Anywhere, self.item()?),
            "cstr" => Base::Pointer(Extent::String, self.item()?),
            "fmt" => Base::Format(self.format_kind()?, self.item()?),
            "funcptr" => {
                self.want('(', "`(` and the signature of the function")?;
                let signature = self.signature(depth.saturating_add(1))?;
                self.want(')', "`)` after the signature of the function")?;
                Base::Function(Box::new(signature), self.item()?)
            }
            other => {
                self.at = start;
                return Err(unknown_type(other));
            }
        };
        let wasm = match self.got_keyword("as") {
            false => None,
            true if self.got_keyword("i32") => Some(ValType::I32),
            true if self.got_keyword("i64") => Some(ValType::I64),
            true => bail!("expected `i32` or `i64` after `as`"),
        };
        Ok(Some(Spec { base, wasm }))
    }

    fn extent(&mut self, names: &mut Names<'a>, index: usize) -> Result<Extent> {
        if !self.got('[') {
            return Ok(Extent::Byte);
        }
        let mut places = Vec::new();
        let mut size = 1;
        if self.got_keyword("len") {
            self.want('=', "`=` and a parameter, by name or by number from 0")?;
            loop {
                let indirect = self.got('*');
                self.blanks();
                let place = self.take(is_word);
                if place.is_empty() {
                    bail!("expected a parameter, by name or by number from 0");
                }
                places.push((indirect, place));
                if !self.got('*') {
                    break;
                }
            }
            if self.got(',') {
                self.want_keyword("size")?;
                size = self.size()?;
            }
        } else if self.got_keyword("size") {
            size = self.size()?;
        } else {
            bail!("expected `len=` or `size=`");
        }
        self.want(']', "`]`")?;
        if !places.is_empty() {
            names.wanted.insert(index, places);
        }
        Ok(Extent::Bytes { factors: Vec::new(), size })
    }

    fn size(&mut self) -> Result<u64> {
        self.want('=', "`=` and a number of bytes")?;
        self.blanks();
        let digits = self.take(|c| c.is_ascii_digit());
        digits.parse().map_err(|_| anyhow!("expected a number of bytes"))
    }

    fn handle(&mut self) -> Result<Handle> {
        let mut handle = Handle::default();
        if !self.got('[') {
            return Ok(handle);
        }
        loop {
            if self.got_keyword("last") {
                handle.is_last = true;
            } else if self.got_keyword("kind") {
                self.want('=', "`=` and a word")?;
                self.blanks();
                handle.kind = self.take(is_word).to_owned();
                if handle.kind.is_empty() {
                    bail!("expected a word for what the pointer points to");
                }
            } else {
                bail!("expected `kind=` or `last`");
            }
            if !self.got(',') {
                break;
            }
        }
        self.want(']', "`]`")?;
        Ok(handle)
    }

    fn format_kind(&mut self) -> Result<FormatKind> {
        if !self.got('[') {
            return Ok(FormatKind::Printf);
        }
        let kind = match () {
            () if self.got_keyword("printf") => FormatKind::Printf,
            () if self.got_keyword("scanf") => FormatKind::Scanf,
            () => bail!("expected `printf` or `scanf`"),
        };
        self.want(']', "`]`")?;
        Ok(kind)
    }

    fn item(&mut self) -> Result<Option<Item>> {
        if !self.got('@') {
            return Ok(None);
        }
        if let Some(name) = self.string()? {
            return Ok(Some(Item::Name(name)));
        }
        let word = self.take(is_word);
        match word.parse() {
            Ok(index) => Ok(Some(Item::Index(index))),
            Err(_) if word.is_empty() => bail!("expected a name or a number after `@`"),
            Err(_) => Ok(Some(Item::Name(word.to_owned()))),
        }
    }

    /// A string in quotes; in it, `\` keeps the next character.
    fn string(&mut self) -> Result<Option<String>> {
        if !self.got('"') {
            return Ok(None);
        }
        let mut result = String::new();
        let mut chars = self.text[self.at..].char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                '"' => {
                    self.advance(offset);
                    self.advance(c.len_utf8());
                    return Ok(Some(result));
                }
                '\\' => result.extend(chars.next().map(|(_, c)| c)),
                c => result.push(c),
            }
        }
        bail!("a string is not closed");
    }

    /// Whether `c` comes next; then it is taken.
    fn got(&mut self, c: char) -> bool {
        self.blanks();
        let got = self.text[self.at..].starts_with(c);
        if got {
            self.advance(c.len_utf8());
        }
        got
    }

    fn got_word(&mut self, word: &str) -> bool {
        self.blanks();
        let got = self.text[self.at..].starts_with(word);
        if got {
            self.advance(word.len());
        }
        got
    }

    fn got_keyword(&mut self, word: &str) -> bool {
        self.blanks();
        let start = self.at;
        let got = self.take(is_word) == word;
        if !got {
            self.at = start;
        }
        got
    }

    fn want(&mut self, c: char, what: &str) -> Result<()> {
        if self.got(c) { Ok(()) } else { bail!("expected {what}") }
    }

    fn want_keyword(&mut self, word: &str) -> Result<()> {
        if self.got_keyword(word) { Ok(()) } else { bail!("expected `{word}`") }
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.advance(end);
        &rest[..end]
    }

    fn advance(&mut self, bytes: usize) {
        self.at = self.at.checked_add(bytes).expect("it is a place in the text");
    }

    fn blanks(&mut self) {
        self.take(char::is_whitespace);
    }

    /// A comment ends the line.
    fn is_at_end(&self) -> bool {
        let rest = &self.text[self.at..];
        rest.is_empty() || rest.starts_with('#')
    }
}

impl Names<'_> {
    /// Fills in what `len=` refers to.
    fn resolve(&mut self, params: &mut [Spec], variadic: &mut Variadic) -> Result<()> {
        let n_params = params.len();
        let more = match variadic {
            Variadic::Listed(types) | Variadic::Buffer(types) => types.as_mut_slice(),
            Variadic::None | Variadic::Formatted => &mut [],
        };
        let mut specs: Vec<&mut Spec> = params.iter_mut().chain(more).collect();
        // Whether each can be a length, and whether it can point to one.
        let kinds = specs.iter().map(|spec| (is_number(&spec.base), holds_number(&spec.base)));
        let kinds: Vec<_> = kinds.take(n_params).collect();
        for (at, places) in std::mem::take(&mut self.wanted) {
            let Base::Pointer(Extent::Bytes { factors, .. }, _) = &mut specs[at].base else {
                unreachable!("only `ptr` has a length");
            };
            for (indirect, place) in places {
                let index = match (self.known.get(place), place.parse::<u32>()) {
                    (Some(index), _) => *index,
                    (None, Ok(index)) => index,
                    (None, Err(_)) => bail!("no parameter is called `{place}`"),
                };
                match kinds.get(index as usize) {
                    Some((true, _)) if !indirect => factors.push(Factor { param: index, indirect }),
                    Some((_, true)) if indirect => factors.push(Factor { param: index, indirect }),
                    Some(_) if indirect => {
                        bail!("parameter {index} is not a `ptr[size=4]`, which `len=*{index}` asks for")
                    }
                    Some(_) => bail!("parameter {index}, which `len=` names, is not an integer"),
                    None => {
                        bail!("there is no parameter {index} for `len=`; a constant is written `size={index}`")
                    }
                }
            }
        }
        Ok(())
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_number(base: &Base) -> bool {
    matches!(base, Base::Integer { .. } | Base::Size { .. } | Base::Long { .. })
}

/// Whether it points to a `u32` at least.
fn holds_number(base: &Base) -> bool {
    matches!(base, Base::Pointer(Extent::Bytes { factors, size: 4.. }, _) if factors.is_empty())
}

fn bits(word: &str) -> u8 {
    word[1..].parse().expect("the word ends with a number")
}

fn unknown_type(word: &str) -> anyhow::Error {
    if word.is_empty() {
        return anyhow!("expected a type");
    }
    match FOREIGN_WORDS.iter().find(|(theirs, _)| *theirs == word) {
        Some((_, ours)) => anyhow!("`{word}` is not a type here; it is written `{ours}`"),
        None => anyhow!(
            "`{word}` is not a type; the types are i8 u8 i16 u16 i32 u32 i64 u64 isize usize long ulong f32 f64 v128 ref ptr anyptr cstr \
             fmt funcptr opaque void"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Signature> {
        let source = Source { origin: Origin::Line, text: text.to_owned() };
        let mut declarations = parse(&source)?;
        assert_eq!(declarations.len(), 1);
        Ok(declarations.remove(0).signature)
    }

    fn error(text: &str) -> String {
        one(text).expect_err("it is wrong").to_string()
    }

    #[test]
    fn lengths_refer_to_parameters() {
        let extent = |text: &str| match one(text).expect("it is right").params.remove(0).base {
            Base::Pointer(extent, _) => extent,
            other => panic!("{other:?}"),
        };
        let bytes = |params: &[u32], size| {
            let factors = params.iter().map(|&param| Factor { param, indirect: false }).collect();
            Extent::Bytes { factors, size }
        };
        assert_eq!(extent("a.b: (ptr)"), Extent::Byte);
        assert_eq!(extent("a.b: (anyptr)"), Extent::Anywhere);
        let factors = vec![Factor { param: 1, indirect: true }];
        assert_eq!(extent("a.b: (ptr[len=*1], ptr[size=4])"), Extent::Bytes { factors, size: 1 });
        assert!(error("a.b: (ptr[len=*1], ptr)").contains("not a `ptr[size=4]`"));
        assert!(error("a.b: (ptr[len=*1], i32)").contains("not a `ptr[size=4]`"));
        assert_eq!(extent("a.b: (ptr[len=1], i32)"), bytes(&[1], 1));
        assert_eq!(extent("a.b: (ptr[len=n*1, size=4], i32, n: u8)"), bytes(&[2, 1], 4));
        assert_eq!(extent("a.b: (ptr[size=16])"), bytes(&[], 16));
        assert!(error("a.b: (ptr[len=7], i32)").contains("`size=7`"));
        assert!(error("a.b: (ptr[len=n], i32)").contains("no parameter is called `n`"));
        assert!(error("a.b: (ptr[len=1], f32)").contains("not an integer"));
    }

    #[test]
    fn the_c_library_is_declared_once() {
        let source = Source { origin: Origin::Library, text: super::super::LIBRARY.to_owned() };
        let declarations = parse(&source).expect("it is right");
        let mut names: Vec<_> = declarations.iter().map(|it| format!("{:?}", it.import)).collect();
        let n_names = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), n_names);
    }

    #[test]
    fn errors_have_a_place() {
        assert!(error("a.b: (i32, int)").contains("column 12: `int` is not a type here; it is written `i32`"));
        assert!(error("ab: ()").contains("column 3: expected an import"));
        assert!(error("a.b (i32)").contains("column 5: expected `:`"));
        assert!(
            error("a.b: (cstr) i32").contains("column 13: expected `->` before the result, or the end of the line")
        );
        assert!(error("a.b: (cstr) -> i32)").contains("column 19: expected the end of the line"));
        assert!(error("a.b: (..., i32, ...)").contains("column 17: expected a type"));
        assert!(error("a.b: (void)").contains("only a result"));
        assert!(error(&format!("a.b: ({}", "funcptr((".repeat(99))).contains("too deeply"));
    }

    #[test]
    fn everything_has_its_place() {
        let signature =
            one(r#""a b"."c:d"=x: (p: ptr@mem, f: funcptr((ptr, usize as i64) -> i8)@"t t", ...) -> void # end"#);
        let signature = signature.expect("it is right");
        assert_eq!(signature.variadic, Variadic::Formatted);
        assert_eq!(signature.result, None);
        assert_eq!(signature.params[0].base, Base::Pointer(Extent::Byte, Some(Item::Name("mem".to_owned()))));
        let Base::Function(inner, table) = &signature.params[1].base else { panic!("it is a function") };
        assert_eq!(*table, Some(Item::Name("t t".to_owned())));
        assert_eq!(inner.params[1], Spec { base: Base::Size { signed: false }, wasm: Some(ValType::I64) });
        assert_eq!(one("a.b: (...(i32, f64))").expect("it is right").variadic, {
            let int = Spec { base: Base::Integer { bits: 32, signed: true }, wasm: None };
            Variadic::Buffer(vec![int, Spec { base: Base::F64, wasm: None }])
        });
    }
}
