//! Random nests of loops over slices and bytes: with and without optimization they print the same,
//! fail with the same words at the same place, and leave the same numbers behind, wherever their
//! indices lead and however slices overlap.
//!
//! `COT_LOOPS` says how many programs are made (16; with `W2N_FULL=1`, 600), from the seed
//! `COT_SEED` (1). One that fails is written to the folder of temporary files.

use crate::source::wasi_options;
use anyhow::{Result, bail, ensure};
use libtest_mimic::Trial;
use std::fmt::Write;
use test_kit::dice::Dice;
use test_kit::process::Outcome;
use test_kit::reference::{self, Request};
use test_kit::trial::trial;
use wasm2native::cot::{Compiled, Options, Product, Stage, compile};

pub fn trials() -> Vec<Trial> {
    vec![trial("random/loops", loops_do_the_same)]
}

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn loops_do_the_same() -> Result<()> {
    let first = number_of("COT_SEED").unwrap_or(1);
    let n_programs = number_of("COT_LOOPS").unwrap_or(if test_kit::trial::is_full() { 600 } else { 16 });
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("program.cot");
    for seed in first..first.saturating_add(n_programs) {
        let text = program(seed);
        std::fs::write(&path, &text)?;
        if let Err(error) = check(&path) {
            let kept = std::env::temp_dir().join(format!("cot-loops-{seed}.cot"));
            std::fs::write(&kept, text)?;
            return Err(error.context(format!("seed {seed}: {}", kept.display())));
        }
    }
    Ok(())
}

fn check(path: &std::path::Path) -> Result<()> {
    let plain = outcome(path, false, true)?;
    let optimized = outcome(path, false, false)?;
    ensure!(same(&plain, &optimized), "{optimized:?}\ninstead of\n{plain:?}");
    // Without checks, what failed does something else.
    if plain.status == 0 {
        let release = outcome(path, true, false)?;
        ensure!(same(&plain, &release), "with --release: {release:?}\ninstead of\n{plain:?}");
    }
    Ok(())
}

fn same(one: &Outcome, other: &Outcome) -> bool {
    let said = |outcome: &Outcome| (outcome.status, outcome.stdout.to_string(), outcome.stderr.to_string());
    said(one) == said(other)
}

fn outcome(path: &std::path::Path, release: bool, debug: bool) -> Result<Outcome> {
    let options = Options { release, debug, ..wasi_options() };
    let Product::Wasm(Compiled { wasm, .. }) = compile(path, &options, Stage::Wasm)? else { bail!("no module") };
    let failed = |error: wasmtime::Error| anyhow::anyhow!("{error:#}");
    let engine = reference::engine().map_err(failed)?;
    reference::run(&engine, &wasm, &Request::default()).map_err(failed)
}

const END: &str = r#"
fn main() i64 {
    var room: [420]NUMBER = undefined
    var other: [420]NUMBER = undefined
    var bytes: [512]u8 = undefined
    for i in 0..420 {
        room[i] = START
        other[i] = BACK
    }
    for i in 0..512 { bytes[i] = 0 }
CALLS
    return 0
}
"#;

/// A kernel, and calls of it with all kinds of bounds and slices, each followed by a hash of all
/// that it can write.
fn program(seed: u64) -> String {
    let mut dice = Dice::new("loops", seed);
    let number = dice.one_of(&["f64", "f64", "f32", "i64"]);
    let mut text = format!(
        "fn kernel(x: []{number}, y: []{number}, z: []{number}, raw: i64, n: i64, m: i64, s: i64) i64 {{\n    \
         var count: i64 = 0\n"
    );
    match dice.below(2) {
        0 => (0..=dice.below(2)).for_each(|_| sums(&mut dice, &mut text, number)),
        _ => nest(&mut dice, &mut text, number, 1),
    }
    text += "    return count\n}\n\n";
    let _ = write!(
        text,
        "fn hash(numbers: []{number}) i64 {{\n    var sum: i64 = 17\n    for i in 0..len(numbers) {{ \
         sum = sum * 31 + @intCast(i64, numbers[i]) }}\n    return sum\n}}\n\n\
         fn marks(bytes: []u8) i64 {{\n    var sum: i64 = 5\n    for i in 0..len(bytes) {{ \
         sum = sum * 3 + @intCast(i64, bytes[i]) }}\n    return sum\n}}\n"
    );
    let mut calls = String::new();
    for _ in 0..8 {
        let _ = writeln!(calls, "    println({})", call(&mut dice, false));
        calls += "    println(hash(room[:]))\n    println(hash(other[:]))\n    println(marks(bytes[:]))\n";
    }
    let _ = writeln!(calls, "    println({})", call(&mut dice, true));
    let (start, back) = match number {
        "i64" => ("i * 7 % 11".to_owned(), "i * 5 % 13".to_owned()),
        _ => (format!("@floatFromInt({number}, i * 7 % 11)"), format!("@floatFromInt({number}, i * 5 % 13)")),
    };
    text += &END.replace("NUMBER", number).replace("START", &start).replace("BACK", &back).replace("CALLS", &calls);
    text
}

