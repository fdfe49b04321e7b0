//! `-O`: what compiling costs, and how much code there is.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use std::fmt::Write;
use std::process::Command;
use test_kit::folder::Folder;
use test_kit::process::outcome;
use test_kit::{command, trials};

pub fn trials() -> Vec<Trial> {
    trials!["effort":
        unoptimized_code_is_made_twice_as_fast_and_in_proportion_to_its_calls,
        functions_that_only_look_small_are_not_copied,
        small_code_has_no_room_between_functions,
    ]
}

/// A function that calls another `n` times; its value is in use all the time.
fn calls(n: u32) -> String {
    let mut text = "(module (func $g (param i32 i32 i32) (result i32)
        (i32.add (local.get 0) (i32.mul (local.get 1) (local.get 2))))
        (func (export \"f\") (param i32) (result i32)"
        .to_owned();
    for i in 0..n {
        let call = format!("(call $g (local.get 0) (i32.const {i}) (i32.const 3))");
        write!(text, "(if (i32.eq (local.get 0) (i32.const {i})) (then (local.set 0 {call})))")
            .expect("a string takes everything");
    }
    text + "(local.get 0)))"
}

/// The CPU time of a compilation, in milliseconds: the least of three, since other work on the
/// machine can only add to it.
fn cost(folder: &Folder, args: &[&str]) -> u64 {
    let once = || {
        let mut shell = Command::new("sh");
        shell.args(["-c", "\"$0\" \"$@\" && times"]).arg(command::wasm2native().get_program());
        let said = outcome(shell.args(args).arg("-j1").current_dir(folder.path("."))).succeeds();
        let times = said.stdout.lines().nth(1).expect("`times` prints those of children in its second line");
        times.split_whitespace().map(milliseconds).sum()
    };
    (0..3).map(|_| once()).min().expect("there are three")
}

/// `1m2.345s`.
fn milliseconds(time: &str) -> u64 {
    let (minutes, seconds) = time.trim_end_matches('s').split_once('m').expect("`times` prints minutes");
    let seconds: f64 = seconds.parse().expect("`times` prints seconds");
    minutes.parse::<u64>().expect("`times` prints numbers") * 60_000 + (seconds * 1000.0) as u64
}

/// The allocator of registers that makes good code takes time that grows with the square.
fn unoptimized_code_is_made_twice_as_fast_and_in_proportion_to_its_calls() {
    let folder = Folder::with(&[("small.wat", &calls(2000)), ("large.wat", &calls(8000))]);
    let small = cost(&folder, &["-O0", "-c", "small.wat"]);
    let large = cost(&folder, &["-O0", "-c", "large.wat"]);
    let optimized = cost(&folder, &["-O2", "-c", "large.wat"]);
    assert!(large < 7 * small, "four times as many calls: {small} ms, {large} ms");
    assert!(2 * large < optimized, "{large} ms at -O0, {optimized} ms at -O2");
}

/// What they are made of becomes no instructions, or is one operator, of any length.
fn functions_that_only_look_small_are_not_copied() {
    let constants = "(drop (i32.const 1))".repeat(3000);
    let table = format!("(block (br_table {} (local.get 0)))", "0 ".repeat(3000));
    let calls = "(call $f (i32.const 0))".repeat(300);
    for body in [constants, table] {
        let module = format!("(module (func $f (param i32) {body}) (func (export \"g\") {calls}))");
        let folder = Folder::with(&[("m.wat", &module)]);
        let length = |flags: &[&str]| {
            folder.wasm2native(&[&["m.wat", "--emit", "clif", "-o", "-"], flags].concat()).succeeds().stdout.len()
        };
        let (called, copied) = (length(&[]), length(&["--inline"]));
        assert!(copied < 2 * called, "{called} bytes of CLIF became {copied}");
    }
}

/// Functions of several lengths, one of which has a constant that must be aligned.
fn functions() -> String {
    let mut module = "(module (memory 1)\n".to_owned();
    for number in 0..40 {
        let body = "(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 7)))".repeat(number % 7);
        writeln!(module, "(func (export \"f{number}\") (param i32) (result i32) {body} (local.get 0))")
            .expect("a string takes everything");
    }
    module.push_str("(func (export \"v\") (result v128) (v128.const i64x2 1 2))\n");
    // Four accesses in a loop are worth a faster version of it.
    let load = |at| format!("(i32.load offset={at} (local.get 0))");
    let [a, b, c, d] = [0, 4, 8, 12].map(load);
    module
        + &format!(
            "(func (export \"sum\") (param i32 i32) (result i32) (local $sum i32)
        (loop (local.set $sum (i32.add (local.get $sum) (i32.add (i32.add {a} {b}) (i32.add {c} {d}))))
          (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 16))) (local.get 1))))
        (local.get $sum)))"
        )
}

/// Size of the code, and of the functions in it.
fn code_sizes(folder: &Folder, level: &str) -> Result<(u64, Vec<u64>)> {
    folder.builds(&["m.wat", level, "-c", "-o", "m.o"]);
    let bytes = folder.read("m.o");
    let file = object::File::parse(&bytes[..])?;
    let text = file.section_by_name(".text").context("there is code")?.size();
    let functions = file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition());
    Ok((text, functions.map(|function| function.size()).collect()))
}

fn small_code_has_no_room_between_functions() -> Result<()> {
    let folder = Folder::with(&[("m.wat", &functions())]);
    let (fast, of_fast) = code_sizes(&folder, "-O2")?;
    let (small, functions) = code_sizes(&folder, "-Os")?;
    ensure!(functions.len() == of_fast.len(), "{} functions and {}", functions.len(), of_fast.len());
    // The number of the signature before each, and what leads to it.
    let most = functions.iter().map(|size| size + 4 + 3).sum::<u64>() + 16;
    ensure!(small <= most, "{small} bytes for functions of {functions:?}");
    let saved = functions.len() as u64 * 8;
    ensure!(small + saved < fast, "{small} bytes at -Os, {fast} at -O2");
    ensure!(functions.iter().sum::<u64>() < of_fast.iter().sum(), "{functions:?}, at -O2 {of_fast:?}");
    Ok(())
}
