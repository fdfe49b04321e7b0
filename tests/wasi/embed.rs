//! `--embed`: a tree that the program carries is to the guest what the same tree is as a directory
//! that was granted read-only.

use crate::driver::{self, Answer, Built, FREE, Guest};
use crate::matrix::{self, INSIDE, INWARDS, OUTWARDS};
use crate::numbers::errno::MFILE;
use crate::numbers::rights::READ;
use crate::tree::{self, Node};
use anyhow::Result;
use libtest_mimic::Trial;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::path::Path;
use std::process::Command;
use test_kit::command;
use test_kit::trial::trial;
use test_kit::{process, target, toolchain};

const RESULT: u32 = FREE;
const PIECES: u32 = FREE + 16;
const PATH: u32 = FREE + 64;
const BUFFER: u32 = FREE + 4096;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("embed/as-a-read-only-directory", as_a_read_only_directory),
        trial("embed/contents", contents),
        trial("embed/lists", lists),
        trial("embed/descriptors", descriptors),
        trial("embed/same-bytes", same_bytes),
        trial("embed/not-unpacked", not_unpacked),
        trial("embed/packed-block-by-block", packed_block_by_block),
        trial("embed/many-open-files", many_open_files),
        trial("embed/interpreter", interpreter),
        trial("embed/errors", errors),
    ]
}

/// The driver with trees inside.
fn build(trees: &[(&Path, &str)]) -> Built {
    let embeds: Vec<_> = trees.iter().map(|(host, guest)| format!("--embed={}::{guest}", host.display())).collect();
    let flags: Vec<_> = embeds.iter().map(String::as_str).collect();
    driver::build("driver.wat", driver::text(), &flags)
}

fn start(program: &Built, options: &str) -> Guest {
    Guest::spawn(process::program(&program.path), options, &|_| {})
}

fn temporary() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

/// Every call of the matrix with every path has the same answer, but for the size of directories,
/// which is the file system's.
fn as_a_read_only_directory() {
    let folder = temporary();
    let root = folder.path().join("box");
    tree::make(folder.path(), &[("box", Node::Dir)]);
    tree::make(&root, INSIDE);
    let program = build(&[(&root, "/data")]);
    let mut embedded = start(&program, "");
    let plain = build(&[]);
    let mut granted = start(&plain, &format!("--dir {}::/data::ro", root.display()));
    for (_, path) in INWARDS.iter().chain(OUTWARDS) {
        for guest in [&mut embedded, &mut granted] {
            matrix::prepare(guest, path);
        }
        for call in matrix::calls() {
            let [ours, theirs] = [&mut embedded, &mut granted].map(|guest| {
                let answer = matrix::describe(guest, &call, path);
                match answer.split_once("type 3, size") {
                    Some((start, _)) => format!("{start}type 3"),
                    None => answer,
                }
            });
            assert_eq!(ours, theirs, "`{path}`");
        }
    }
}

/// Files of all sizes around that of a block, that can be compressed and that can't.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for size in [0, 1, 65535, 65536, 65537, 200_000] {
        let text = b"a line of text, again and again\n".iter().copied().cycle().take(size).collect();
        files.push((format!("text{size}"), text));
        let mut state = blake3::Hasher::new();
        state.update(&[7]);
        let mut noise = vec![0; size];
        state.finalize_xof().fill(&mut noise);
        files.push((format!("noise{size}"), noise));
    }
    files
}

fn contents() {
    let folder = temporary();
    for (name, bytes) in files() {
        std::fs::write(folder.path().join(name), bytes).expect("files can be written");
    }
    let program = build(&[(folder.path(), "/data")]);
    // The program carries all of it.
    folder.close().expect("the folder can be removed");
    let mut guest = start(&program, "");
    for (name, bytes) in files() {
        let file = open(&mut guest, &name);
        let mut read = Vec::new();
        let size = 60_000;
        // Two pieces, of which the first ends in the middle of nothing.
        let pieces = [BUFFER, 100, BUFFER + 100, size - 100].map(u32::to_le_bytes).concat();
        guest.load(PIECES, &pieces);
        loop {
            assert_eq!(guest.call("fd_read", &[file, PIECES.into(), 2, RESULT.into()]), Answer::Errno(0));
            match guest.dump_u32(RESULT) {
                0 => break,
                length => read.extend(guest.dump(BUFFER, length)),
            }
        }
        assert!(read == bytes, "{name} is another");
        for offset in [0, 1, 65530, 65536, 131_072, 199_999, 200_000, 1 << 40] {
            let arguments = [file, PIECES.into(), 1, offset, RESULT.into()];
            assert_eq!(guest.call("fd_pread", &arguments), Answer::Errno(0));
            let start = bytes.len().min(offset as usize);
            let expected = &bytes[start..bytes.len().min(start + 100)];
            let length = guest.dump_u32(RESULT);
            assert_eq!(guest.dump(BUFFER, length), expected, "{name} at {offset}");
        }
        // From the end, and not before the beginning.
        let end = bytes.len() as u64;
        assert_eq!(guest.call("fd_seek", &[file, 0, 2, RESULT.into()]), Answer::Errno(0));
        assert_eq!(u64::from_le_bytes(guest.dump(RESULT, 8).try_into().expect("eight bytes")), end);
        assert_eq!(guest.call("fd_seek", &[file, u64::MAX - end, 1, RESULT.into()]), Answer::Errno(28));
        assert_eq!(guest.call("fd_close", &[file]), Answer::Errno(0));
    }
}

