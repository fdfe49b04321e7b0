//! Random programs with objects, closures, unions, errors, strings and slices: with and without
//! optimization, and without checks, they print the same, and in the end no object and no block of
//! memory is left that was not freed, and none was freed twice. What is freed is overwritten, and
//! each use of a text looks at its bytes.
//!
//! `COT_PROGRAMS` says how many are made (20; with `W2N_FULL=1`, 400), from the seed
//! `COT_SEED` (1). One that fails is written to the folder of temporary files.
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
    let first = number_of("COT_SEED").unwrap_or(1);
    let n_programs = number_of("COT_PROGRAMS").unwrap_or(if test_kit::trial::is_full() { 400 } else { 20 });
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
        ensure!(last == "0 left, 0 dead, 0 blocks", "{what}: {last}");
        match &first {
            None => first = Some(said),
            Some(first) => ensure!(*first == said, "{what}: {said}\ninstead of\n{first}"),
        }
    }
    Ok(())
}

const BEGINNING: &str = r#"import "std/list"
import "std/map"

extern fn __blocks_in_use() i64

const Fault = error { Odd, Large }
union Shape { none, number: i64, text: string, words: []string, leaf: *Leaf, tag: Tag }
struct Tag { name: string, id: i64 }
struct Leaf { id: i64 }
struct Node { id: i64, next: ?*Node, other: ?*Node, shape: Shape, tag: Tag, words: []string, texts: [2]string }

var made: i64 = 0
var live: i64 = 0
var kept: string = ""
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
    const tag = Tag { .name = text(made), .id = made }
    return new Node { id: made, next: null, other: null, shape: Shape.none, tag: tag, words: undefined, texts: undefined }
}

fn text(n: i64) string {
    if (n % 5 == 0) { return "constant" }
    var s = "made"
    for i in 0..n % 4 { s += "ab" }
    return s ++ (if (n % 2 == 0) { "x" } else { "yz" })
}

// Its bytes, which are letters while it is there.
fn see(s: string) i64 {
    var sum: i64 = len(s)
    for c in s {
        if (c < 'a' or c > 'z') { dead += 1 }
        sum = (sum * 31 + c) % 1000003
    }
    return sum
}

fn see_all(words: []string) i64 {
    var sum: i64 = 0
    for word in words { sum = (sum + see(word)) % 1000003 }
    return sum
}

fn part(s: string, n: i64) string {
    if (len(s) < 2) { return s }
    const at = n % len(s)
    if (n % 3 == 0) { return s[at:] }
    if (n % 3 == 1) { return s[:at] }
    return s[at:at]
}

fn set_kept(s: string) string {
    kept = s ++ "k"
    return s
}

fn short(s: string) string {
    if (len(s) < 40) { return s }
    return s[len(s) - 9:]
}

fn may_text(s: string, n: i64) Fault!string {
    if (n % 3 == 0) { return error.Odd }
    if (n % 3 == 1) { return s }
    return text(n)
}

fn some_text(s: string, n: i64) ?string {
    if (n % 4 == 0) { return null }
    if (n % 4 == 1) { return part(s, n) }
    return text(n)
}

fn add(words: []string, s: string) []string {
    if (len(words) > 8) { return words[5:] }
    return append(words, s)
}

fn pair(a: string, b: string) (string, string) { return (b, a) }

fn change(s: *string, n: i64) void {
    kept = s.*
    s.* = text(n)
}

fn sum_of(numbers: []i64) i64 {
    var sum: i64 = 0
    for number in numbers { sum = (sum + number) % 1000003 }
    return sum
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
        Shape.text |t| => see(t),
        Shape.words |w| => see_all(w),
        Shape.tag |t| => see(t.name) + t.id,
        Shape.leaf |l| => l.id,
        else => 1,
    }
}

