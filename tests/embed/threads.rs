//! A library is called from several threads in turn; different libraries run at the same time.

use crate::host;
use anyhow::Result;
use libtest_mimic::Trial;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["threads":
        threads_take_turns,
    ]
}

const LINES: &str = "160 threads, 160 calls\nhere 1\nthere 0\nat once 2000 2000\nsignal stack 1 1\n";

fn threads_take_turns() -> Result<()> {
    let folder = host("cc", &["trap.wat", "threads.c"])?;
    folder.builds(&["trap.wat", "--emit", "staticlib,sharedlib,header"]);
    let other = ["--prefix", "other", "--emit", "staticlib=other.a,sharedlib=other.so,header=other.h"];
    folder.builds(&[&["trap.wat"][..], &other].concat());
    let rpath = ["-rdynamic", "-pthread", "-Wl,-rpath,$ORIGIN"];
    for libraries in [["trap.a", "other.a"], ["trap.so", "other.so"], ["trap.a", "other.so"]] {
        folder.cc(&[&["threads.c", "-o", "threads"][..], &rpath, &libraries].concat());
        folder.program("threads", &[]).prints(LINES);
        let out = folder.program("threads", &["die"]);
        assert!(out.status == 134 && out.stderr.starts_with("wasm trap: call stack exhausted\n"), "{out:#?}");
    }
    Ok(())
}