fn open(guest: &mut Guest, path: &str) -> u64 {
    guest.load(PATH, path.as_bytes());
    let arguments = [3, 1, PATH.into(), path.len() as u64, 0, READ, READ, 0, RESULT.into()];
    assert_eq!(guest.call("path_open", &arguments), Answer::Errno(0), "{path}");
    guest.dump_u32(RESULT).into()
}

/// A list in small steps is complete; two trees are two directories, beside one that was granted.
fn lists() {
    let folder = temporary();
    let names: Vec<String> = (0..200).map(|n| format!("one/file{n:03}")).collect();
    let entries: Vec<_> = names.iter().map(|name| (name.as_str(), Node::File(""))).collect();
    tree::make(folder.path(), &entries);
    tree::make(folder.path(), &[("two/only", Node::File("")), ("three/granted", Node::File(""))]);
    let [one, two, three] = ["one", "two", "three"].map(|name| folder.path().join(name));
    let program = build(&[(&one, "/one"), (&two, "/two")]);
    let mut guest = start(&program, &format!("--dir {}::/three", three.display()));
    for (descriptor, name) in [(3, "/one"), (4, "/two"), (5, "/three")] {
        assert_eq!(guest.call("fd_prestat_dir_name", &[descriptor, BUFFER.into(), 64]), Answer::Errno(0));
        assert_eq!(guest.dump(BUFFER, name.len() as u32), name.as_bytes());
    }
    let mut seen = Vec::new();
    let mut cookie = 0;
    loop {
        let size = 150;
        assert_eq!(guest.call("fd_readdir", &[3, BUFFER.into(), size, cookie, RESULT.into()]), Answer::Errno(0));
        let length = guest.dump_u32(RESULT);
        let bytes = guest.dump(BUFFER, length);
        let complete = matrix::names(&bytes);
        cookie += complete.len() as u64;
        seen.extend(complete);
        if u64::from(length) < size {
            break;
        }
    }
    seen.retain(|name| name != "." && name != "..");
    let expected: Vec<_> = names.iter().map(|name| name.replace("one/", "")).collect();
    assert_eq!(seen, expected);
    assert_eq!(guest.call("fd_readdir", &[3, BUFFER.into(), 100, u64::MAX, RESULT.into()]), Answer::Errno(0));
    assert_eq!(guest.dump_u32(RESULT), 0);
}

/// What else can be asked of a descriptor, and what can't.
fn descriptors() {
    let folder = temporary();
    tree::make(folder.path(), &[("file", Node::File("fine"))]);
    let program = build(&[(folder.path(), "/data")]);
    let mut guest = start(&program, "");
    let file = open(&mut guest, "file");
    guest.load(PIECES, &[BUFFER, 4].map(u32::to_le_bytes).concat());
    let piece = [file, PIECES.into(), 1, RESULT.into()];
    let expected: [(&str, &[u64], u32); 13] = [
        ("fd_write", &piece, 8),
        ("fd_pwrite", &[file, PIECES.into(), 1, 0, RESULT.into()], 8),
        ("fd_allocate", &[file, 0, 1], 8),
        ("fd_filestat_set_size", &[file, 0], 8),
        ("fd_filestat_set_times", &[file, 1, 2, 5], 69),
        ("fd_filestat_set_times", &[3, 1, 2, 5], 69),
        ("fd_advise", &[file, 0, 4, 3], 0),
        ("fd_sync", &[file], 0),
        ("fd_fdstat_get", &[file, BUFFER.into()], 0),
        ("fd_fdstat_get", &[3, BUFFER.into()], 0),
        ("fd_filestat_get", &[file, BUFFER.into()], 0),
        ("sock_shutdown", &[file, 1], 57),
        ("fd_readdir", &[file, BUFFER.into(), 100, 0, RESULT.into()], 8),
    ];
    for (name, arguments, errno) in expected {
        assert_eq!(guest.call(name, arguments), Answer::Errno(errno), "{name}");
    }
    // A file is always ready.
    let mut subscription = vec![0; 48];
    subscription[8] = 1;
    subscription[16..20].copy_from_slice(&(file as u32).to_le_bytes());
    guest.load(PATH, &subscription);
    let arguments = [PATH.into(), BUFFER.into(), 1, RESULT.into()];
    assert_eq!(guest.call("poll_oneoff", &arguments), Answer::Errno(0));
    let event = guest.dump(BUFFER, 32);
    assert_eq!((guest.dump_u32(RESULT), event[8], event[10]), (1, 0, 1));
}

