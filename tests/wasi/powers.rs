//! `--dev` and `--tmp`: directories that are not the host's, and the limit of the latter.
//! [`own_directory`](crate::own_directory) compares it with one of the host.

use crate::driver::{Answer, Guest, MEMORY};
use crate::numbers::errno::{
    BADF, EXIST, FBIG, INVAL, ISDIR, NOENT, NOSPC, NOTCAPABLE, NOTDIR, NOTEMPTY, PERM, ROFS, XDEV,
};
use crate::numbers::filetype;
use crate::numbers::oflags::{CREATE, DIRECTORY, EXCLUSIVE, TRUNCATE};
use crate::numbers::rights::{READ, WRITE};
use crate::sandbox::{BUFFER, PATH, PATH2, RESULT, Sandbox};
use libtest_mimic::Trial;
use test_kit::process;
use test_kit::trial::trial;

const BLOCK: u64 = 4096;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("powers/dev", dev),
        trial("powers/dev-is-read-only", dev_is_read_only),
        trial("powers/tmp-has-a-limit", tmp_has_a_limit),
        trial("powers/tmp-of-names", tmp_of_names),
        trial("powers/tmp-gives-back", tmp_gives_back),
        trial("powers/tmp-sparse", tmp_sparse),
        trial("powers/tmp-is-beneath", tmp_is_beneath),
        trial("powers/tmp-lists", tmp_lists),
        trial("powers/tmp-and-other-directories", tmp_and_other_directories),
        trial("powers/tmp-leaves-nothing", tmp_leaves_nothing),
        trial("powers/tmp-twice", tmp_twice),
        trial("powers/none-of-them", none_of_them),
    ]
}

fn dev() {
    let mut guest = Sandbox::start("--dev");
    let name = "/dev";
    assert_eq!(guest.call("fd_prestat_get", &[3, RESULT.into()]), 0);
    assert_eq!(guest.0.dump_u32(RESULT + 4), name.len() as u32);
    assert_eq!(guest.call("fd_prestat_dir_name", &[3, BUFFER.into(), 4]), 0);
    assert_eq!(guest.0.dump(BUFFER, 4), name.as_bytes());
    let null = guest.open(3, "null", 0, READ | WRITE, 0).expect("it is there");
    assert_eq!(guest.write(null, b"gone"), (0, 4));
    assert_eq!(guest.read(null, 100), Ok(Vec::new()));
    let zero = guest.open(3, "./zero", CREATE | TRUNCATE, READ | WRITE, 0).expect("it is there");
    guest.0.load(BUFFER, &[1; 100]);
    assert_eq!(guest.read(zero, 100), Ok(vec![0; 100]));
    let random = guest.open(3, "urandom", 0, READ, 0).expect("it is there");
    let (first, second) = (guest.read(random, 32), guest.read(random, 32));
    assert_ne!(first, second);
    assert_eq!(guest.write(random, b"x"), (BADF, 0));
    for (path, kind) in [(".", filetype::DIRECTORY), ("null", filetype::CHARACTER_DEVICE)] {
        assert_eq!(guest.stat(3, path, 1).map(|it| it.0), Ok(kind), "{path}");
    }
    let expected = [(".", 3), ("..", 3), ("null", 2), ("urandom", 2), ("zero", 2)];
    let expected: Vec<_> = expected.map(|(name, kind)| (name.to_owned(), kind)).into();
    assert_eq!(guest.list(3, 4096), expected);
    assert_eq!(guest.list(3, 40), expected);
    // The same directory once more, which is not a granted one.
    let again = guest.open(3, ".", DIRECTORY, 0, 0).expect("it is a directory");
    assert_eq!(guest.call("fd_prestat_get", &[again, RESULT.into()]), BADF);
    assert_eq!(guest.list(again, 4096), expected);
    assert!(guest.open(again, "null", 0, READ, 0).is_ok());
}

