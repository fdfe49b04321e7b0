//! `wasm2native run`: the program's behaviour shows through, and the cache saves work.

use crate::{ANSWER, ARGS, DIR, FIB, INVALID, Place, env, outcome, outcome_with_input};
use std::os::unix::fs::PermissionsExt;

#[test]
fn the_program_shows_through() {
    let place = Place::with(&[("a.wat", ANSWER), ("dir/args.wat", ARGS), ("fib.wat", FIB)]);
    let answer = place.wasm2native(&["run", "a.wat"]);
    assert_eq!((answer.status, answer.stdout.as_str(), answer.stderr.as_str()), (42, "", ""));
    let fib = place.wasm2native(&["run", "--invoke", "fib", "fib.wat", "20"]).succeeds();
    assert_eq!(fib.stdout, "6765\n");
    // Whatever follows the module is the program's, and its own name is the module's.
    let args = place.wasm2native(&["run", "-O0", "dir/args.wat", "-v", "--", "--dir", "@x", ""]);
    assert_eq!((args.status, args.stdout.as_str()), (6, "args.wat\0-v\0--\0--dir\0@x\0\0"));
    let args = place.wasm2native(&["run", "--argv0", "me", "--", "dir/args.wat"]);
    assert_eq!((args.status, args.stdout.as_str()), (1, "me\0"));
    let stdin = outcome_with_input(&mut place.command(&["run", "-", "x"]), ARGS);
    assert_eq!(stdin.status, 2);
}

#[test]
fn a_trap_is_status_134() {
    let place = Place::with(&[("trap.wat", r#"(module (func (export "main") unreachable))"#)]);
    place.wasm2native(&["run", "trap.wat"]).fails(134, &["unreachable"]);
}

#[test]
fn what_can_not_be_built_is_status_1() {
    let place = Place::with(&[("bad.wat", INVALID)]);
    place.wasm2native(&["run", "bad.wat"]).fails(1, &["error: bad.wat: "]);
    place.wasm2native(&["run", "nothing.wasm"]).fails(1, &["error: can't read nothing.wasm"]);
    assert!(place.list("cache").is_empty());
}

#[test]
fn a_module_is_built_once() {
    let place = Place::with(&[("args.wat", ARGS), ("dir.wat", DIR), ("env.wat", &env())]);
    let says = |args: &[&str]| place.wasm2native(&[&["run", "-v"][..], args].concat()).stderr;
    assert!(says(&["args.wat", "x"]).contains("built into the cache: "));
    assert!(says(&["args.wat", "y"]).contains("from the cache: "));
    // Powers change no code.
    assert!(says(&["--dir", ".", "--env", "A=b", "--max-stack", "4M", "args.wat"]).contains("from the cache: "));
    // These do.
    assert!(says(&["-O0", "args.wat"]).contains("built into the cache: "));
    place.write("args.wat", &format!("{ARGS} "));
    assert!(says(&["args.wat"]).contains("built into the cache: "));
    assert_eq!(place.list("cache").len(), 3);
}

#[test]
fn powers_reach_the_program() {
    let place = Place::with(&[("dir.wat", DIR), ("env.wat", &env())]);
    assert_eq!(place.wasm2native(&["run", "dir.wat"]).status, 8);
    let dir = place.wasm2native(&["run", "--embed", ".::carried", "dir.wat"]).succeeds();
    assert_eq!(dir.stdout, "carried");
    let dir = place.wasm2native(&["run", "--dir", ".::it's \"here\" \\", "dir.wat"]).succeeds();
    assert_eq!(dir.stdout, "it's \"here\" \\");
    let mut command = place.command(&["run", "--env", "A= $b\n'c'", "--env", "B", "env.wat"]);
    let env = outcome(command.env("B", "2").env("WASM2NATIVE_OPTIONS", "--env Z=0"));
    assert_eq!((env.status, env.stdout.as_str()), (3, "Z=0\0A= $b\n'c'\0B=2\0"));
}

#[test]
fn parallel_runs_agree() {
    let place = Place::with(&[("a.wat", ANSWER)]);
    let children: Vec<_> =
        (0..8).map(|_| place.command(&["run", "a.wat"]).spawn().expect("the command starts")).collect();
    for mut child in children {
        assert_eq!(child.wait().expect("the command ends").code(), Some(42));
    }
    assert_eq!(place.list("cache").len(), 1);
}

#[test]
fn a_bad_cache_costs_only_time() {
    let place = Place::with(&[("a.wat", ANSWER), ("file", "")]);
    let run = |cache: &str| outcome(place.command(&["run", "-v", "a.wat"]).env("WASM2NATIVE_CACHE", place.path(cache)));
    run("file").fails(42, &["built without cache: "]);
    run("file/below").fails(42, &["built without cache: "]);
    std::fs::create_dir(place.path("shared")).expect("folders can be made");
    std::fs::set_permissions(place.path("shared"), PermissionsExt::from_mode(0o777)).expect("it is ours");
    run("shared").fails(42, &["others can write to it"]);
    // Damage of the kind that a crash leaves.
    run("cache").fails(42, &["built into the cache"]);
    for entry in place.list("cache") {
        std::fs::write(place.path("cache").join(entry), "").expect("it can be damaged");
    }
    run("cache").fails(42, &["built into the cache"]);
    run("cache").fails(42, &["from the cache"]);
}

#[test]
fn the_cache_is_where_the_system_has_caches() {
    let place = Place::with(&[("a.wat", ANSWER)]);
    let run = |variable: &str, value: &str| {
        let mut command = place.command(&["run", "a.wat"]);
        command.env_remove("WASM2NATIVE_CACHE").env(variable, place.path(value));
        assert_eq!(outcome(&mut command).status, 42);
    };
    run("XDG_CACHE_HOME", "caches");
    assert_eq!(place.list("caches/wasm2native").len(), 1);
    run("HOME", "home");
    assert_eq!(place.list("home/.cache/wasm2native").len(), 1);
}