/// Most calls stay in range; a wild one need not.
fn call(dice: &mut Dice, wild: bool) -> String {
    let slices = ["room[:]", "room[:]", "room[1:]", "room[20:]", "other[:]", "other[3:]", "room[0:400]", "other[0:60]"];
    let [x, y, z] = [0; 3].map(|_| dice.one_of(&slices[..if wild { slices.len() } else { slices.len() - 1 }]));
    let tame = ["0", "1", "2", "3", "15", "16", "17", "18", "18", "19", "19", "20"];
    let all = [
        "-1",
        "-20",
        "0",
        "1",
        "19",
        "20",
        "21",
        "40",
        "419",
        "420",
        "421",
        "2147483647",
        "2147483648",
        "4294967295",
        "4294967296",
        "4611686018427387904",
        "9223372036854775807",
        "-9223372036854775807",
    ];
    let mut bound = || if wild && dice.below(2) == 0 { dice.one_of(&all) } else { dice.one_of(&tame) };
    let (n, m, s) = (bound(), bound(), bound());
    let raw = if wild && dice.below(3) == 0 { dice.one_of(&["0", "4294967290", "-5"]) } else { "@ptrToInt(&bytes[0])" };
    format!("kernel({x}, {y}, {z}, {raw}, {n}, {m}, {s})")
}

const INDICES: [&str; 3] = ["i", "j", "k"];