fn dev_is_read_only() {
    let mut guest = Sandbox::start("--dev --tmp");
    for (path, oflags, rights, errno) in [
        ("full", 0, READ, NOENT),
        ("mem", 0, READ, NOENT),
        ("new", CREATE, WRITE, ROFS),
        ("..", 0, 0, PERM),
        ("../etc/passwd", 0, READ, PERM),
        ("/dev/null", 0, READ, PERM),
        ("null/", 0, READ, NOTDIR),
        ("null/x", 0, READ, NOTDIR),
        ("null", DIRECTORY, 0, NOTDIR),
        ("null", CREATE | EXCLUSIVE, WRITE, EXIST),
        (".", 0, WRITE, ISDIR),
    ] {
        assert_eq!(guest.open(3, path, oflags, rights, 0), Err(errno), "{path} {oflags}");
    }
    assert_eq!(guest.path("path_create_directory", 3, "d", &[]), ROFS);
    assert_eq!(guest.path("path_create_directory", 3, "null", &[]), EXIST);
    assert_eq!(guest.path("path_unlink_file", 3, "null", &[]), ROFS);
    assert_eq!(guest.path("path_remove_directory", 3, "null", &[]), ROFS);
    assert_eq!(guest.path("path_rename", 3, "null", &[4, PATH.into(), 4]), ROFS);
    assert_eq!(guest.path("path_readlink", 3, "null", &[BUFFER.into(), 9, RESULT.into()]), INVAL);
    assert_eq!(guest.path("path_readlink", 3, "x", &[BUFFER.into(), 9, RESULT.into()]), NOENT);
    guest.0.load(PATH, b"null");
    assert_eq!(guest.call("path_link", &[3, 0, PATH.into(), 4, 4, PATH.into(), 4]), ROFS);
    assert_eq!(guest.call("path_filestat_set_times", &[3, 1, PATH.into(), 4, 0, 0, 5]), ROFS);
    let null = guest.open(3, "null", 0, READ | WRITE, 0).expect("it is there");
    assert_eq!(guest.call("fd_filestat_set_times", &[null, 0, 0, 5]), ROFS);
    assert_eq!(guest.call("fd_filestat_set_times", &[3, 0, 0, 5]), ROFS);
}

/// What would take more than the limit fails, and what was there stays.
fn tmp_has_a_limit() {
    let mut guest = Sandbox::start("--tmp=1M");
    let file = guest.create("full");
    let chunk = vec![7; 60_000];
    let mut written = 0;
    let errno = loop {
        match guest.write(file, &chunk) {
            (0, n) => written += u64::from(n),
            (errno, _) => break errno,
        }
    };
    assert_eq!(errno, NOSPC);
    assert!(written <= 1 << 20 && written > (1 << 20) - 2 * BLOCK, "{written}");
    assert_eq!(guest.size(file), written);
    assert_eq!(guest.write(file, b""), (0, 0));
    // What needs no new block goes on.
    guest.seek(file, 0);
    assert_eq!(guest.write(file, b"again"), (0, 5));
    assert_eq!(guest.call("fd_allocate", &[file, 0, 2 << 20]), NOSPC);
    assert_eq!(guest.size(file), written);
    assert_eq!(guest.call("fd_allocate", &[file, 0, written]), 0);
    assert_small(&guest);
    // No room at all.
    let mut guest = Sandbox::start("--tmp=0");
    assert_eq!(guest.open(3, "x", CREATE, WRITE, 0), Err(NOSPC));
    assert_eq!(guest.path("path_create_directory", 3, "d", &[]), NOSPC);
    assert_eq!(guest.list(3, 1000).len(), 2);
}

