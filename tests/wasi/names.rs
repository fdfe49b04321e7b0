//! Names that are not UTF-8: the guest gets the bytes that the system has, and what a list shows
//! can be opened, renamed, linked to and removed. Arguments and variables are bytes as well.

use crate::driver::{FREE, Guest, Openat2, build};
use libtest_mimic::Trial;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use test_kit::process::{self, outcome};
use test_kit::trial::trial;

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("names/arguments", arguments), trial("names/grants", grants)];
    for openat2 in Openat2::ALL {
        trials.push(trial(format!("names/entries{}", openat2.suffix()), move || entries(openat2)));
    }
    trials
}

/// Latin-1, a cut sequence, a surrogate, an overlong slash, what a terminal would obey, and what
/// are devices on Windows and files here.
const NAMES: [&[u8]; 8] =
    [b"caf\xe9", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\x1b[2J\xff", b"CON", b"COM1.txt", b"NUL "];

const RESULT: u64 = FREE as u64;
const BUFFER: u32 = 16384;
const OTHER: u32 = 4096;
const PATH: u32 = 8192;

fn entries(openat2: Openat2) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for name in NAMES {
        fs::write(folder.path().join(OsStr::from_bytes(name)), name).expect("the file system takes bytes");
    }
    let mut guest = Guest::start_on(openat2, "--dir .::/", &|command| {
        command.current_dir(folder.path());
    });
    assert_eq!(guest.call("fd_readdir", &[3, BUFFER.into(), 2048, 0, RESULT]).errno(), 0);
    let length = guest.dump_u32(RESULT as u32);
    let shown = names(&guest.dump(BUFFER, length));
    let expected: BTreeSet<Vec<u8>> = NAMES.iter().copied().chain([&b"."[..], b".."]).map(<[u8]>::to_vec).collect();
    assert_eq!(shown, expected);
    for name in NAMES {
        let (length, renamed) = (name.len() as u64, [name, b"\xfe"].concat());
        guest.load(PATH, name);
        guest.load(OTHER, &renamed);
        let old = [3, PATH.into(), length];
        let new = [3, OTHER.into(), renamed.len() as u64];
        let open = [3, 0, PATH.into(), length, 0, 2, 0, 0, RESULT];
        assert_eq!(guest.call("path_open", &open).errno(), 0, "{name:?}");
        let opened = guest.dump_u32(RESULT as u32);
        assert_eq!(guest.call("fd_close", &[opened.into()]).errno(), 0);
        assert_eq!(guest.call("path_filestat_get", &[3, 0, PATH.into(), length, BUFFER.into()]).errno(), 0);
        assert_eq!(guest.call("path_rename", &[&old[..], &new].concat()).errno(), 0, "{name:?}");
        assert_eq!(fs::read(folder.path().join(OsStr::from_bytes(&renamed))).expect("it was renamed"), name);
        let link = [OTHER.into(), new[2], 3, PATH.into(), length];
        assert_eq!(guest.call("path_symlink", &link).errno(), 0, "{name:?}");
        let read = [3, PATH.into(), length, BUFFER.into(), 100, RESULT];
        assert_eq!(guest.call("path_readlink", &read).errno(), 0, "{name:?}");
        assert_eq!(guest.dump(BUFFER, renamed.len() as u32), renamed);
        for path in [old, new] {
            assert_eq!(guest.call("path_unlink_file", &path).errno(), 0, "{name:?}");
        }
        assert_eq!(guest.call("path_create_directory", &old).errno(), 0, "{name:?}");
        assert!(folder.path().join(OsStr::from_bytes(name)).is_dir());
        assert_eq!(guest.call("path_remove_directory", &old).errno(), 0, "{name:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 0);
}

/// The names in a list of `$dirent`s.
fn names(mut bytes: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut names = BTreeSet::new();
    while let Some((head, rest)) = bytes.split_at_checked(24) {
        let length = u32::from_le_bytes(head[16..20].try_into().expect("four bytes")) as usize;
        let (name, rest) = rest.split_at(length);
        names.insert(name.to_vec());
        bytes = rest;
    }
    names
}

/// Prints what `args_get` and `environ_get` give, each string with its zero byte.
const STRINGS: &str = r#"(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $print
    (i32.store (i32.const 8) (i32.const 4096))
    (i32.store (i32.const 12) (i32.load (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16))))
  (func (export "_start")
    (drop (call $args_sizes (i32.const 0) (i32.const 4)))
    (drop (call $args (i32.const 1024) (i32.const 4096)))
    (call $print)
    (drop (call $environ_sizes (i32.const 0) (i32.const 4)))
    (drop (call $environ (i32.const 1024) (i32.const 4096)))
    (call $print)))"#;

fn arguments() {
    let program = build("strings.wat", STRINGS, &["--inherit-env"]);
    let mut command = process::program(&program.path);
    command
        .args(NAMES.map(OsStr::from_bytes))
        .env_clear()
        .env(OsStr::from_bytes(b"N\xe4me"), OsStr::from_bytes(b"\xff"));
    let out = outcome(&mut command).succeeds();
    let strings: Vec<&[u8]> = out.stdout.as_bytes().split(|&byte| byte == 0).skip(1).collect();
    let expected: Vec<&[u8]> = NAMES.iter().copied().chain([&b"N\xe4me=\xff"[..], b""]).collect();
    assert_eq!(strings, expected);
}

/// A directory whose name is not UTF-8 can be granted when the program starts, and keeps its name.
fn grants() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let name = OsString::from_vec(b"d\xe9r".to_vec());
    fs::create_dir(folder.path().join(&name)).expect("the file system takes bytes");
    let mut guest = Guest::start_with("", &|command| {
        let options = [b"--dir ", name.as_bytes()].concat();
        command.current_dir(folder.path()).env("WASM2NATIVE_OPTIONS", OsStr::from_bytes(&options));
    });
    assert_eq!(guest.call("fd_prestat_dir_name", &[3, BUFFER.into(), 3]).errno(), 0);
    assert_eq!(guest.dump(BUFFER, 3), name.as_bytes());
}