/// The program depends on names and contents alone; equal files are there once.
fn same_bytes() {
    let (first, second) = (temporary(), temporary());
    let mut noise = vec![0; 1 << 20];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    let names = ["a", "b", "deep/c", "deep/d", "e"];
    let write = |folder: &Path, name: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("it is below")).expect("folders can be made");
        std::fs::write(path, &noise).expect("files can be written");
    };
    names.iter().for_each(|name| write(first.path(), name));
    names.iter().rev().for_each(|name| write(second.path(), name));
    let [one, other] = [&first, &second].map(|folder| {
        let program = build(&[(folder.path(), "/data")]);
        std::fs::read(&program.path).expect("it was built")
    });
    assert!(one == other, "the programs differ");
    let empty = std::fs::metadata(&build(&[]).path).expect("it was built").len();
    let more = one.len() as u64 - empty;
    assert!((1 << 20..3 << 19).contains(&more), "five equal files of 1 MiB make the program {more} bytes larger");
}

/// A tree of 64 MiB of zeros takes little space in the program, and none in memory.
fn not_unpacked() {
    let folder = temporary();
    std::fs::write(folder.path().join("zeros"), vec![0; 64 << 20]).expect("files can be written");
    let program = build(&[(folder.path(), "/data")]);
    assert!(std::fs::metadata(&program.path).expect("it was built").len() < 8 << 20);
    let mut guest = start(&program, "");
    let file = open(&mut guest, "zeros");
    guest.load(PIECES, &[BUFFER, 4].map(u32::to_le_bytes).concat());
    let arguments = [file, PIECES.into(), 1, 60 << 20, RESULT.into()];
    assert_eq!(guest.call("fd_pread", &arguments), Answer::Errno(0));
    assert_eq!(guest.dump(BUFFER, 4), [0; 4]);
    assert!(guest.peak() < 16 << 20, "the program took {} bytes", guest.peak());
}

/// The compiler has no need of a file as a whole: here of one that is larger than all memory that
/// it may have.
fn packed_block_by_block() {
    let folder = temporary();
    tree::make(folder.path(), &[("tree", Node::Dir)]);
    std::fs::write(folder.path().join("driver.wat"), driver::text()).expect("files can be written");
    let file = std::fs::File::create(folder.path().join("tree/zeros")).expect("files can be made");
    file.set_len(1 << 30).expect("a hole needs no room");
    let mut shell = Command::new("sh");
    let compiler = [&[env!("CARGO_BIN_EXE_wasm2native")], &target::words()[..]].concat().join(" ");
    shell.arg("-c").arg(format!("ulimit -v 1000000; exec {compiler} -j1 driver.wat --embed tree::/data -o app"));
    let outcome = process::run(shell.current_dir(folder.path()), b"").expect("it runs");
    assert_eq!(outcome.status, 0, "{}", outcome.stderr);
    let mut guest = Guest::spawn(process::program(folder.path().join("app")), "", &|_| {});
    let file = open(&mut guest, "zeros");
    assert_eq!(guest.call("fd_seek", &[file, 0, 2, RESULT.into()]), Answer::Errno(0));
    assert_eq!(guest.dump_u32(RESULT), 1 << 30);
}