/// Empty files, directories, links and their names count, too.
fn tmp_of_names() {
    type Make = fn(&mut Sandbox, &str) -> u32;
    let kinds: [(&str, Make); 4] = [
        ("files", |guest, name| match guest.open(3, name, CREATE | EXCLUSIVE, WRITE, 0) {
            Ok(file) => {
                guest.close(file);
                0
            }
            Err(errno) => errno,
        }),
        ("directories", |guest, name| guest.path("path_create_directory", 3, name, &[])),
        ("symbolic links", |guest, name| {
            guest.0.load(PATH2, b"target");
            guest.0.load(PATH, name.as_bytes());
            guest.call("path_symlink", &[PATH2.into(), 6, 3, PATH.into(), name.len() as u64])
        }),
        ("links", |guest, name| {
            guest.0.load(PATH2, b"first");
            guest.0.load(PATH, name.as_bytes());
            guest.call("path_link", &[3, 0, PATH2.into(), 5, 3, PATH.into(), name.len() as u64])
        }),
    ];
    for (kind, make) in kinds {
        let mut guest = Sandbox::start("--tmp=256K");
        let first = guest.create("first");
        guest.close(first);
        let mut n = 0;
        let errno = loop {
            match make(&mut guest, &format!("{n:0100}")) {
                0 => n += 1,
                errno => break errno,
            }
        };
        assert_eq!(errno, NOSPC, "{kind}");
        assert!((300..1000).contains(&n), "{n} {kind}");
        // What is gone leaves room.
        assert_eq!(guest.path("path_rename", 3, "first", &[3, PATH.into(), 5]), 0);
        assert_eq!(guest.path("path_unlink_file", 3, "first", &[]), 0);
        assert_eq!(make(&mut guest, "x"), if kind == "links" { NOENT } else { 0 }, "{kind}");
        assert_small(&guest);
    }
}

/// As often as one likes, if it is taken away again: by removing, replacing, cutting and closing.
fn tmp_gives_back() {
    let mut guest = Sandbox::start("--tmp=100K");
    let chunk = vec![7; 50_000];
    for _ in 0..20 {
        let file = guest.create("a");
        assert_eq!(guest.write(file, &chunk), (0, 50_000));
        assert_eq!(guest.call("fd_filestat_set_size", &[file, 1]), 0);
        guest.seek(file, 1);
        assert_eq!(guest.write(file, &chunk), (0, 50_000));
        // It has no name any more, and takes room until it is closed.
        assert_eq!(guest.path("path_unlink_file", 3, "a", &[]), 0);
        let other = guest.create("b");
        assert_eq!(guest.write(other, &chunk).0, 0);
        assert_eq!(guest.write(other, &chunk).0, NOSPC);
        guest.close(file);
        guest.seek(other, 0);
        assert_eq!(guest.write(other, &chunk), (0, 50_000));
        guest.close(other);
        let third = guest.open(3, "c", CREATE | TRUNCATE, WRITE, 0).expect("there is room");
        guest.0.load(PATH2, b"b");
        assert_eq!(guest.path("path_rename", 3, "c", &[3, PATH2.into(), 1]), 0);
        assert_eq!(guest.write(third, &chunk), (0, 50_000));
        guest.close(third);
        assert_eq!(guest.path("path_create_directory", 3, "d", &[]), 0);
        assert_eq!(guest.path("path_remove_directory", 3, "d", &[]), 0);
        assert_eq!(guest.path("path_unlink_file", 3, "b", &[]), 0);
    }
    assert_eq!(guest.list(3, 1000).len(), 2);
}

/// Places that were never written take no room, and are zero.
fn tmp_sparse() {
    let mut guest = Sandbox::start("--tmp=64K");
    let file = guest.create("a");
    assert_eq!(guest.call("fd_filestat_set_size", &[file, 1 << 62]), 0);
    for offset in [0, 1 << 40, (1 << 62) - 3] {
        guest.seek(file, offset);
        assert_eq!(guest.write(file, b"abc"), (0, 3));
    }
    guest.seek(file, (1 << 40) - 2);
    assert_eq!(guest.read(file, 7), Ok(b"\0\0abc\0\0".to_vec()));
    guest.seek(file, (1 << 62) - 4);
    assert_eq!(guest.read(file, 7), Ok(b"\0abc".to_vec()));
    guest.seek(file, i64::MAX as u64);
    assert_eq!(guest.write(file, b"x"), (FBIG, 0));
    guest.seek(file, i64::MAX as u64 - 1);
    assert_eq!(guest.write(file, b"xy"), (0, 1));
    // Cut in the middle of a block and made longer again: what was there is gone.
    let file = guest.create("b");
    assert_eq!(guest.write(file, &[7; 5000]), (0, 5000));
    for size in [4500, 5000, 4096, 5000, 0, 5000] {
        assert_eq!(guest.call("fd_filestat_set_size", &[file, size]), 0);
        assert_eq!(guest.size(file), size);
    }
    guest.seek(file, 0);
    assert_eq!(guest.read(file, 6000), Ok(vec![0; 5000]));
    assert_small(&guest);
}

