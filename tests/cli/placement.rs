//! The order of functions in the text.

use anyhow::Result;
use libtest_mimic::Trial;
use object::{Object, ObjectSymbol};
use test_kit::folder::Folder;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["placement":
        callees_stand_behind_their_callers,
        a_profile_says_who_calls_most,
        at_o0_functions_stay_where_they_are,
    ]
}

/// `$far` is called by `$first`, `$often` mostly by `$second`, unless loops count.
const MODULE: &str = r#"(module
    (memory (export "memory") 1)
    (func $first (param i32) (result i32)
        (i32.add (call $far (local.get 0)) (call $often (local.get 0))))
    (func $alone (param i32) (result i32) (i32.load (local.get 0)))
    (func $often (param i32) (result i32) (local $i i32)
        (loop $next
            (local.set $i (i32.add (local.get $i) (i32.load (local.get 0))))
            (br_if $next (local.tee 0 (i32.shr_u (local.get 0) (i32.const 1)))))
        (local.get $i))
    (func $second (param i32) (result i32)
        (call $often (call $often (call $often (call $often (local.get 0))))))
    (func $far (param i32) (result i32) (local $i i32)
        (loop $next
            (local.set $i (i32.add (local.get $i) (i32.load8_u (local.get 0))))
            (br_if $next (local.tee 0 (i32.shr_u (local.get 0) (i32.const 2)))))
        (local.get $i))
    (func (export "main") (result i32)
        (loop $next
            (drop (call $first (i32.const 8)))
            (if (i32.gt_u (global.get $n) (i32.const 1000)) (then (drop (call $alone (i32.const 8)))))
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (br_if $next (i32.lt_u (global.get $n) (i32.const 100))))
        (i32.add (i32.const 42) (call $second (i32.const 0))))
    (global $n (mut i32) (i32.const 0)))"#;

/// The functions of the module in the order of their addresses.
fn order(folder: &Folder, flags: &[&str]) -> Result<Vec<String>> {
    folder.builds(&[&["a.wat", "-c", "-o", "a.o"], flags].concat());
    let data = folder.read("a.o");
    let file = object::File::parse(&*data)?;
    let wanted = ["first", "alone", "often", "second", "far"];
    let named = file.symbols().filter_map(|symbol| {
        let name = symbol.name().ok()?;
        let name = wanted.iter().find(|it| name == **it || name.ends_with(&format!(".{it}")))?;
        Some((symbol.address(), (*name).to_owned()))
    });
    let mut named: Vec<_> = named.collect();
    named.sort_unstable();
    Ok(named.into_iter().map(|(_, name)| name).collect())
}

fn callees_stand_behind_their_callers() -> Result<()> {
    let folder = Folder::with(&[("a.wat", MODULE)]);
    assert_eq!(order(&folder, &[])?, ["first", "far", "alone", "second", "often"]);
    folder.builds(&["a.wat", "-o", "a"]);
    assert_eq!(folder.program("a", &[]).status, 42);
    Ok(())
}

fn a_profile_says_who_calls_most() -> Result<()> {
    let folder = Folder::with(&[("a.wat", MODULE)]);
    folder.builds(&["a.wat", "--profile-generate", "-o", "a"]);
    folder.program("a", &[]);
    let found = order(&folder, &["--profile-use", "a.profile"])?;
    let place = |name: &str| found.iter().position(|it| it == name).expect("it is there");
    assert_eq!(place("often"), place("first") + 1, "{found:?}");
    assert_eq!(found.last().map(String::as_str), Some("alone"));
    Ok(())
}

fn at_o0_functions_stay_where_they_are() -> Result<()> {
    let folder = Folder::with(&[("a.wat", MODULE)]);
    assert_eq!(order(&folder, &["-O0"])?, ["first", "alone", "often", "second", "far"]);
    Ok(())
}
