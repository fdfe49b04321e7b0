//! A library is called from several threads in turn; different libraries run at the same time.

use crate::place::Place;

const LINES: &str = "160 threads, 160 calls\nhere 1\nthere 0\nat once 2000 2000\nsignal stack 1 1\n";

#[test]
fn threads_take_turns() {
    let Some(place) = Place::with("cc", &["trap.wat", "threads.c"]) else { return };
    place.wasm2native(&["trap.wat", "--emit", "staticlib,sharedlib,header"]);
    let other = ["--prefix", "other", "--emit", "staticlib=other.a,sharedlib=other.so,header=other.h"];
    place.wasm2native(&[&["trap.wat"][..], &other].concat());
    let rpath = ["-rdynamic", "-pthread", "-Wl,-rpath,$ORIGIN"];
    for libraries in [["trap.a", "other.a"], ["trap.so", "other.so"], ["trap.a", "other.so"]] {
        place.cc(&[&["threads.c", "-o", "threads"][..], &rpath, &libraries].concat());
        place.run("threads", &[]).prints(LINES);
        let out = place.run("threads", &["die"]);
        assert!(out.status == 134 && out.stderr.starts_with("wasm trap: call stack exhausted\n"), "{out:#?}");
    }
}
