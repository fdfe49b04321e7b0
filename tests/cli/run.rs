//! `wasm2native run`: the program's behavior shows through, and the cache saves work.

use crate::{ANSWER, ARGS, DIR, FIB, INVALID, env, mount, unmount};
use anyhow::Result;
use libtest_mimic::Trial;
use std::os::unix::fs::PermissionsExt;
use test_kit::folder::Folder;
use test_kit::process::{self, outcome, outcome_with_input};
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["run":
        the_program_shows_through,
        a_trap_is_status_134,
        what_can_not_be_built_is_status_1,
        a_module_is_built_once,
        powers_reach_the_program,
        parallel_runs_agree,
        a_bad_cache_costs_only_time,
        the_cache_is_where_the_system_has_caches,
        damaged_entries_are_built_again,
        many_find_a_damaged_entry_at_once,
        an_entry_that_is_exchanged_does_not_run_unchecked,
        a_full_disk_costs_only_time,
        the_process_is_called_after_the_module,
    ]
}

fn the_program_shows_through() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("dir/args.wat", ARGS), ("fib.wat", FIB)]);
    let answer = folder.wasm2native(&["run", "a.wat"]);
    assert_eq!((answer.status, answer.stdout.as_str(), answer.stderr.as_str()), (42, "", ""));
    let fib = folder.wasm2native(&["run", "--invoke", "fib", "fib.wat", "20"]).succeeds();
    assert_eq!(fib.stdout, "6765\n");
    // Whatever follows the module is the program's, and its own name is the module's.
    let args = folder.wasm2native(&["run", "-O0", "dir/args.wat", "-v", "--", "--dir", "@x", ""]);
    assert_eq!((args.status, args.stdout.as_str()), (6, "args.wat\0-v\0--\0--dir\0@x\0\0"));
    let args = folder.wasm2native(&["run", "--argv0", "me", "--", "dir/args.wat"]);
    assert_eq!((args.status, args.stdout.as_str()), (1, "me\0"));
    let stdin = outcome_with_input(&mut folder.command(&["run", "-", "x"]), ARGS);
    assert_eq!(stdin.status, 2);
}

fn a_trap_is_status_134() {
    let folder = Folder::with(&[("trap.wat", r#"(module (func (export "main") unreachable))"#)]);
    folder.wasm2native(&["run", "trap.wat"]).fails(134, &["unreachable"]);
}

fn what_can_not_be_built_is_status_1() {
    let folder = Folder::with(&[("bad.wat", INVALID)]);
    folder.wasm2native(&["run", "bad.wat"]).fails(1, &["error: bad.wat: "]);
    folder.wasm2native(&["run", "nothing.wasm"]).fails(1, &["error: can't read nothing.wasm"]);
    assert!(folder.list("cache").is_empty());
}

fn a_module_is_built_once() {
    let folder = Folder::with(&[("args.wat", ARGS), ("dir.wat", DIR), ("env.wat", &env())]);
    let says = |args: &[&str]| folder.wasm2native(&[&["run", "-v"][..], args].concat()).stderr;
    assert!(says(&["args.wat", "x"]).contains("built into the cache: "));
    assert!(says(&["args.wat", "y"]).contains("from the cache: "));
    // Powers change no code.
    assert!(says(&["--dir", ".", "--env", "A=b", "--max-stack", "4M", "args.wat"]).contains("from the cache: "));
    // These do.
    assert!(says(&["-O0", "args.wat"]).contains("built into the cache: "));
    folder.write("args.wat", format!("{ARGS} "));
    assert!(says(&["args.wat"]).contains("built into the cache: "));
    assert_eq!(folder.list("cache").len(), 3);
}

fn powers_reach_the_program() {
    let folder = Folder::with(&[("dir.wat", DIR), ("env.wat", &env())]);
    assert_eq!(folder.wasm2native(&["run", "dir.wat"]).status, 8);
    let dir = folder.wasm2native(&["run", "--embed", ".::carried", "dir.wat"]).succeeds();
    assert_eq!(dir.stdout, "carried");
    let dir = folder.wasm2native(&["run", "--dir", ".::it's \"here\" \\", "dir.wat"]).succeeds();
    assert_eq!(dir.stdout, "it's \"here\" \\");
    let mut command = folder.command(&["run", "--env", "A= $b\n'c'", "--env", "B", "env.wat"]);
    let env = outcome(command.env("B", "2").env("WASM2NATIVE_OPTIONS", "--env Z=0"));
    assert_eq!((env.status, env.stdout.as_str()), (3, "Z=0\0A= $b\n'c'\0B=2\0"));
}

fn parallel_runs_agree() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    let children: Vec<_> =
        (0..8).map(|_| folder.command(&["run", "a.wat"]).spawn().expect("the command starts")).collect();
    for mut child in children {
        assert_eq!(process::finish(&mut child).expect("the command ends").status, 42);
    }
    assert_eq!(folder.list("cache").len(), 1);
}

fn a_bad_cache_costs_only_time() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("file", "")]);
    let run =
        |cache: &str| outcome(folder.command(&["run", "-v", "a.wat"]).env("WASM2NATIVE_CACHE", folder.path(cache)));
    run("file").fails(42, &["built without cache: "]);
    run("file/below").fails(42, &["built without cache: "]);
    std::fs::create_dir(folder.path("shared")).expect("folders can be made");
    std::fs::set_permissions(folder.path("shared"), PermissionsExt::from_mode(0o777)).expect("it is ours");
    run("shared").fails(42, &["others can write to it"]);
    // Damage of the kind that a crash leaves.
    run("cache").fails(42, &["built into the cache"]);
    for entry in folder.list("cache") {
        std::fs::write(folder.path("cache").join(entry), "").expect("it can be damaged");
    }
    run("cache").fails(42, &["built into the cache"]);
    run("cache").fails(42, &["from the cache"]);
}

