//! `--memory-checks`: programs run in little address space.

use anyhow::Result;
use libtest_mimic::Trial;
use std::process::Command;
use test_kit::folder::Folder;
use test_kit::process::{Outcome, is_emulated, outcome};
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["checks":
        programs_run_in_little_address_space,
        what_is_refused_names_the_way_out,
    ]
}

/// Grows until the system or the module's maximum ends it, and writes to the last byte of each
/// size. The result is 1 if there were less than three sizes; an argument of 1 goes one too far.
const GROWS: &str = r#"
    (func $last (result i32) (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)))
    (func (export "grow") (param $beyond i32) (result i32) (local $sizes i32)
        (loop $more
            (i32.store8 (call $last) (i32.const 7))
            (local.set $sizes (i32.add (local.get $sizes) (i32.const 1)))
            (br_if $more (i32.ne (memory.grow (i32.const 50)) (i32.const -1))))
        (drop (i32.load8_u (i32.add (call $last) (local.get $beyond))))
        (i32.lt_u (local.get $sizes) (i32.const 3)))"#;

/// `ulimit -v`, in KiB.
fn limited(folder: &Folder, name: &str, words: &str) -> Outcome {
    outcome(
        Command::new("sh").args(["-c", &format!("ulimit -v 300000; ./{name} {words}")]).current_dir(folder.path("")),
    )
}

fn programs_run_in_little_address_space() -> Result<()> {
    if is_emulated() {
        return Ok(());
    }
    let folder = Folder::empty();
    let memories = [("unbounded", "(memory 1)"), ("bounded", "(memory 1 200)"), ("shared", "(memory 1 200 shared)")];
    for (name, memory) in memories {
        folder.write(&format!("{name}.wat"), format!("(module {memory} {GROWS})"));
        for base in ["fixed", "any"] {
            let file = format!("{name}.wat");
            folder.builds(&[&file, "--invoke", "grow", "--memory-checks", "--memory-base", base, "-o", name]);
            let out = limited(&folder, name, "0");
            assert_eq!((out.status, out.stdout.as_str()), (0, "0\n"), "{name} {base} {out:#?}");
            let out = limited(&folder, name, "1");
            assert!(out.status == 134 && out.stderr.contains("out of bounds memory access"), "{name} {base} {out:#?}");
        }
    }
    Ok(())
}

fn what_is_refused_names_the_way_out() -> Result<()> {
    if is_emulated() {
        return Ok(());
    }
    let folder = Folder::with(&[("m.wat", &format!("(module (memory 1) {GROWS})"))]);
    folder.builds(&["m.wat", "--invoke", "grow", "-o", "guarded"]);
    let out = limited(&folder, "guarded", "0");
    out.fails(1, &["address space", "build it with --memory-checks"]);
    folder.write("large.wat", format!("(module (memory 10000) {GROWS})"));
    folder.builds(&["large.wat", "--invoke", "grow", "--memory-checks", "-o", "large"]);
    let out = limited(&folder, "large", "0");
    assert!(out.status == 1 && !out.stderr.contains("--memory-checks"), "{out:#?}");
    Ok(())
}
