//! Random programs with objects, closures, unions and errors: with and without optimization, and
//! without checks, they print the same, and in the end no object is left that was not freed, and
//! none was freed twice.
//!
//! `COT_PROGRAMS` says how many are made (24; with `W2N_FULL=1`, 400), from the seed
//! `COT_FUZZ_SEED` (1). One that fails is written to the folder of temporary files.
//!
//! Objects have ascending numbers, and refer to older ones alone, so that there are no cycles.

use std::fmt::Write;

use crate::source::wasi_options;
use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;
use test_kit::dice::Dice;
use test_kit::reference::{self, Request};
use test_kit::trial::trial;
use wasm2native::cot::{Compiled, Options, Product, Stage, compile};

pub fn trials() -> Vec<Trial> {
    vec![trial("random/programs", programs_do_the_same)]
}

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn programs_do_the_same() -> Result<()> {
    let is_full = std::env::var_os("W2N_FULL").is_some_and(|value| !value.is_empty() && value != "0");
    let first = number_of("COT_FUZZ_SEED").unwrap_or(1);
    let n_programs = number_of("COT_PROGRAMS").unwrap_or(if is_full { 400 } else { 24 });
    let folder = tempfile::tempdir()?;
    for seed in first..first.saturating_add(n_programs) {
        let text = program(seed);
        let path = folder.path().join("program.cot");
        std::fs::write(&path, &text)?;
        if let Err(error) = check(&path) {
            let kept = std::env::temp_dir().join(format!("cot-program-{seed}.cot"));
            std::fs::write(&kept, text)?;
            return Err(error.context(format!("seed {seed}: {}", kept.display())));
        }
    }
    Ok(())
}

fn check(path: &std::path::Path) -> Result<()> {
    let mut first: Option<String> = None;
    for (release, debug) in [(false, false), (false, true), (true, false)] {
        let options = Options { release, debug, ..wasi_options() };
        let Product::Wasm(Compiled { wasm, .. }) = compile(path, &options, Stage::Wasm)? else { bail!("no module") };
        let failed = |error: wasmtime::Error| anyhow::anyhow!("{error:#}");
        let engine = reference::engine().map_err(failed)?;
        let outcome = reference::run(&engine, &wasm, &Request::default()).map_err(failed)?;
        let what = format!("release: {release}, debug: {debug}");
        ensure!(outcome.status == 0, "{what}: {outcome:?}");
        let said = outcome.stdout.to_string();
        let last = said.lines().last().context("nothing was printed")?;
        ensure!(last == "0 left, 0 dead", "{what}: {last}");
        match &first {
            None => first = Some(said),
            Some(first) => ensure!(*first == said, "{what}: {said}\ninstead of\n{first}"),
        }
    }
    Ok(())
}

const BEGINNING: &str = r#"import "std/list"

const Fault = error { Odd, Large }
union Shape { none, number: i64, text: string, leaf: *Leaf }
struct Leaf { id: i64 }
struct Node { id: i64, next: ?*Node, other: ?*Node, shape: Shape }

var made: i64 = 0
var live: i64 = 0
// How often one was used that is not there any more.
var dead: i64 = 0

fn end(id: i64) i64 {
    if (id < 0) { dead += 1 }
    live -= 1
    return -999
}

fn look(id: i64) i64 {
    if (id < 0) { dead += 1 }
    return id
}

impl Leaf { fn deinit(self: *Leaf) void { self.id = end(self.id) } }
impl Node { fn deinit(self: *Node) void { self.id = end(self.id) } }

fn leaf() *Leaf {
    made += 1
    live += 1
    return new Leaf { id: made }
}

fn make() *Node {
    made += 1
    live += 1
    return new Node { id: made, next: null, other: null, shape: Shape.none }
}

fn link(x: *Node, y: ?*Node, is_next: bool) void {
    if (y) |it| {
        if (it.id >= x.id) { return }
        if (is_next) { x.next = it } else { x.other = it }
    }
}

fn weigh(shape: Shape) i64 {
    return switch (shape) {
        Shape.number |n| => n,
        Shape.text |t| => len(t),
        Shape.leaf |l| => l.id,
        else => 1,
    }
}

fn walk(node: ?*Node, depth: i64) i64 {
    if (depth == 0) { return 1 }
    if (node) |it| {
        return (look(it.id) * 3 + walk(it.next, depth - 1) + walk(it.other, depth - 1) * 5 + weigh(it.shape)) % 1000003
    }
    return 0
}

