//! Globals of a program: written where others may read them next.

use libtest_mimic::Trial;
use test_kit::folder::Folder;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["globals":
        the_stack_pointer_is_written_where_it_is_read,
        after_a_trap_a_library_sees_all,
    ]
}

/// A function that calls nobody, one that calls on one way, one that calls on each, and one that
/// calls in a loop.
const MODULE: &str = r#"(module
    (memory (export "memory") 1)
    (global $sp (mut i32) (i32.const 65536))
    (func $leaf (param i32) (result i32) (local $frame i32)
        (global.set $sp (local.tee $frame (i32.sub (global.get $sp) (i32.const 16))))
        (i32.store (local.get $frame) (local.get 0))
        (global.set $sp (i32.add (local.get $frame) (i32.const 16)))
        (i32.load (local.get $frame)))
    (func $seldom (param i32) (result i32) (local $frame i32)
        (global.set $sp (local.tee $frame (i32.sub (global.get $sp) (i32.const 16))))
        (if (local.get 0) (then (local.set 0 (call $leaf (local.get 0)))))
        (global.set $sp (i32.add (local.get $frame) (i32.const 16)))
        (local.get 0))
    (func $always (param i32) (result i32) (local $frame i32)
        (global.set $sp (local.tee $frame (i32.sub (global.get $sp) (i32.const 16))))
        (local.set 0 (call $seldom (local.get 0)))
        (global.set $sp (i32.add (local.get $frame) (i32.const 16)))
        (local.get 0))
    (func $loop (param i32) (result i32) (local $frame i32)
        (global.set $sp (local.tee $frame (i32.sub (global.get $sp) (i32.const 16))))
        (loop $next
            (drop (call $always (local.get 0)))
            (br_if $next (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (global.set $sp (i32.add (local.get $frame) (i32.const 16)))
        (global.get $sp))
    (func (export "main") (result i32) (i32.shr_u (call $loop (i32.const 3)) (i32.const 12))))"#;

/// The stores to a global in the CLIF of a function, by block.
fn stores(folder: &Folder, function: &str) -> Vec<String> {
    let names = folder.list("dump").into_iter();
    let name = names.filter(|it| it.contains(function) && it.ends_with("1-clif")).collect::<Vec<_>>();
    let [name] = &name[..] else { panic!("one function is `{function}`: {name:?}") };
    let text = String::from_utf8(folder.read(&format!("dump/{name}"))).expect("listings are text");
    let region = text.lines().find_map(|it| it.trim().strip_suffix(" \"global\"")).expect("globals have a region");
    let region = region.split(' ').next().expect("a line has a word").to_owned();
    let mut block = String::new();
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("block") {
            block = line.split(['(', ':', ' ']).next().expect("a line has a word").to_owned();
        }
        if line.contains(" store") && line.contains(&format!(" {region} ")) {
            found.push(block.clone());
        }
    }
    found
}

fn the_stack_pointer_is_written_where_it_is_read() {
    let folder = Folder::with(&[("m.wat", MODULE)]);
    let none: [&str; 0] = [];
    folder.wasm2native(&["m.wat", "-o", "m", "--dump", "dump"]).succeeds();
    assert_eq!(folder.program("m", &[]).status, 16);
    assert_eq!(stores(&folder, "leaf"), none);
    assert_eq!(stores(&folder, "seldom"), ["block1", "block2"]);
    assert_eq!(stores(&folder, "always"), ["block0", "block0"]);
    assert_eq!(stores(&folder, "loop"), ["block0", "block2"]);
    std::fs::remove_dir_all(folder.path("dump")).expect("it was made");
    folder.wasm2native(&["m.wat", "-o", "m", "--dump", "dump", "-O0"]).succeeds();
    assert_eq!(folder.program("m", &[]).status, 16);
    assert_eq!(stores(&folder, "leaf"), ["block0", "block0"]);
    assert_eq!(stores(&folder, "seldom"), ["block0", "block2"]);
}

/// A test script goes on after a trap, like a host with `w2n_try`.
fn after_a_trap_a_library_sees_all() {
    let script = r#"(module
        (global $g (mut i32) (i32.const 1))
        (func (export "trap") (param i32)
            (global.set $g (i32.const 2))
            (if (local.get 0) (then (unreachable)))
            (global.set $g (i32.const 3)))
        (func (export "get") (result i32) (global.get $g)))
        (assert_trap (invoke "trap" (i32.const 1)) "unreachable")
        (assert_return (invoke "get") (i32.const 2))
        (assert_return (invoke "trap" (i32.const 0)))
        (assert_return (invoke "get") (i32.const 3))"#;
    let folder = Folder::with(&[("s.wast", script)]);
    folder.wasm2native(&["s.wast", "-o", "s"]).succeeds();
    assert_eq!(folder.program("s", &[]).status, 0);
}