fn walk(node: ?*Node, depth: i64) i64 {
    if (depth == 0) { return 1 }
    if (node) |it| {
        const parts = weigh(it.shape) + see(it.tag.name) + see_all(it.words) + see(it.texts[1])
        return (look(it.id) * 3 + walk(it.next, depth - 1) + walk(it.other, depth - 1) * 5 + parts) % 1000003
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
    // What is printed for the first time takes memory for good.
    writer.line("println(\"${text(1)}\")");
    writer.line("const before = __blocks_in_use()");
    for round in 0..3 {
        let start = writer.dice.below(50);
        writer.line(&format!("println(f0(null, make(), {}))", start + round));
        writer.line(&format!("println(f{}(make(), make(), {start}))", n_functions - 1));
    }
    writer.line("println(\"${made} made\")");
    writer.line("kept = \"\"");
    writer.line("println(\"${live} left, ${dead} dead, ${__blocks_in_use() - before} blocks\")");
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
            "var t: string = text(n)",
            "var u: string = t",
            "var changed: string = \"\"",
            "var words: []string = undefined",
            "var numbers: []i64 = undefined",
            "var texts: List(string) = .{}",
            "defer texts.free()",
            "var map: Map(i64, string) = .{}",
            "defer map.free()",
        ] {
            self.line(line);
        }
        for _ in 0..8 + self.dice.below(10) {
            self.statement(number, n_functions, 0);
        }
        self.line("total += see(t) + see(u) + see(changed) + see_all(words) + sum_of(numbers)");
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

    /// A text of letters.
    fn text_value(&mut self) -> String {
        let name = self.maybe();
        match self.dice.below(20) {
            0 => "text(total)".to_owned(),
            1 => format!("short({} ++ {})", self.text_variable(), self.text_variable()),
            2 => format!("part({}, total)", self.text_variable()),
            3 => format!("(some_text({}, total) orelse {})", self.text_variable(), self.text_variable()),
            4 => format!("(may_text({}, n) catch {})", self.text_variable(), self.text_variable()),
            5 => "r.tag.name".to_owned(),
            6 => format!("map.getOrDefault(total % 5, {})", self.text_variable()),
            7 => format!("short(\"a${{{}}}b${{part(t, n)}}\")", self.text_variable()),
            8 => format!("(if ({name}) |it| {{ it.tag.name }} else {{ u }})"),
            9 => "\"literal\"".to_owned(),
            10 => "(if (len(words) > 1) { words[1] } else { t[0:0] })".to_owned(),
            11 => "r.texts[1]".to_owned(),
            12 => "pair(t, u).0".to_owned(),
            // What comes later changes what came before.
            14 => format!("short(kept ++ set_kept({}))", self.text_variable()),
            15 => format!("short(\"${{kept}}m${{set_kept({})}}\")", self.text_variable()),
            16 => "(if (kept == set_kept(t)) { kept } else { u })".to_owned(),
            17 => "kept[see(set_kept(t)) - see(t):]".to_owned(),
            13 => format!("{}[len(t) - len(t):]", self.text_variable()),
            _ => self.text_variable().to_owned(),
        }
    }

    fn text_variable(&mut self) -> &'static str {
        self.dice.one_of(&["t", "u", "kept", "changed"])
    }

    fn words_value(&mut self) -> String {
        match self.dice.below(6) {
            0 => format!("add(words, {})", self.text_value()),
            1 => "r.words".to_owned(),
            2 => format!("[{}, {}]", self.text_value(), self.text_value()),
            3 => "(if (len(words) > 1) { words[1:] } else { r.words })".to_owned(),
            4 => format!("append(words[:len(words) / 2], {})", self.text_value()),
            _ => format!("(if (len(words) < 9) {{ append(words, {}) }} else {{ words[:3] }})", self.text_value()),
        }
    }

    /// A statement with texts.
    fn text_statement(&mut self) {
        let text = self.text_value();
        match self.dice.below(17) {
            0 => self.line(&format!("t = {text}")),
            1 => self.line(&format!("u = {text}")),
            2 => self.line(&format!("kept = {text}")),
            3 => self.line(&format!("r.tag.name = {text}")),
            4 => self.line(&format!("map.set(total % 5, {text})")),
            5 => self.line(&format!("if (texts.len() < 8) {{ texts.append({text}) }}")),
            6 => self.line("if (texts.len() > 0) { t = texts.pop() }"),
            7 => {
                let words = self.words_value();
                self.line(&format!("words = {words}"));
            }
            8 => {
                let words = self.words_value();
                self.line(&format!("r.words = {words}"));
            }
            9 => {
                self.line("numbers = append(numbers, total)");
                self.line(&format!(
                    "total = (total + sum_of([total, see({text})]) + sum_of(numbers[len(numbers) - 1:])) % 1000003"
                ));
            }
            10 => {
                let captured = self.name();
                self.line(&format!("const {captured} = {text}"));
                self.line(&format!("op = fn(x: i64) i64 {{ return (x + see({captured})) % 1000 }}"));
            }
            11 => {
                let word = self.name();
                self.line(&format!("for {word} in words {{"));
                self.line(&format!("    words = add(words, {text})"));
                self.line(&format!("    t = {word}"));
                self.line(&format!("    total = (total + see({word})) % 1000003"));
                self.line("}");
            }
            12 => {
                let (first, second) = (self.name(), self.name());
                self.line(&format!("const {first}, {second} = pair({text}, t)"));
                self.line(&format!("total = (total + see({first}) + see({second})) % 1000003"));
            }
            13 => {
                self.line(&format!("change(&changed, see({text}))"));
                self.line("t = changed");
            }
            14 => {
                self.line(&format!("u += {text}"));
                self.line("u = short(u)");
            }
            15 => {
                let copy = self.name();
                self.line(&format!("var {copy} = r.tag"));
                self.line(&format!("{copy}.name = {text}"));
                self.line(&format!("if ({copy}.name == t) {{ r.tag = {copy} }} else {{ r.texts[1] = {copy}.name }}"));
            }
            _ => {
                let defers = self.name();
                self.line("{");
                self.line(&format!("    const {defers} = {text}"));
                self.line(&format!("    defer total = (total + see({defers})) % 1000003"));
                self.line("    t = text(total)");
                self.line("}");
            }
        }
    }

    fn shape(&mut self) -> String {
        match self.dice.below(8) {
            5 => format!("Shape.text({})", self.text_value()),
            6 => format!("Shape.words({})", self.words_value()),
            7 => format!("Shape.tag(Tag {{ .name = {}, .id = n }})", self.text_value()),

            0 => "Shape.none".to_owned(),
            1 => format!("Shape.number({})", self.number()),
            2 => "Shape.text(\"t\" ++ text(total))".to_owned(),
            3 => "r.shape".to_owned(),
            _ => "Shape.leaf(leaf())".to_owned(),
        }
    }

    fn name(&mut self) -> String {
        self.n_names += 1;
        format!("v{}", self.n_names)
    }

    fn statement(&mut self, function: usize, n_functions: usize, depth: usize) {
        if self.dice.below(5) < 2 {
            return self.text_statement();
        }
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
