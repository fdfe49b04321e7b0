//! `cot fmt` over all sources of the repository, and over programs with other spaces: the tree
//! stays the same, no comment is lost, and what was formatted is not changed again. The standard
//! library is formatted.

use libtest_mimic::{Failed, Trial};
use std::path::{Path, PathBuf};
use wasm2native::cot::format::{Formatted, format};
use wasm2native::cot::source::Sources;
use wasm2native::cot::{library, parse, print, scan};

pub fn trials() -> Vec<Trial> {
    let mut paths = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cot"), &mut paths);
    let is_faulty =
        |path: &PathBuf| path.components().any(|it| it.as_os_str() == "errors" || it.as_os_str() == "diagnostics");
    let files = paths.into_iter().filter(|path| !is_faulty(path));
    let files = files.map(|path| {
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Trial::test(format!("format-{name}"), move || check(&std::fs::read(&path)?).map(drop).map_err(Failed::from))
    });
    let library = library::MODULES.iter().map(|(name, source)| {
        Trial::test(format!("format-std-{name}"), move || {
            let text = check(source.as_bytes())?;
            if text == source.as_bytes() { Ok(()) } else { Err(Failed::from("it is not in the standard form")) }
        })
    });
    let cases = CASES.iter().enumerate().map(|(number, (before, after))| {
        Trial::test(format!("format-case-{number}"), move || {
            let text = String::from_utf8(check(before.as_bytes())?)?;
            if text == *after { Ok(()) } else { Err(Failed::from(format!("instead of\n{after}there is\n{text}"))) }
        })
    });
    files.chain(library).chain(cases).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("can't list {}: {error}", folder.display()));
    for path in entries.map(|entry| entry.expect("the fixtures can be listed").path()) {
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|it| it == "cot") {
            paths.push(path);
        }
    }
}

/// Formats a sound program, twice, and compares; the result.
pub fn check(text: &[u8]) -> Result<Vec<u8>, String> {
    wasm2native::cot::with_large_stack(|| {
        let first = format_once(text)?;
        let shown = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        if seen(text) != seen(&first) {
            return Err(format!("tree or comments are others:\n{}", shown(&first)));
        }
        let second = format_once(&first)?;
        if first != second {
            return Err(format!("formatted again it is another:\n{}\n---\n{}", shown(&first), shown(&second)));
        }
        Ok(first)
    })
}

fn format_once(text: &[u8]) -> Result<Vec<u8>, String> {
    let mut sources = Sources::default();
    let id = sources.add("source.cot".to_owned(), None, text.to_vec());
    match format(id, sources.get(id), false) {
        Formatted::Text(text) => Ok(text),
        Formatted::Faulty(faults) => Err(format!("it does not parse: {}", faults[0].message)),
        Formatted::Changed(text) => Err(format!("this means something else:\n{}", String::from_utf8_lossy(&text))),
    }
}

/// The tree, and the comments without space after them.
fn seen(text: &[u8]) -> (String, Vec<Vec<u8>>) {
    let mut sources = Sources::default();
    let id = sources.add("source.cot".to_owned(), None, text.to_vec());
    let comments = scan::scan(id, sources.get(id)).comments;
    let comments = comments.iter().map(|it| sources.text(it.span).trim_ascii_end().to_vec()).collect();
    (print::tree(&parse::parse(id, sources.get(id)).0, sources.get(id)), comments)
}

/// Before and after.
const CASES: &[(&str, &str)] = &[
    ("", ""),
    ("\n\n// only this  \n\n\n", "// only this\n"),
    ("let  x=1;let y:i64=-x*2", "var x = 1\nvar y: i64 = -x * 2\n"),
    ("enum E{A,B=2}\nenum F:u8{C}", "const E = enum { A, B = 2 }\nconst F = enum: u8 { C }\n"),
    (
        "fn f()\n{\n  if x{return;}\n\n\n\n  while y:(y-=1)  { g( ) }\n}",
        "fn f() {\n    if (x) { return }\n\n    while (y) : (y -= 1) { g() }\n}\n",
    ),
    ("fn f() { a();b() } fn g() { c() }", "fn f() {\n    a()\n    b()\n}\nfn g() { c() }\n"),
    (
        "fn f() i64 {\n  if (x)\n  { a() } // one\n  else\n  { b() }\n  return switch n { 1=>2, else=>-3 }\n}",
        "fn f() i64 {\n    if (x) { a() } // one\n    else { b() }\n    return switch (n) { 1 => 2, else => -3 }\n}\n",
    ),
    (
        "fn f(x: * i64, g: fn (i64)->bool) ( i64 , []u8 ) { return ( x .* , s [ 1 : ] ) }",
        "fn f(x: *i64, g: fn(i64) -> bool) (i64, []u8) { return (x.*, s[1:]) }\n",
    ),
    (
        "impl P { fn a(self:*P) void {} fn b() void {} }\nimpl Q { fn c() E ! void {} }",
        "impl P {\n    fn a(self: *P) void {}\n    fn b() void {}\n}\nimpl Q { fn c() E!void {} }\n",
    ),
    (
        "const p = Point{.x=1,.y=- 2}\nconst q = .{ .a = .Red }\nconst s = \"${ a+b }!\"",
        "const p = Point { .x = 1, .y = -2 }\nconst q = .{ .a = .Red }\nconst s = \"${a + b}!\"\n",
    ),
    (
        "fn f() void {\n  const x = foo(a,\n  b)\n      .bar()\n  call(fn(v: i64) i64 {\n  return v })\n}",
        "fn f() void {\n    const x = foo(a,\n        b)\n        .bar()\n    call(fn(v: i64) i64 {\n        return v\n    })\n}\n",
    ),
    (
        "fn f() void {\n  outer: for i,v in xs { if (a&b|c)==0 { break :outer } }\n  x = y orelse return;\n  .Red\n}",
        "fn f() void {\n    outer: for i, v in xs { if ((a & b | c) == 0) { break :outer } }\n    x = y orelse return;\n    \
         .Red\n}\n",
    ),
];
