//! The results of stages as text: `--emit facts` and the like, `--dump`, the map of a program.

use crate::{ANSWER, FIB, INVALID};
use libtest_mimic::Trial;
use test_kit::folder::Folder;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["stages":
        each_stage_has_an_ending_of_its_own,
        an_invalid_body_is_refused_by_every_stage,
        the_link_map_shows_where_functions_are,
        dumps_begin_with_the_stages_before_code,
    ]
}

fn each_stage_has_an_ending_of_its_own() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    folder.wasm2native(&["a.wat", "--emit", "linkage,facts,layout,image,link-map"]).succeeds();
    let names = ["a.wat", "a.linkage", "a.facts", "a.layout", "a.image", "a.map"];
    assert_eq!(folder.list("."), names.map(String::from).into());
    for form in ["linkage", "facts", "layout", "image", "link-map"] {
        let out = folder.wasm2native(&["a.wat", "--emit", form]).succeeds();
        assert!(!out.stdout.is_empty(), "{form}");
    }
}

fn an_invalid_body_is_refused_by_every_stage() {
    let folder = Folder::with(&[("bad.wat", INVALID)]);
    for form in ["linkage", "facts", "layout", "image"] {
        folder.wasm2native(&["bad.wat", "--emit", form, "-o", "out"]).fails(1, &["bad.wat: ", "invalid module"]);
        assert_eq!(folder.list("."), ["bad.wat".to_owned()].into(), "{form}");
    }
}

/// Sections and symbols by address, whether or not the program keeps its symbols.
fn the_link_map_shows_where_functions_are() {
    let folder = Folder::with(&[("fib.wat", FIB)]);
    let map = folder.wasm2native(&["fib.wat", "--invoke", "fib", "--emit", "link-map"]).succeeds().stdout;
    let stripped =
        folder.wasm2native(&["fib.wat", "--invoke", "fib", "--strip", "--emit", "link-map"]).succeeds().stdout;
    assert_eq!(map, stripped);
    let row = |name: &str| -> (u64, u64) {
        let line = map.lines().find(|line| line.split_whitespace().last() == Some(name));
        let line = line.unwrap_or_else(|| panic!("there is no {name}"));
        let numbers: Vec<_> = line.split_whitespace().take(2).collect();
        let number = |text: &str| u64::from_str_radix(text, 16).expect("a number in base 16");
        (number(numbers[0]), number(numbers[1]))
    };
    let ((text, length), (main, size)) = (row(".text"), row("main"));
    assert!(size > 0 && text <= main && main + size <= text + length, "{main:x} is not in .text");
    let addresses = map.lines().skip(1).filter(|line| line.contains("  .")).map(|line| &line[..16]);
    assert!(addresses.is_sorted(), "sections are sorted by address");
    folder.wasm2native(&["fib.wat", "--invoke", "nothing", "--emit", "link-map"]).fails(1, &["exports no function"]);
}

fn dumps_begin_with_the_stages_before_code() {
    let library = "(module (func (export \"seven\") (result i32) i32.const 7))";
    let main = "(module (import \"lib\" \"seven\" (func $seven (result i32)))
        (func (export \"_start\") (drop (call $seven))))";
    let folder = Folder::with(&[("lib.wat", library), ("main.wat", main)]);
    folder.wasm2native(&["main.wat", "--module", "lib=lib.wat", "--dump", "stages"]).succeeds();
    let names: Vec<_> = folder.list("stages").into_iter().collect();
    assert_eq!(names[..4], ["0-facts", "0-image", "0-layout", "0-linkage"]);
    assert!(names[4].starts_with("00000-") && names.contains(&"module-0".to_owned()), "{names:?}");
    assert!(folder.list("stages/module-0").iter().any(|name| name.ends_with("seven.1-clif")));
    let linkage = String::from_utf8(folder.read("stages/0-linkage")).expect("it is text");
    assert!(linkage.contains("function 0 = import `lib.seven`: function 0 of module 0"), "{linkage}");
}