/// No path leads out of a directory, and none out of the volume.
fn tmp_is_beneath() {
    let mut guest = Sandbox::start("--tmp");
    assert_eq!(guest.path("path_create_directory", 3, "d", &[]), 0);
    let file = guest.create("secret");
    guest.close(file);
    let inner = guest.open(3, "d", DIRECTORY, 0, 0).expect("it is there");
    guest.0.load(PATH2, b"../secret");
    assert_eq!(guest.0.call("path_symlink", &[PATH2.into(), 9, inner, PATH.into(), 1]), Answer::Errno(0));
    guest.0.load(PATH2, b"/tmp/secret");
    assert_eq!(guest.call("path_symlink", &[PATH2.into(), 11, 3, PATH.into(), 1]), PERM);
    let link = "d";
    for (directory, path) in
        [(3, ".."), (3, "../x"), (3, "/tmp/secret"), (inner, ".."), (inner, "../secret"), (inner, link)]
    {
        assert_eq!(guest.open(directory, path, 0, READ, 0), Err(PERM), "{path}");
        assert_eq!(guest.stat(directory, path, 1), Err(PERM), "{path}");
    }
    // Below the first directory the same link stays inside.
    assert!(guest.open(3, "d/d", 0, READ, 0).is_ok());
    // A directory that was removed takes nothing new.
    assert_eq!(guest.path("path_unlink_file", 3, "d/d", &[]), 0);
    assert_eq!(guest.path("path_remove_directory", 3, "d", &[]), 0);
    assert_eq!(guest.open(inner, "x", CREATE, WRITE, 0), Err(NOENT));
    assert_eq!(guest.path("path_create_directory", inner, "x", &[]), NOENT);
    assert_eq!(guest.list(inner, 1000).len(), 2);
    // Nothing goes into itself, or on a directory that is not empty.
    for path in ["x", "x/y", "x/y/z", "w"] {
        assert_eq!(guest.path("path_create_directory", 3, path, &[]), 0);
    }
    for (old, new, errno) in [("x", "x/y/z/x", INVAL), ("x", "x/y", INVAL), ("w", "x", NOTEMPTY), ("x", "w", 0)] {
        guest.0.load(PATH2, new.as_bytes());
        assert_eq!(guest.path("path_rename", 3, old, &[3, PATH2.into(), new.len() as u64]), errno, "{old} {new}");
    }
    assert_eq!(guest.stat(3, "w/y/z", 1).map(|it| it.0), Ok(filetype::DIRECTORY));
}

