//! Traps in a library: caught by `w2n_try`, or the end of the process; and an initialisation that
//! traps.

use crate::place::Place;

const ALL: &str = "\
divide: 0 1 
7 / 2 = 3
by zero: 7 1 integer divide by zero in divide, known
too large: 6 1 integer overflow in divide, known
load: 2 1 out of bounds memory access in load, known
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
fn hosts(place: &Place, source: &str, flags: &[&str]) -> [&'static str; 2] {
    place.wasm2native(&["trap.wat", "--emit", "staticlib,sharedlib,header"]);
    place.cc(&[flags, &[source, "trap.a", "-o", "static"]].concat());
    place.cc(&[flags, &[source, "-rdynamic", "trap.so", "-Wl,-rpath,$ORIGIN", "-o", "shared"]].concat());
    ["static", "shared"]
}

/// Offsets in the module, which are no matter here.
fn without_offsets(text: &str) -> String {
    let word = |word: &str| if word.starts_with("0x") { "OFFSET".to_owned() } else { word.to_owned() };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn traps_are_caught_and_the_process_goes_on() {
    let Some(place) = Place::with("cc", &["trap.wat", "traps.c"]) else { return };
    for flags in [&["-O0"][..], &["-O2", "-fomit-frame-pointer"]] {
        for host in hosts(&place, "traps.c", flags) {
            let out = place.run(host, &["all"]);
            assert!(out.status == 0 && out.stderr.is_empty(), "{host} {flags:?} {out:#?}");
            // From a fault in C without frame pointers no backtrace leads to Wasm.
            let end = "both deep: 9 1 call stack exhausted";
            let expected =
                if flags.len() == 1 { ALL.to_owned() } else { ALL.replace(&format!("{end} in through, known"), end) };
            assert_eq!(without_offsets(&out.stdout), expected, "{host} {flags:?}");
        }
    }
}

#[test]
fn a_trap_outside_of_a_try_ends_the_process() {
    let Some(place) = Place::with("cc", &["trap.wat", "traps.c"]) else { return };
    for host in hosts(&place, "traps.c", &[]) {
        for what in ["outside", "after"] {
            let out = place.run(host, &[what]);
            let message = "wasm trap: unreachable\nwasm backtrace:\n    0: OFFSET - stop\n    1: OFFSET - outer\n";
            assert!(out.status == 134 && without_offsets(&out.stderr) == message, "{out:#?}");
        }
        let out = place.run(host, &["outside deep"]);
        assert!(out.status == 134 && out.stderr.starts_with("wasm trap: call stack exhausted\n"), "{out:#?}");
    }
}

#[test]
fn an_initialisation_that_traps_is_told_and_remembered() {
    let Some(place) = Place::with("cc", &["start.c"]) else { return };
    place.write(
        "start.wat",
        r#"(module (memory (export "memory") 1) (func $begin (drop (i32.load (i32.const -1)))) (start $begin)
             (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"#,
    );
    place.wasm2native(&["start.wat", "--emit", "staticlib,header"]);
    place.cc(&["start.c", "start.a", "-o", "start"]);
    let out = place.run("start", &["init"]);
    assert_eq!(out.stdout, "init 2\ninit 2\n");
    assert!(out.status == 0 && out.stderr.starts_with("wasm trap: out of bounds memory access\n"), "{out:#?}");
    let out = place.run("start", &["try"]);
    out.prints("try 2 out of bounds memory access\ntry again 103 initialization has failed\n");
    let out = place.run("start", &["export"]);
    assert!(out.status == 134 && out.stderr.starts_with("wasm trap: out of bounds memory access\n"), "{out:#?}");
}

#[test]
fn handlers_of_the_host_keep_their_faults() {
    let Some(place) = Place::with("cc", &["trap.wat", "signals.c"]) else { return };
    for host in hosts(&place, "signals.c", &["-O1"]) {
        let signal = |number: i32| 128 + number;
        for (order, lines) in [
            ("before", "trap 2\nhost handles 11\nback\ntrap 9\ntrap 7\nhost handles 11\nback\n"),
            ("after", "trap 2\nhost handles 11\nback\ntrap 9\ntrap 7\nhost handles 11\nback\n"),
            ("chain", "trap 2\nhost handles 11\nback\ntrap 9\ntrap 7\nhost handles 11\nback\n"),
        ] {
            place.run(host, &[order]).prints(lines);
        }
        // Nobody handles it: the system does what it does without the library.
        assert_eq!(place.run(host, &["none"]).status, signal(11));
        assert_eq!(place.run(host, &["sent"]).status, signal(11));
        assert_eq!(place.run(host, &["host overflow"]).status, signal(11));
        place.run(host, &["overflow in handler"]).prints("host handles 11\nback\n");
        place.run(host, &["masks"]).prints("host handles 11 blocked 1 0 1\nback\nafter 0 0\n");
    }
}