fn the_cache_is_where_the_system_has_caches() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    let run = |variable: &str, value: &str| {
        let mut command = folder.command(&["run", "a.wat"]);
        command.env_remove("WASM2NATIVE_CACHE").env(variable, folder.path(value));
        assert_eq!(outcome(&mut command).status, 42);
    };
    run("XDG_CACHE_HOME", "caches");
    assert_eq!(folder.list("caches/wasm2native").len(), 1);
    run("HOME", "home");
    assert_eq!(folder.list("home/.cache/wasm2native").len(), 1);
}

/// Whatever becomes of an entry: what runs is the module, and never the damage.
fn damaged_entries_are_built_again() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("other.wat", FIB)]);
    let run = || folder.wasm2native(&["run", "-v", "a.wat"]);
    run().fails(42, &["built into the cache"]);
    let entry = folder.path("cache").join(folder.list("cache").pop_first().expect("it was made"));
    folder.wasm2native(&["run", "--invoke", "fib", "other.wat", "3"]).succeeds();
    let is_other = |name: &String| name.starts_with("other-");
    let other = folder.path("cache").join(folder.list("cache").into_iter().find(is_other).expect("it was made"));
    let good = std::fs::read(&entry).expect("it is there");
    let length = good.len();
    let program = good[..length - 48].to_vec();
    let mut damages: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"#!/bin/sh\nexit 7\n".into(),
        b"exit 9\n".into(),
        vec![0; length],
        [&good[..], b"more"].concat(),
        [&good[..], &good].concat(),
        [&program[..length / 2], &good[length - 48..]].concat(),
        std::fs::read(&other).expect("it is there"),
    ];
    damages.extend([1, 63, 4096, length / 2, length - 49, length - 48, length - 1].map(|end| good[..end].to_vec()));
    damages.extend([0, 4, 24, 4096, length / 2, length - 49, length - 48, length - 33, length - 1].map(|at| {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        bytes
    }));
    for (number, damage) in damages.iter().enumerate() {
        std::fs::write(&entry, damage).expect("it can be damaged");
        run().fails(42, &["built into the cache"]);
        assert!(std::fs::read(&entry).expect("it is there") == good, "damage {number}");
        run().fails(42, &["from the cache"]);
    }
    std::fs::set_permissions(&entry, PermissionsExt::from_mode(0o600)).expect("it is ours");
    run().fails(42, &["built into the cache"]);
    // Things that are not files.
    std::fs::remove_file(&entry).expect("it is ours");
    folder.write("elsewhere", "not ours");
    std::os::unix::fs::symlink(folder.path("elsewhere"), &entry).expect("links can be made");
    run().fails(42, &["built into the cache"]);
    assert_eq!(std::fs::read_to_string(folder.path("elsewhere")).expect("it is there"), "not ours");
    assert!(!std::fs::symlink_metadata(&entry).expect("it is there").is_symlink());
    std::fs::remove_file(&entry).expect("it is ours");
    assert_eq!(outcome(std::process::Command::new("mkfifo").arg(&entry)).status, 0);
    run().fails(42, &["built into the cache"]);
    std::fs::remove_file(&entry).expect("it is ours");
    std::fs::create_dir(&entry).expect("folders can be made");
    run().fails(42, &["built without cache: "]);
    std::fs::remove_dir(&entry).expect("it is ours");
    run().fails(42, &["built into the cache"]);
    assert_eq!(folder.list("cache").len(), 2);
}