/// A nest as products of matrices are: sums of which two run together, unless something is in the
/// way.
fn sums(dice: &mut Dice, text: &mut String, number: &str) {
    let zero = if number == "i64" { "0" } else { "0.0" };
    let index = |dice: &mut Dice, all: &[&'static str]| dice.one_of(all);
    let read =
        ["i * 20 + k", "k * 20 + j", "j + k", "k", "j * 20 + k", "k + 1", "19 - k", "k * s + j", "i + j * s", "j"];
    let write = ["i * 20 + j", "j", "j + 1", "j * 20 + i", "19 - j", "j * s", "i", "j + m"];
    let [low, middle, inner] = [0; 3].map(|_| dice.one_of(&["0", "0", "0", "1", "s"]));
    // It is out of range at last, so that the loop ends.
    let a = index(dice, &["i * 20 + k", "k * 20 + j", "j + k", "k", "j * 20 + k", "k + 1", "19 - k"]);
    let [b, c] = [0; 2].map(|_| index(dice, &read));
    let [d, e] = [0; 2].map(|_| index(dice, &write));
    let early = dice.one_of(&["", "", "            count += 7\n", "            if (j == m) { continue }\n"]);
    let more = dice.one_of(&["", "", "                count += k\n", "                rest -= y[C]\n"]).replace('C', c);
    let target = dice.one_of(&["z", "z", "x", "y"]);
    let last = dice.one_of(&[
        "",
        "            z[E] += rest\n",
        "            if (rest > x[E]) { count += 1 }\n",
        "            if (sum == x[E]) { break }\n",
    ]);
    let step = dice.one_of(&["1", "1", "2"]);
    let _ = write!(
        text,
        "    for i in {low}..n {{\n        var j = {middle} + 0\n        while (j < m) : (j += {step}) {{\n{early}            \
         var sum: {number} = {zero}\n            var rest: {number} = {zero}\n            for k in {inner}..n {{\n                \
         sum += x[{a}] * y[{b}]\n{more}            }}\n            {target}[{d}] = sum\n{}            \
         count += 1\n            if (count > 100000) {{ return count }}\n        }}\n        count += 1\n        \
         if (count > 100000) {{ return count }}\n    }}\n",
        last.replace('E', e)
    );
}

/// A loop at a depth (1 to 3), and what it has.
fn nest(dice: &mut Dice, text: &mut String, number: &str, depth: usize) {
    let variable = INDICES[depth - 1];
    let indent = "    ".repeat(depth);
    let sums = depth > 1 && dice.below(3) > 0;
    if sums {
        let zero = if number == "i64" { "0" } else { "0.0" };
        let _ = writeln!(text, "{indent}var sum{depth}: {number} = {zero}");
    }
    let (low, high) = (dice.one_of(&["0", "0", "0", "1", "s", "m"]), dice.one_of(&["n", "n", "m", "18", "17"]));
    match dice.below(6) {
        0..=2 => {
            let _ = writeln!(text, "{indent}for {variable} in {low}..{high} {{");
        }
        kind => {
            // They end however large the bounds are: a wild limit is reached by its distance.
            let (test, step) = [("<", "+= 1"), ("<=", "+= 2"), (">", "-= 1")][kind - 3];
            let (low, high) = if step == "-= 1" { (high, low) } else { (low, high) };
            let _ = writeln!(text, "{indent}var {variable} = {low} + 0 * n");
            let _ = writeln!(text, "{indent}while ({variable} {test} {high}) : ({variable} {step}) {{");
        }
    }
    let inner = format!("{indent}    ");
    if sums && dice.below(2) == 0 {
        // Nothing but sums. It ends where an index is out of range, however large the bounds are.
        let far = dice.one_of(&["", " + 1", " + n", " + i"]);
        let _ = writeln!(text, "{inner}sum{depth} += x[{variable}{far}] * y[{}]", index(dice, depth));
        if dice.below(2) == 0 {
            let _ = writeln!(text, "{inner}sum{depth} -= z[{}]", index(dice, depth));
        }
        let _ = writeln!(text, "{indent}}}");
        store(dice, text, &indent, depth);
        return;
    }
    let _ = writeln!(text, "{inner}count += 1\n{inner}if (count > 20000) {{ break }}");
    if dice.below(3) == 0 {
        // Another end than that: an index that is out of range at last.
        let at = text.rfind(&format!("{inner}count += 1")).expect("it is there");
        text.truncate(at);
        let _ = writeln!(text, "{inner}if (x[{variable}] > y[{}]) {{ count += 1 }}", index(dice, depth));
    }
    for _ in 0..=dice.below(3) {
        statement(dice, text, &inner, sums.then_some(depth), depth);
    }
    if depth < 3 && dice.below(4) > 0 {
        nest(dice, text, number, depth + 1);
        if dice.below(2) == 0 {
            statement(dice, text, &inner, sums.then_some(depth), depth);
        }
    }
    let _ = writeln!(text, "{indent}}}");
    if sums {
        store(dice, text, &indent, depth);
    }
}

/// What becomes of a sum.
fn store(dice: &mut Dice, text: &mut String, indent: &str, depth: usize) {
    let [a, b] = [0; 2].map(|_| index(dice, depth - 1));
    let _ = match dice.below(4) {
        0 => writeln!(text, "{indent}z[{a}] += sum{depth}"),
        1 => writeln!(text, "{indent}x[{a}] = sum{depth} + y[{b}]"),
        _ => writeln!(text, "{indent}z[{a}] = sum{depth}"),
    };
}

fn statement(dice: &mut Dice, text: &mut String, indent: &str, sums: Option<usize>, depth: usize) {
    let [a, b] = [0; 2].map(|_| index(dice, depth));
    let slice = dice.one_of(&["x", "y", "z"]);
    let variable = INDICES[depth - 1];
    let _ = match (dice.below(7), sums) {
        (0..=3, Some(sum)) => writeln!(text, "{indent}sum{sum} += {slice}[{a}] * y[{b}]"),
        (4, Some(sum)) => writeln!(text, "{indent}sum{sum} = sum{sum} - {slice}[{a}]"),
        (0 | 1, None) => writeln!(text, "{indent}z[{a}] = {slice}[{b}]"),
        (2, _) => writeln!(text, "{indent}@intToPtr(*u8, raw + {}).* = 1", index(dice, depth)),
        (3, None) => writeln!(text, "{indent}if (x[{a}] > y[{b}]) {{ z[{a}] = y[{b}] }}"),
        (5, _) => writeln!(
            text,
            "{indent}if ((@intCast(u32, {}) & @intCast(u32, {})) == 0) {{ @panic(\"no bits in common\") }}",
            dice.one_of(&["n", "m", variable]),
            dice.one_of(&["m", "s", variable])
        ),
        (4, None) => writeln!(text, "{indent}count += @intCast(i64, {slice}[{a}])"),
        _ => writeln!(text, "{indent}if ({slice}[{a}] == y[{b}]) {{ continue }}"),
    };
}

/// A sum of what the loops around count, and of parameters.
fn index(dice: &mut Dice, depth: usize) -> String {
    if depth == 0 {
        return dice.one_of(&["n", "m", "s", "0"]).to_owned();
    }
    let variables = &INDICES[..depth];
    let one = variables[dice.below(depth)];
    let last = variables[depth - 1];
    let other = dice.one_of(&["n", "m", "s", "18", "20"]);
    match dice.below(9) {
        0..=2 => last.to_owned(),
        3 => format!("{last} + {one}"),
        4 => format!("{one} * {other} + {last}"),
        5 => format!("{last} * {other} + {one}"),
        6 => format!("{last} + {}", dice.one_of(&["1", "20", "s", "m * n"])),
        7 => format!("{} - {last}", dice.one_of(&["19", "20", "n", "n * m"])),
        _ => format!("({last} - 1 + {other}) * 2"),
    }
}
