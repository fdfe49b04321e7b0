//! Finished programs, and damaged ones that the checker must refuse.
//!
//! For each processor two programs are made once, with the objects that they are linked from: one
//! without C and one with the whole C library.

use crate::damages::{DAMAGES, DAMAGES_WITH_C, Damage};
use crate::damages_arm;
use crate::fixtures::{PROCESSORS, Processor, X86_64};
use crate::program::Program;
use anyhow::{Result, ensure};
use code_checker::{Linked, Runtime, check_program};
use libtest_mimic::Trial;
use std::sync::OnceLock;
use test_kit::command;
use test_kit::process;
use test_kit::trial::trial;
use wasm2native::link::runtime::Set;

/// A call, a table of functions, a table of jumps, constants, data, and the runtime's functions.
const MODULE: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory 1)
  (data (i32.const 0) "\08\00\00\00\03\00\00\00hi\n")
  (global $g (mut i32) (i32.const 7))
  (global $h (mut i32) (i32.const 8))
  (table 2 2 funcref)
  (elem (i32.const 0) $one $two)
  (func $one (result i32) (i32.const 3))
  (func $two (result i32) (i32.const 4))
  (func $choose (param i32) (result i32)
    (block (block (block (block (br_table 0 1 2 3 (local.get 0)))
      (return (i32.const 10))) (return (i32.const 20))) (return (call $one)))
    (global.get $g))
  (func $scale (param f64) (result f64) (f64.mul (local.get 0) (f64.const 1.5)))
  (func (export "_start")
    (global.set $h (call $choose (i32.load (i32.const 4))))
    (global.set $g (call_indirect (result i32) (i32.load (i32.const 100))))
    (f64.store (i32.const 200) (call $scale (f64.load (i32.const 200))))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))))
"#;

/// A call of the C library, for a program that has all of it.
const WITH_C: &str = r#"
(module
  (import "env" "isalpha" (func $isalpha (param i32) (result i32)))
  (func (export "_start") (drop (call $isalpha (i32.const 65)))))
"#;

/// A program and its object, with the whole C library or without it.
fn sample(processor: &Processor, has_c: bool) -> &'static (Vec<u8>, Vec<u8>) {
    static SAMPLES: PerSet<(Vec<u8>, Vec<u8>)> = per_set();
    SAMPLES[processor.number()][usize::from(has_c)].get_or_init(|| {
        let folder = tempfile::tempdir().expect("there is room for files");
        let (module, flags) = if has_c { (WITH_C, &["--imports", "libc"][..]) } else { (MODULE, &[][..]) };
        std::fs::write(folder.path().join("it.wat"), module).expect("the folder is writable");
        let mut command = command::wasm2native();
        command.current_dir(folder.path()).args(["--target", processor.target, "--keep", "-o", "app"]);
        let outcome = process::run(command.args(flags).arg("it.wat"), b"").expect("the compiler can be started");
        assert_eq!(outcome.status, 0, "{}", outcome.stderr);
        let read = |name: &str| std::fs::read(folder.path().join(name)).expect("it was made");
        (read("app"), read("app.o"))
    })
}

/// One for each processor, without and with the whole C library.
type PerSet<T> = [[OnceLock<T>; 2]; PROCESSORS.len()];

const fn per_set<T>() -> PerSet<T> {
    [const { [const { OnceLock::new() }; 2] }; PROCESSORS.len()]
}

/// Checks a program that is linked with the whole C library or without it.
pub fn check(processor: &Processor, program: &[u8], object: &[u8], has_c: bool) -> Result<Linked> {
    static RUNTIMES: PerSet<Runtime> = per_set();
    let set = if has_c { Set::Complete } else { Set::Plain };
    let runtime = RUNTIMES[processor.number()][usize::from(has_c)].get_or_init(|| {
        let runtime = processor.runtime().expect("it can be read").expect("this program carries it");
        let contents = runtime.contents(set).expect("it is whole");
        Runtime::read(contents.iter().map(|(_, bytes)| &bytes[..])).expect("it consists of objects")
    });
    check_program(program, &[object], runtime)
}

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for processor in &PROCESSORS {
        let name = |name: &str| format!("{}program/{name}", processor.prefix);
        let own = if processor.target == X86_64.target { &[] } else { damages_arm::DAMAGES };
        for (has_c, whole, damages) in
            [(false, "whole", &[DAMAGES, own].concat()), (true, "whole with C", &DAMAGES_WITH_C.to_vec())]
        {
            trials.push(trial(name(whole), move || is_accepted(processor, has_c)));
            for &damage in damages {
                trials.push(trial(name(damage.name), move || is_refused(processor, has_c, damage)));
            }
        }
    }
    trials
}

fn is_accepted(processor: &Processor, has_c: bool) -> Result<()> {
    processor.needs_runtime()?;
    let (program, object) = sample(processor, has_c);
    let linked = check(processor, program, object, has_c)?;
    ensure!(linked.failures.is_empty() && linked.functions > 0, "{linked}: {:?}", linked.failures);
    Ok(())
}

fn is_refused(processor: &Processor, has_c: bool, damage: Damage) -> Result<()> {
    processor.needs_runtime()?;
    let (program, object) = sample(processor, has_c);
    let mut damaged = Program { bytes: program.clone() };
    (damage.change)(&mut damaged);
    ensure!(damaged.bytes != *program, "nothing was changed");
    let linked = check(processor, &damaged.bytes, object, has_c)?;
    let is_told = linked.failures.iter().any(|reason| reason.contains(damage.reason));
    ensure!(is_told, "accepted, or for another reason: {:?}", linked.failures);
    Ok(())
}