fn many_find_a_damaged_entry_at_once() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    folder.wasm2native(&["run", "a.wat"]).fails(42, &[]);
    let entry = folder.path("cache").join(folder.list("cache").pop_first().expect("it was made"));
    let length = std::fs::metadata(&entry).expect("it is there").len();
    std::fs::File::options().write(true).open(&entry).and_then(|file| file.set_len(length / 2)).expect("it is ours");
    let start = |_| folder.command(&["run", "a.wat"]).stderr(std::process::Stdio::piped()).spawn();
    let children: Vec<_> = (0..50).map(start).collect();
    for child in children {
        let out = process::finish(&mut child.expect("the command starts")).expect("the command ends");
        assert!(out.status == 42 && out.stderr.is_empty(), "{out:?}");
    }
    assert_eq!(folder.list("cache").len(), 1);
}

/// The file that was checked runs, whatever has its name by then.
fn an_entry_that_is_exchanged_does_not_run_unchecked() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("bad", "#!/bin/sh\nexit 7\n")]);
    folder.wasm2native(&["run", "a.wat"]).fails(42, &[]);
    let entry = folder.path("cache").join(folder.list("cache").pop_first().expect("it was made"));
    let bad = folder.path("bad");
    std::fs::set_permissions(&bad, PermissionsExt::from_mode(0o755)).expect("it is ours");
    std::fs::copy(&entry, folder.path("good")).expect("it is ours");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                for source in ["bad", "good"] {
                    let new = folder.path("new");
                    std::fs::hard_link(folder.path(source), &new).expect("links can be made");
                    std::fs::rename(new, &entry).expect("it is ours");
                }
            }
        });
        for _ in 0..30 {
            let out = folder.wasm2native(&["run", "a.wat"]);
            if out.status != 42 {
                done.store(true, std::sync::atomic::Ordering::Relaxed);
                panic!("{out:?}");
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

fn a_full_disk_costs_only_time() -> Result<()> {
    let folder = Folder::with(&[("a.wat", ANSWER), ("cache/keep", ""), ("tmp/keep", "")]);
    for name in ["cache", "tmp"] {
        mount(&folder.path(name), "size=16k,mode=0700")?;
    }
    let out = outcome(folder.command(&["run", "-v", "a.wat"]).env("TMPDIR", folder.path("tmp")));
    let left = folder.list("cache");
    // Before anything can fail: a folder with a mount can't be removed.
    for name in ["cache", "tmp"] {
        unmount(&folder.path(name));
    }
    out.fails(42, &["built without cache: ", "No space left"]);
    assert!(left.is_empty(), "{left:?}");
    Ok(())
}

/// What `ps` shows.
fn the_process_is_called_after_the_module() {
    let folder = Folder::with(&[(
        "waits.wat",
        r#"(module (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
             (memory (export "memory") 1) (data (i32.const 4) "\01")
             (func (export "_start") (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))))"#,
    )]);
    for flags in [&[][..], &["--argv0", "/some/name"]] {
        let mut command = folder.command(&[&["run"], flags, &["waits.wat"]].concat());
        let mut child = command.stdin(std::process::Stdio::piped()).spawn().expect("it starts");
        let expected = if flags.is_empty() { ("waits.wat\n", "waits.wat\0") } else { ("name\n", "/some/name\0") };
        let read = |what: &str| std::fs::read_to_string(format!("/proc/{}/{what}", child.id())).unwrap_or_default();
        let is_named = |_: &u32| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            read("comm") == expected.0
        };
        let found = (0..600).find(is_named);
        let names = (read("comm"), read("cmdline"));
        assert_eq!(process::finish(&mut child).expect("it ends").status, 0);
        assert!(found.is_some() && names.1 == expected.1, "{names:?}");
    }
}
