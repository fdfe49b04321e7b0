//! The address of a program's memory: a constant of the code, or anywhere.

use anyhow::Result;
use libtest_mimic::Trial;
use test_kit::folder::Folder;
use test_kit::tool;
use test_kit::trial::Skip;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["address":
        it_is_a_constant_of_the_code,
        only_the_first_32_bit_memory_lies_there,
        what_lies_there_is_named,
        on_aarch64_an_access_is_one_instruction,
    ]
}

/// Ends with what another module reads of its memory.
const MODULE: &str = r#"(module
    (memory (export "memory") 1)
    (data (i32.const 8) "\2a")
    (func (export "main") (result i32) (i32.load8_u (i32.const 8))))"#;

fn it_is_a_constant_of_the_code() {
    let folder = Folder::with(&[("m.wat", MODULE)]);
    for (flags, is_constant) in [(&[][..], true), (&["--memory-base", "any"], false)] {
        folder.wasm2native(&[&["m.wat", "-o", "m", "--dump", "dump"], flags].concat()).succeeds();
        assert_eq!(folder.program("m", &[]).status, 42);
        let layout = text(&folder, "dump/0-layout");
        assert_eq!(layout.contains(" at 0x10000000"), is_constant, "{layout}");
    }
    folder.wasm2native(&["m.wat", "--memory-base", "0"]).fails(2, &["invalid value '0'", "fixed"]);
}

/// A 64-bit memory and one of another module: the main module's 32-bit memory is theirs, too.
fn only_the_first_32_bit_memory_lies_there() {
    let main = r#"(module
        (import "other" "memory" (memory $theirs 1))
        (import "other" "read" (func $read (param i32) (result i32)))
        (memory $wide i64 1)
        (memory $own 1)
        (func (export "main") (result i32)
            (i32.store $theirs (i32.const 100) (i32.const 40))
            (i32.store $wide (i64.const 100) (i32.const 1))
            (i32.store $own (i32.const 100) (i32.const 1))
            (i32.add (call $read (i32.const 100))
                (i32.add (i32.load $wide (i64.const 100)) (i32.load $own (i32.const 100))))))"#;
    let other = r#"(module
        (memory i64 1)
        (memory (export "memory") 1)
        (memory 1)
        (func (export "read") (param i32) (result i32)
            (i32.add (i32.load 1 (local.get 0)) (i32.load 2 (local.get 0)))))"#;
    let folder = Folder::with(&[("main.wat", main), ("other.wat", other)]);
    folder.wasm2native(&["main.wat", "--module", "other=other.wat", "-o", "m", "--dump", "dump"]).succeeds();
    assert_eq!(folder.program("m", &[]).status, 42);
    let layouts = ["dump/module-0/0-layout", "dump/0-layout"].map(|name| text(&folder, name));
    let placed = layouts.iter().flat_map(|text| text.lines()).filter(|line| line.contains(" at 0x10000000"));
    let numbers: Vec<_> = placed.map(|line| &line[..line.find(':').expect("a memory's line")]).collect();
    assert_eq!(numbers, ["memory 1", "memory 0"], "{layouts:?}");
}

fn text(folder: &Folder, name: &str) -> String {
    String::from_utf8(folder.read(name)).expect("listings are text")
}

fn what_lies_there_is_named() -> Result<()> {
    tool::require("cc")?;
    let taker = "#include <sys/mman.h>\n\
        __attribute__((constructor)) static void take(void) {\n\
            mmap((void *)0x40000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);\n\
        }\n\
        int taker(void) { return 0; }\n";
    let module = r#"(module
        (import "env" "taker" (func $taker (result i32)))
        (memory 1)
        (func (export "main") (result i32) (i32.add (call $taker) (i32.load (i32.const 0)))))"#;
    let folder = Folder::with(&[("m.wat", module), ("taker.c", taker)]);
    folder.tool("cc", &["-c", "-fPIC", "taker.c"]);
    folder.wasm2native(&["m.wat", "taker.o", "-o", "m"]).succeeds();
    let lines = ["something else lies at the address of the program's memory, 0x10000000", "--memory-base any"];
    folder.program("m", &[]).fails(1, &lines);
    folder.wasm2native(&["m.wat", "taker.o", "-o", "m", "--memory-base", "any"]).succeeds();
    assert_eq!(folder.program("m", &[]).status, 0);
    Ok(())
}

/// A loop with accesses at two indices, and at an offset.
const LOOP: &str = r#"(module
    (memory 1)
    (func $move (param $from i32) (param $to i32) (param $n i32)
        (loop $again
            (i64.store (local.get $to) (i64.load8_u (local.get $from)))
            (i32.store8 offset=4096 (local.get $to) (local.get $n))
            (local.set $from (i32.add (local.get $from) (i32.const 1)))
            (local.set $to (i32.add (local.get $to) (i32.const 8)))
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "main") (result i32) (call $move (i32.const 0) (i32.const 8) (i32.const 3)) (i32.const 0)))"#;

/// The base is in a register before the loop, and the instruction widens the index.
fn on_aarch64_an_access_is_one_instruction() -> Result<()> {
    const TARGET: &str = "aarch64-unknown-linux-gnu";
    let folder = Folder::with(&[("m.wat", LOOP)]);
    let targets = folder.wasm2native(&["--target", "help"]).succeeds().stdout;
    if !targets.lines().any(|line| line.starts_with(TARGET) && line.contains("programs")) {
        return Err(Skip::Reason(format!("the compiler has no runtime for {TARGET}")).into());
    }
    for base in ["fixed", "any"] {
        let dump = format!("dump-{base}");
        let flags = ["-O2", "--target", TARGET, "--memory-base", base, "-o", "m", "--dump", &dump];
        folder.wasm2native(&[&["m.wat"], &flags[..]].concat()).succeeds();
        let code = text(&folder, &format!("{dump}/00000-move.3-vcode"));
        let start = code.find("block1:").expect("the loop");
        let (before, code) = code.split_at(start);
        let lines: Vec<_> = code.lines().take_while(|line| !line.contains("cbnz")).skip(1).map(str::trim).collect();
        let loads = lines.iter().filter(|line| line.starts_with("ldr")).collect::<Vec<_>>();
        let widening = lines.iter().filter(|line| line.contains(", UXTW")).count();
        assert!(loads.len() == 1 && loads[0].ends_with(", UXTW]"), "{base}: {lines:#?}");
        assert!(lines.len() == 7 && widening == 3, "{base}: {lines:#?}");
        assert_eq!(before.contains("rbit"), base == "fixed", "{before}");
    }
    Ok(())
}
