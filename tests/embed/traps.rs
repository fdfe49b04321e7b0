//! Traps in a library: caught by `w2n_try`, or the end of the process; and an initialization that
//! traps.

use crate::host;
use anyhow::Result;
use libtest_mimic::Trial;
use test_kit::folder::Folder;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["traps":
        traps_are_caught_and_the_process_goes_on,
        a_trap_outside_of_a_try_ends_the_process,
        an_initialisation_that_traps_is_told_and_remembered,
        handlers_of_the_host_keep_their_faults,
    ]
}

const ALL: &str = "\
divide: 0 1 
7 / 2 = 3
by zero: 7 1 integer divide by zero in divide, known
too large: 6 1 integer overflow in divide, known
load: 2 1 out of bounds memory access: address OFFSET and the memory has 65536 bytes in load, known
null: 4 1 uninitialized element in call_null, known
unreachable: 1 1 unreachable in stop, known
exception: 100 1 uncaught exception (tag 0 `oops`) in throw, known
caught 1
deep: 9 1 call stack exhausted in deep, known
deep again: 9 1 call stack exhausted in deep, known
callback: 0 1 
returned 7
trap in callback: 1 1 unreachable in stop, known
try in callback: 0 1 
returned 2
both deep: 9 1 call stack exhausted in through, known
was deep: 1
inner 1 unreachable
inner 0 '' 0
nested: 7 1 integer divide by zero in divide, known
without a place: 1
1
wasm trap: unreachable
wasm backtrace:
    0: OFFSET - stop
    1: OFFSET - outer
1 'wasm trap: unreacha'
1
usable 5 1
";

/// Builds the host with the library in both forms.
fn hosts(folder: &Folder, source: &str, flags: &[&str]) -> [&'static str; 2] {
    folder.builds(&["trap.wat", "--emit", "staticlib,sharedlib,header"]);
    folder.cc(&[flags, &[source, "trap.a", "-o", "static"]].concat());
    folder.cc(&[flags, &[source, "-rdynamic", "trap.so", "-Wl,-rpath,$ORIGIN", "-o", "shared"]].concat());
    ["static", "shared"]
}

/// The text without offsets in the module, which do not matter here.
fn without_offsets(text: &str) -> String {
    let word = |word: &str| if word.starts_with("0x") { "OFFSET".to_owned() } else { word.to_owned() };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn traps_are_caught_and_the_process_goes_on() -> Result<()> {
    let folder = host("cc", &["trap.wat", "traps.c"])?;
    for flags in [&["-O0"][..], &["-O2", "-fomit-frame-pointer"]] {
        for host in hosts(&folder, "traps.c", flags) {
            let out = folder.program(host, &["all"]);
            assert!(out.status == 0 && out.stderr.is_empty(), "{host} {flags:?} {out:#?}");
            // From a fault in C without frame pointers no backtrace leads to Wasm.
            let end = "both deep: 9 1 call stack exhausted";
            let expected =
                if flags.len() == 1 { ALL.to_owned() } else { ALL.replace(&format!("{end} in through, known"), end) };
            assert_eq!(without_offsets(&out.stdout), expected, "{host} {flags:?}");
        }
    }
    Ok(())
}

fn a_trap_outside_of_a_try_ends_the_process() -> Result<()> {
    let folder = host("cc", &["trap.wat", "traps.c"])?;
    for host in hosts(&folder, "traps.c", &[]) {
        for what in ["outside", "after"] {
            let out = folder.program(host, &[what]);
            let message = "wasm trap: unreachable\nwasm backtrace:\n    0: OFFSET - stop\n    1: OFFSET - outer\n";
            assert!(out.status == 134 && without_offsets(&out.stderr) == message, "{out:#?}");
        }
        let out = folder.program(host, &["outside deep"]);
        assert!(out.status == 134 && out.stderr.starts_with("wasm trap: call stack exhausted\n"), "{out:#?}");
    }
    Ok(())
}

fn an_initialisation_that_traps_is_told_and_remembered() -> Result<()> {
    let folder = host("cc", &["start.c"])?;
    folder.write(
        "start.wat",
        r#"(module (memory (export "memory") 1) (func $begin (drop (i32.load (i32.const -1)))) (start $begin)
             (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"#,
    );
    folder.builds(&["start.wat", "--emit", "staticlib,header"]);
    folder.cc(&["start.c", "start.a", "-o", "start"]);
    let out = folder.program("start", &["init"]);
    assert_eq!(out.stdout, "init 2\ninit 2\n");
    assert!(
        out.status == 0 && out.stderr.starts_with("wasm trap: out of bounds memory access: address 0x"),
        "{out:#?}"
    );
    let out = folder.program("start", &["try"]);
    out.prints(
        "try 2 out of bounds memory access: address 0xffffffff, and the memory has 65536 bytes\n\
         try again 103 initialization has failed\n",
    );
    let out = folder.program("start", &["export"]);
    assert!(
        out.status == 134 && out.stderr.starts_with("wasm trap: out of bounds memory access: address 0x"),
        "{out:#?}"
    );
    Ok(())
}

fn handlers_of_the_host_keep_their_faults() -> Result<()> {
    let folder = host("cc", &["trap.wat", "signals.c"])?;
    for host in hosts(&folder, "signals.c", &["-O1"]) {
        for (order, lines) in [
            ("before", "trap 2\nhost handles 11\nback\ntrap 9\ntrap 7\nhost handles 11\nback\n"),
            ("after", "trap 2\nhost handles 11\nback\ntrap 9\ntrap 7\nhost handles 11\nback\n"),
            ("chain", "trap 2\nhost handles 11\nback\ntrap 9\ntrap 7\nhost handles 11\nback\n"),
        ] {
            folder.program(host, &[order]).prints(lines);
        }
        // Nobody handles it: the system does what it does without the library.
        assert_eq!(folder.program(host, &["none"]).status, -11);
        assert_eq!(folder.program(host, &["sent"]).status, -11);
        assert_eq!(folder.program(host, &["host overflow"]).status, -11);
        folder.program(host, &["overflow in handler"]).prints("host handles 11\nback\n");
        folder.program(host, &["masks"]).prints("host handles 11 blocked 1 0 1\nback\nafter 0 0\n");
    }
    Ok(())
}
