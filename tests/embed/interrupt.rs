//! `--interruptible`: a host ends a call from outside, and calls the library again.

use crate::host;
use anyhow::Result;
use libtest_mimic::Trial;
use test_kit::process::is_emulated;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["interrupt":
        calls_end_and_the_library_goes_on,
        one_that_comes_late_ends_nothing_more,
        every_loop_of_many_is_interrupted,
        safe_rust_interrupts,
        without_the_option_there_is_nothing_of_it,
    ]
}

const EXPECTED: &str = "\
spin: 1 `interrupted` in spi, then 3
count: 1 `interrupted` in cou, then 3
branches: 1 `interrupted` in bra, then 3
fib: 1 `interrupted` in fib, then 3
tail: 1 `interrupted` in tai, then 3
indirect: 1 `interrupted` in aga, then 3
catch: 1 `interrupted` in spi, then 3
sums: 1 `interrupted` in sum, then 3
sleep: 1 `interrupted` in sle, then 3
read: 1 `interrupted` in rea, then 3
wait: 1 `interrupted` in wai, then 3
callback: 1 after 1000
alarm: 1
leaf: 0 42
next: 1, then 0
canceled: 0 987
reset: 0, then 0
soon: 1
";

fn calls_end_and_the_library_goes_on() -> Result<()> {
    let folder = host("cc", &["interrupt.wat", "interrupt.c"])?;
    for flags in [&[][..], &["-O0"], &["--inline"]] {
        let forms = ["interrupt.wat", "--interruptible", "--emit", "staticlib,sharedlib,header"];
        folder.builds(&[flags, &forms].concat());
        let cc = ["-Wall", "-Werror", "-pthread", "interrupt.c"];
        folder.cc(&[&cc[..], &["interrupt.a", "-o", "static"]].concat());
        folder.cc(&[&cc[..], &["-rdynamic", "interrupt.so", "-Wl,-rpath,$ORIGIN", "-o", "shared"]].concat());
        for host in ["static", "shared"] {
            let out = folder.program(host, &[if is_emulated() { "10" } else { "100" }]);
            assert_eq!((out.stdout.as_str(), out.status), (EXPECTED, 0), "{host} {flags:?} {out:#?}");
            let out = folder.program(host, &["die"]);
            assert!(out.status == 134 && out.stderr.starts_with("wasm trap: interrupted\n"), "{out:#?}");
        }
    }
    Ok(())
}

/// The system call that closes the page comes after a function that waits has seen the interrupt
/// and ended: no other call ends by it, and a loop that reads the page meanwhile goes on. Nor does
/// a late call that opens the page lose the next interrupt.
fn one_that_comes_late_ends_nothing_more() -> Result<()> {
    let folder = host("cc", &["interrupt.wat", "late.c"])?;
    folder.builds(&["interrupt.wat", "--interruptible", "--emit", "staticlib,sharedlib,header"]);
    let cc = ["-Wall", "-Werror", "-pthread", "late.c"];
    folder.cc(&[&cc[..], &["interrupt.a", "-o", "static"]].concat());
    folder.cc(&[&cc[..], &["-rdynamic", "interrupt.so", "-Wl,-rpath,$ORIGIN", "-o", "shared"]].concat());
    for host in ["static", "shared"] {
        folder.program(host, &[]).prints("wait: 1\nclosed: 0 987\nafter: 0 987\nnext: 1\nopened: 1\n");
    }
    Ok(())
}

/// Equal reads of the page must not become one, however many there are: each loop has its own.
fn every_loop_of_many_is_interrupted() -> Result<()> {
    const DEPTH: usize = 5000;
    let folder = host("cc", &[])?;
    let [open, close] = ["(loop ", ")"].map(|word| word.repeat(DEPTH));
    folder.write("deep.wat", format!("(module (func $on (export \"on\") {open} (loop $last (br $last)) {close}))"));
    folder.write("deep.c", include_str!("host/deep.c"));
    folder.builds(&["deep.wat", "--interruptible", "--emit", "staticlib,header"]);
    folder.cc(&["-pthread", "deep.c", "deep.a", "-o", "deep"]);
    folder.program("deep", &[]).prints("1\n");
    Ok(())
}

fn safe_rust_interrupts() -> Result<()> {
    let folder = host("rustc", &[])?;
    folder.write("deep.wat", "(module (func (export \"on\") (loop $on (br $on))))");
    folder.write("stop.rs", include_str!("host/stop.rs"));
    folder.builds(&["deep.wat", "--interruptible", "--emit", "rust,staticlib=libdeep.a"]);
    folder.silent_tool(
        "rustc",
        &["stop.rs", "-Dwarnings", "-O", "-L.", "-lstatic=deep", "-o", "stop", "--edition", "2024"],
    );
    folder.program("stop", &[]).prints("true interrupted\ntrue true\n");
    Ok(())
}

fn without_the_option_there_is_nothing_of_it() -> Result<()> {
    let folder = host("cc", &["interrupt.wat"])?;
    folder.builds(&["interrupt.wat", "--emit", "obj,header,rust"]);
    for name in ["interrupt.h", "interrupt.rs", "interrupt.o"] {
        let contents = String::from_utf8_lossy(&folder.read(name)).into_owned();
        let found = ["interrupt_interrupt", "interrupt_cancel_interrupt", "poll_page"].map(|it| contents.contains(it));
        assert_eq!(found, [false; 3], "{name}");
    }
    // The names are free then.
    folder.write("free.wat", "(module (func (export \"interrupt\")))");
    folder.builds(&["free.wat", "--emit", "header=free.h"]);
    folder.builds(&["free.wat", "--interruptible", "--emit", "header=taken.h"]);
    assert!(String::from_utf8_lossy(&folder.read("free.h")).contains("void free_interrupt(void);"));
    assert!(String::from_utf8_lossy(&folder.read("taken.h")).contains("void free_export_interrupt(void);"));
    folder.wasm2native(&["free.wat", "--interruptible", "-o", "free"]).fails(1, &["--interruptible is for libraries"]);
    folder
        .wasm2native(&["free.wat", "-c", "--interruptible", "--target", "x86_64-pc-windows-gnu"])
        .fails(2, &["Linux only"]);
    Ok(())
}