/// As many as the system's limit allows, and none of them keeps what was read.
fn many_open_files() {
    let folder = temporary();
    // No two blocks are alike.
    let bytes: Vec<u8> = (0..500u32).flat_map(|block| block.to_le_bytes().repeat(1 << 14)).collect();
    std::fs::write(folder.path().join("file"), bytes).expect("files can be written");
    let program = build(&[(folder.path(), "/data")]);
    let mut guest = start(&program, "");
    assert_eq!(guest.call("sched_yield", &[]), Answer::Errno(0));
    let limit = Rlimit { current: Some(500), maximum: Some(500) };
    prlimit(Pid::from_raw(guest.id() as i32), Resource::Nofile, limit).expect("limits can be lowered");
    guest.load(PIECES, &[BUFFER, 4].map(u32::to_le_bytes).concat());
    for number in 4..500 {
        let file = open(&mut guest, "file");
        assert_eq!(file, number);
        let offset = number << 16;
        assert_eq!(guest.call("fd_pread", &[file, PIECES.into(), 1, offset, RESULT.into()]), Answer::Errno(0));
        assert_eq!((guest.dump_u32(RESULT), u64::from(guest.dump_u32(BUFFER))), (4, number));
    }
    // `mfile`
    let arguments = [3, 1, PATH.into(), 4, 0, READ, READ, 0, RESULT.into()];
    assert_eq!(guest.call("path_open", &arguments), Answer::Errno(MFILE));
    assert!(guest.peak() < 16 << 20, "the program took {} bytes", guest.peak());
}

/// A language whose library of some hundred files is inside of its interpreter: files are read
/// while others are open, of two folders of which one has the newer version of a file, and through
/// a link.
fn interpreter() -> Result<()> {
    toolchain::require()?;
    const N_FILES: usize = 300;
    let folder = temporary();
    let library: Vec<(String, String)> = (0..N_FILES)
        .map(|n| {
            // Long enough for more than a block.
            let rest = if n % 50 == 0 { "0 + ".repeat(30_000) } else { String::new() };
            let next = if n + 1 < N_FILES { format!("use m{}", n + 1) } else { String::new() };
            (format!("core/m{n}.words"), format!("{rest} {next} {n} +"))
        })
        .collect();
    let mut entries: Vec<_> = library.iter().map(|(name, text)| (name.as_str(), Node::File(text))).collect();
    entries.extend([
        ("core/old.words", Node::File("1000 +")),
        ("site/old.words", Node::File("2000 +")),
        ("site/begin.words", Node::Link("../core/m0.words")),
    ]);
    tree::make(folder.path(), &entries);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wasi/interpreter.c");
    let module = toolchain::compile_files(&[source], &[]).expect("clang compiles it");
    let program = driver::build("it.wasm", module, &[&format!("--embed={}::/usr/lib", folder.path().display())]);
    folder.close().expect("the folder can be removed");
    let text = b"0 use begin use old use m5 print count print";
    let outcome = process::run(&mut process::program(&program.path), text)?;
    let sum = (0..N_FILES).sum::<usize>() + 2000;
    // One file more than those.
    let expected = format!("{sum}\n{}\n", N_FILES + 1);
    outcome.prints(&expected);
    let outcome = process::run(&mut process::program(&program.path), b"use nothing")?;
    assert_eq!((outcome.status, outcome.stdout.as_str()), (4, "nobody knows nothing\n"));
    Ok(())
}

fn errors() {
    let folder = temporary();
    let root = folder.path();
    tree::make(root, &[("tree/file", Node::File("")), ("odd", Node::Dir), ("file", Node::File(""))]);
    std::fs::write(root.join("driver.wat"), driver::text()).expect("files can be written");
    let _socket = std::os::unix::net::UnixListener::bind(root.join("odd/socket")).expect("sockets can be made");
    let cases = [
        ("nowhere::/data", 1, "--embed nowhere: "),
        ("file::/data", 1, "--embed file: it is not a directory"),
        ("odd::/data", 1, "socket: neither a file, nor a directory, nor a link"),
        ("tree", 2, "expected HOST::GUEST"),
        ("tree::", 2, "expected HOST::GUEST"),
    ];
    for (value, status, message) in cases {
        let mut command = command::wasm2native();
        command.current_dir(root).args(["driver.wat", "-o", "app", "--embed", value]);
        let outcome = process::run(&mut command, b"").expect("it runs");
        let said = &outcome.stderr;
        assert!(outcome.status == status && said.contains(message), "{value}: {} {said}", outcome.status);
    }
    // A program gets no more trees when it runs.
    let program = build(&[(&root.join("tree"), "/data")]);
    let outcome = process::run(process::program(&program.path).env("WASM2NATIVE_OPTIONS", "--embed /more"), b"");
    let outcome = outcome.expect("it runs");
    assert_eq!(outcome.status, 2);
    assert!(outcome.stderr.contains("has only the trees that it was built with"));
    let mut inspect = command::wasm2native();
    let outcome = process::run(inspect.arg("inspect").arg(&program.path), b"").expect("it runs");
    assert!(outcome.stdout.contains("  embedded      /data\n"), "{outcome:?}");
}