fn may(node: ?*Node, n: i64) Fault!*Node {
    if (n % 3 == 0) { return error.Odd }
    if (node) |it| { return it }
    if (n > 90) { return error.Large }
    return make()
}

fn either(a: ?*Node, b: *Node) *Node { return a orelse b }

"#;

/// A program.
fn program(seed: u64) -> String {
    let mut writer =
        Writer { dice: Dice::new("cot programs", seed), text: BEGINNING.to_owned(), indent: 1, n_names: 0 };
    let n_functions = 2 + writer.dice.below(4);
    for number in (0..n_functions).rev() {
        writer.function(number, n_functions);
    }
    writer.text.push_str("fn main() i64 {\n");
    for round in 0..3 {
        let start = writer.dice.below(50);
        writer.line(&format!("println(f0(null, make(), {}))", start + round));
        writer.line(&format!("println(f{}(make(), make(), {start}))", n_functions - 1));
    }
    writer.line("println(\"${made} made\")");
    writer.line("println(\"${live} left, ${dead} dead\")");
    writer.text.push_str("    return 0\n}\n");
    writer.text
}

struct Writer {
    dice: Dice,
    text: String,
    indent: usize,
    n_names: usize,
}

/// The variables of each function: pointers that may be null, and one that is not.
const MAYBE: [&str; 3] = ["p", "q", "s"];

impl Writer {
    fn line(&mut self, text: &str) {
        let indent = "    ".repeat(self.indent);
        writeln!(self.text, "{indent}{text}").expect("a string takes everything");
    }

    fn function(&mut self, number: usize, n_functions: usize) {
        writeln!(self.text, "fn f{number}(a: ?*Node, b: *Node, n: i64) i64 {{").expect("a string takes everything");
        for line in [
            "var total = n",
            "var p: ?*Node = a",
            "var q: ?*Node = null",
            "var s: ?*Node = make()",
            "var r: *Node = b",
            "var shape = Shape.number(n)",
            "var op: fn(i64) -> i64 = fn(x: i64) i64 { return x + 1 }",
            "var list: List(*Node) = .{}",
            "defer list.free()",
        ] {
            self.line(line);
        }
        for _ in 0..8 + self.dice.below(10) {
            self.statement(number, n_functions, 0);
        }
        self.line(
            "return (total + walk(p, 4) + walk(q, 4) + walk(s, 4) + walk(r, 4) + weigh(shape) + op(n)) % 1000003",
        );
        self.text.push_str("}\n\n");
    }