/// A list goes on where it stopped, whatever came and went meanwhile.
fn tmp_lists() {
    let mut guest = Sandbox::start("--tmp");
    for nth in 0..100 {
        let file = guest.create(&format!("{nth}"));
        guest.close(file);
    }
    let all = guest.list(3, 100);
    assert_eq!(all.len(), 102);
    assert_eq!(all, guest.list(3, MEMORY / 2));
    // The cookie after the entry `49`.
    assert_eq!(guest.call("fd_readdir", &[3, BUFFER.into(), 2000, 0, RESULT.into()]), 0);
    let bytes = guest.0.dump(BUFFER, 2000);
    let at = bytes.windows(26).position(|it| it[16..20] == [2, 0, 0, 0] && it[24..] == *b"49").expect("it is listed");
    let cookie = u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    for name in ["49", "10", "50"] {
        assert_eq!(guest.path("path_unlink_file", 3, name, &[]), 0);
    }
    let file = guest.create("new");
    guest.close(file);
    assert_eq!(guest.call("fd_readdir", &[3, BUFFER.into(), 4000, cookie, RESULT.into()]), 0);
    let used = guest.0.dump_u32(RESULT);
    let bytes = guest.0.dump(BUFFER, used);
    let text = String::from_utf8_lossy(&bytes);
    assert_eq!(bytes[24..26], *b"51");
    assert!(text.contains("99") && text.contains("new") && !text.contains("50"), "{text}");
    assert_eq!(guest.call("fd_readdir", &[3, BUFFER.into(), 4000, u64::MAX, RESULT.into()]), 0);
    assert_eq!(guest.0.dump_u32(RESULT), 0);
}

/// Nothing moves between file systems, and read-only grants stay so.
fn tmp_and_other_directories() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::write(folder.path().join("f"), "host").expect("files can be written");
    let host = folder.path().display();
    // The program's own directories come first.
    let mut guest = Sandbox::start(&format!("--dir {host}::/data --tmp --dir {host}::/ro::ro"));
    let file = guest.create("t");
    guest.close(file);
    guest.0.load(PATH2, b"new");
    for (from, path, to, errno) in [(3, "t", 4, XDEV), (4, "f", 3, XDEV), (3, "t", 5, ROFS), (5, "f", 3, ROFS)] {
        let rename = guest.path("path_rename", from, path, &[to, PATH2.into(), 3]);
        let link = guest.call("path_link", &[from, 0, PATH.into(), 1, to, PATH2.into(), 3]);
        assert_eq!((rename, link), (errno, errno), "{from} {to}");
    }
    // Rights that were given up do not come back.
    assert_eq!(guest.call("fd_fdstat_set_rights", &[3, 0, READ]), 0);
    assert_eq!(guest.open(3, "t", 0, READ, 0), Err(NOTCAPABLE));
    assert_eq!(guest.path("path_unlink_file", 3, "t", &[]), NOTCAPABLE);
}

/// Nothing is left in the host's directory of temporary files, however the program ends.
fn tmp_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let list = || std::fs::read_dir(folder.path()).expect("it is there").count();
    for end in ["return", "exit", "trap", "kill"] {
        let host = folder.path().to_owned();
        let guest = Guest::start_with("--tmp", &|command| {
            command.env("TMPDIR", &host).current_dir(&host);
        });
        let mut guest = Sandbox(guest);
        let file = guest.create("a");
        assert_eq!(guest.write(file, b"contents"), (0, 8));
        assert_eq!(list(), 0);
        let ended = match end {
            "return" => guest.0.end(),
            "exit" => guest.0.call("proc_exit", &[3]),
            "trap" => guest.0.call("random_get", &[u64::from(MEMORY) - 1, 100]),
            _ => guest.0.call("proc_raise", &[9]),
        };
        assert!(matches!(ended, Answer::Ended(..)), "{end}: {ended:?}");
        assert_eq!(list(), 0, "{end}");
    }
}

/// The process has not taken more memory than it was granted, and its own. An emulator takes more.
fn assert_small(guest: &Sandbox) {
    assert!(process::is_emulated() || guest.0.peak() < 16 << 20);
}

/// Given twice, the last limit counts, and there is one directory.
fn tmp_twice() {
    let mut guest = Sandbox::start("--tmp=0 --dev --tmp=64K --dev");
    assert_eq!(guest.call("fd_prestat_get", &[5, RESULT.into()]), BADF);
    assert!(guest.open(4, "x", CREATE, WRITE, 0).is_ok());
}

/// Without an option there is nothing.
fn none_of_them() {
    let mut guest = Sandbox::start("");
    assert_eq!(guest.call("fd_prestat_get", &[3, RESULT.into()]), BADF);
}