    fn maybe(&mut self) -> &'static str {
        self.dice.one_of(&MAYBE)
    }

    /// A pointer that is not null.
    fn pointer(&mut self) -> String {
        let name = self.maybe();
        match self.dice.below(5) {
            0 => "make()".to_owned(),
            1 => format!("({name} orelse make())"),
            2 => format!("either({name}, r)"),
            3 => format!("(may({name}, total) catch r)"),
            _ => "r".to_owned(),
        }
    }

    /// One that may be null.
    fn optional(&mut self) -> String {
        let name = self.maybe();
        match self.dice.below(6) {
            0 => "null".to_owned(),
            1 => self.pointer(),
            2 => format!("(if ({name}) |it| {{ it.next }} else {{ null }})"),
            3 => "r.other".to_owned(),
            4 => format!("{name}?.next"),
            _ => name.to_owned(),
        }
    }

    fn number(&mut self) -> String {
        let name = self.maybe();
        match self.dice.below(8) {
            0 => "total".to_owned(),
            1 => format!("walk({name}, 3)"),
            2 => "weigh(shape)".to_owned(),
            3 => "op(total % 100)".to_owned(),
            4 => "list.len()".to_owned(),
            5 => format!("({} catch make()).id", format_args!("may({name}, n)")),
            6 => format!("{}.id", self.pointer()),
            _ => format!("{}", self.dice.below(100)),
        }
    }

    fn shape(&mut self) -> String {
        match self.dice.below(5) {
            0 => "Shape.none".to_owned(),
            1 => format!("Shape.number({})", self.number()),
            2 => "Shape.text(\"t${total % 10}\")".to_owned(),
            3 => "r.shape".to_owned(),
            _ => "Shape.leaf(leaf())".to_owned(),
        }
    }

    fn name(&mut self) -> String {
        self.n_names += 1;
        format!("v{}", self.n_names)
    }

    fn statement(&mut self, function: usize, n_functions: usize, depth: usize) {
        let kind = self.dice.below(if depth < 2 { 18 } else { 13 });
        let name = self.maybe();
        match kind {
            0 => {
                let value = self.optional();
                self.line(&format!("{name} = {value}"));
            }
            1 => {
                let value = self.pointer();
                self.line(&format!("r = {value}"));
            }
            2 => {
                let (to, from, is_next) = (self.pointer(), self.optional(), self.dice.below(2) == 0);
                self.line(&format!("link({to}, {from}, {is_next})"));
            }
            3 => {
                let value = self.number();
                self.line(&format!("total = (total * 31 + {value}) % 1000003"));
            }
            4 => {
                let value = self.shape();
                self.line(&format!("shape = {value}"));
            }
            5 => {
                let value = self.shape();
                self.line(&format!("r.shape = {value}"));
            }
            6 => {
                let captured = self.name();
                self.line(&format!("const {captured} = {name} orelse r"));
                self.line(&format!("op = fn(x: i64) i64 {{ return (x + walk({captured}, 2)) % 1000 }}"));
            }
            7 => {
                let inner = self.name();
                self.line(&format!("const {inner} = op"));
                self.line(&format!("op = fn(x: i64) i64 {{ return ({inner}(x) + 1) % 1000 }}"));
            }
            8 => {
                let value = self.pointer();
                self.line(&format!("if (list.len() < 8) {{ list.append({value}) }}"));
            }
            9 => self.line("if (list.len() > 0) { r = list.pop() }"),
            10 if function + 1 < n_functions => {
                let callee = function + 1 + self.dice.below(n_functions - function - 1);
                let (first, second) = (self.optional(), self.pointer());
                self.line(&format!("total = (total + f{callee}({first}, {second}, total % 50)) % 1000003"));
            }
            11 => {
                let held = self.name();
                self.line(&format!("weak var {held}: ?*Node = {name}"));
                self.line(&format!("if ({held}) |it| {{ total = (total + look(it.id)) % 1000003 }}"));
                let value = self.optional();
                self.line(&format!("{held} = {value}"));
                self.line(&format!("{name} = {held}"));
            }
            12 => {
                // It refers to what `r` keeps alive up to the end of the block.
                let (kept, held) = (self.name(), self.name());
                self.line(&format!("const {kept}: *Node = r"));
                self.line(&format!("unowned var {held}: *Node = {kept}"));
                self.line(&format!("total = (total + look({held}.id)) % 1000003"));
                self.line(&format!("{name} = {held}"));
            }
            13 => {
                self.line(&format!("if ({name}) |it| {{"));
                self.indent += 1;
                self.block(function, n_functions, depth);
                self.line("    total = (total + look(it.id)) % 1000003");
                self.line("}");
            }
            14 => {
                let counter = self.name();
                let n = 1 + self.dice.below(3);
                self.line(&format!("for {counter} in 0..{n} {{"));
                self.indent += 1;
                self.block(function, n_functions, depth);
                self.line("}");
            }
            15 => {
                self.line("switch (shape) {");
                self.line("    Shape.leaf |it| => {");
                self.indent += 2;
                self.block(function, n_functions, depth);
                self.line("    total = (total + look(it.id)) % 1000003");
                self.indent -= 1;
                self.line("    },");
                self.line("    else => { total += 1 }");
                self.line("}");
            }
            16 => {
                let value = self.number();
                self.line(&format!("if ({value} % 7 == 3) {{ return total }}"));
            }
            17 => {
                self.line("{");
                self.indent += 1;
                let kept = self.name();
                let value = self.pointer();
                self.line(&format!("const {kept} = {value}"));
                self.line(&format!("defer total = (total + look({kept}.id)) % 1000003"));
                self.block(function, n_functions, depth);
                self.line("}");
            }
            _ => {
                let value = self.shape();
                self.line(&format!("total = (total + weigh({value})) % 1000003"));
            }
        }
    }

    /// Some statements, and the end of their indentation.
    fn block(&mut self, function: usize, n_functions: usize, depth: usize) {
        for _ in 0..1 + self.dice.below(4) {
            self.statement(function, n_functions, depth + 1);
        }
        self.indent -= 1;
    }
}
