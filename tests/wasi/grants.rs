//! What a grant allows, and what becomes of descriptors: read-only directories, rights, numbers,
//! and links that change while they are followed.

use crate::driver::{Answer, FREE, Guest, Openat2};
use crate::numbers::errno::{BADF, EXIST, ISDIR, LOOP, NAMETOOLONG, NOENT, NOTCAPABLE, NOTDIR, PERM, ROFS};
use crate::numbers::oflags::{CREATE, DIRECTORY, EXCLUSIVE, TRUNCATE};
use crate::numbers::rights::{READ, SEEK, WRITE};
use crate::tree::{self, Node};
use libtest_mimic::Trial;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::FileTimes;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use test_kit::trial::trial;

const RESULT: u32 = FREE;
const PIECE: u32 = FREE + 16;
const BUFFER: u32 = FREE + 64;
const OLD: u32 = FREE + 4096;
const NEW: u32 = OLD + 4096;

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("grants/read-only-directory", read_only_directory),
        trial("grants/read-only-and-read-write", between_grants),
        trial("grants/read-only-below", below_read_only),
        trial("grants/read-only-file", read_only_file),
        trial("grants/read-only-access-times", read_only_access_times),
        trial("grants/rights-are-told", rights_are_told),
        trial("grants/rights-given-up", rights_given_up),
        trial("grants/renumber", renumber),
        trial("grants/renumber-does-not-leak", renumber_does_not_leak),
        trial("grants/closed-directory", closed_directory),
        trial("grants/trailing-slash", trailing_slash),
        trial("grants/absolute-link", absolute_link),
    ];
    for openat2 in Openat2::ALL {
        let end = openat2.suffix();
        trials.push(trial(format!("grants/links-that-change{end}"), move || links_that_change(openat2)));
        trials.push(trial(format!("grants/long-ways{end}"), move || long_ways(openat2)));
    }
    trials
}

/// `ro` and `rw`, granted as descriptors 3 and 4, and a guest.
struct World {
    _folder: tempfile::TempDir,
    root: PathBuf,
    guest: Guest,
}

impl World {
    fn new() -> World {
        World::on(Openat2::Native)
    }

    fn on(openat2: Openat2) -> World {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let root = folder.path().to_owned();
        for name in ["ro", "rw"] {
            let entries =
                [("file", Node::File("fine")), ("sub/file", Node::File("fine")), ("link", Node::Link("file"))];
            tree::make(&root.join(name), &entries);
        }
        let place = root.display();
        let mut guest = Guest::start_on(openat2, &format!("--dir {place}/ro::/ro::ro --dir {place}/rw::/rw"), &|_| {});
        guest.load(PIECE, &[BUFFER.to_le_bytes(), 4u32.to_le_bytes()].concat());
        // An answer means that it has opened what it was granted.
        assert_eq!(guest.call("sched_yield", &[]).errno(), 0);
        World { _folder: folder, root, guest }
    }

    /// A call with one path after its first argument.
    fn with_path(&mut self, name: &str, directory: u64, path: &str, rest: &[u64]) -> u32 {
        self.guest.load(OLD, path.as_bytes());
        let arguments = [&[directory, OLD.into(), path.len() as u64][..], rest].concat();
        self.guest.call(name, &arguments).errno()
    }

    fn open(&mut self, directory: u64, path: &str, oflags: u64, rights: u64) -> Result<u64, u32> {
        self.guest.load(OLD, path.as_bytes());
        let arguments = [directory, 1, OLD.into(), path.len() as u64, oflags, rights, READ | WRITE, 0, RESULT.into()];
        match self.guest.call("path_open", &arguments).errno() {
            0 => Ok(self.guest.dump_u32(RESULT).into()),
            errno => Err(errno),
        }
    }

    fn rename(&mut self, from: (u64, &str), to: (u64, &str)) -> u32 {
        self.two_paths("path_rename", &[from.0], from.1, to)
    }

    fn link(&mut self, from: (u64, &str), to: (u64, &str)) -> u32 {
        self.two_paths("path_link", &[from.0, 0], from.1, to)
    }

    fn two_paths(&mut self, name: &str, first: &[u64], old: &str, new: (u64, &str)) -> u32 {
        self.guest.load(OLD, old.as_bytes());
        self.guest.load(NEW, new.1.as_bytes());
        let rest = [OLD.into(), old.len() as u64, new.0, NEW.into(), new.1.len() as u64];
        self.guest.call(name, &[first, &rest].concat()).errno()
    }

    fn call(&mut self, name: &str, arguments: &[u64]) -> u32 {
        self.guest.call(name, arguments).errno()
    }

    /// Base and inheriting rights.
    fn rights(&mut self, descriptor: u64) -> [u64; 2] {
        assert_eq!(self.call("fd_fdstat_get", &[descriptor, BUFFER.into()]), 0);
        let bytes = self.guest.dump(BUFFER, 24);
        [8, 16].map(|at| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes")))
    }

    fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.root.join(path)).expect("the file is there")
    }

    /// Files that the process has open, by the system's account.
    fn n_open(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.guest.id())).expect("the guest runs").count()
    }
}

/// Every call that would change something, with the answer of a file system that is mounted
/// read-only.
fn read_only_directory() {
    let mut world = World::new();
    let before = tree::snapshot(&world.root, "");
    for oflags in [TRUNCATE, TRUNCATE | CREATE] {
        for rights in [READ, WRITE, READ | WRITE, 0] {
            assert_eq!(world.open(3, "file", oflags, rights), Err(ROFS));
            assert_eq!(world.open(3, "link", oflags, rights), Err(ROFS));
        }
    }
    assert_eq!(world.open(3, "new", CREATE, READ), Err(ROFS));
    assert_eq!(world.open(3, "new", CREATE | EXCLUSIVE, READ), Err(ROFS));
    assert_eq!(world.open(3, "file", CREATE | EXCLUSIVE, READ), Err(EXIST));
    assert_eq!(world.open(3, "file", 0, WRITE), Err(ROFS));
    assert_eq!(world.open(3, "file", 0, READ | WRITE), Err(ROFS));
    assert_eq!(world.open(3, "sub", DIRECTORY, WRITE), Err(ISDIR));
    assert_eq!(world.open(3, "new", 0, WRITE), Err(NOENT));
    assert_eq!(world.with_path("path_create_directory", 3, "new", &[]), ROFS);
    assert_eq!(world.with_path("path_create_directory", 3, "sub", &[]), EXIST);
    assert_eq!(world.with_path("path_remove_directory", 3, "sub", &[]), ROFS);
    assert_eq!(world.with_path("path_unlink_file", 3, "file", &[]), ROFS);
    assert_eq!(world.rename((3, "file"), (3, "new")), ROFS);
    assert_eq!(world.link((3, "file"), (3, "new")), ROFS);
    for follow in [0, 1] {
        world.guest.load(OLD, b"file");
        let times = [3, follow, OLD.into(), 4, 1, 2, 5];
        assert_eq!(world.call("path_filestat_set_times", &times), ROFS);
    }
    world.guest.load(OLD, b"file");
    world.guest.load(NEW, b"new");
    assert_eq!(world.call("path_symlink", &[OLD.into(), 4, 3, NEW.into(), 3]), ROFS);
    assert_eq!(world.call("fd_filestat_set_times", &[3, 1, 2, 5]), ROFS);
    // What is there can be opened as if it were to be created, and read.
    for oflags in [0, CREATE] {
        let file = world.open(3, "file", oflags, READ).expect("it is there");
        assert_eq!(world.call("fd_read", &[file, PIECE.into(), 1, RESULT.into()]), 0);
        assert_eq!(world.guest.dump(BUFFER, 4), b"fine");
    }
    assert_eq!(tree::differences(&before, &tree::snapshot(&world.root, "")), [""; 0]);
}

/// A file below a read-only grant gets no name below the other, and nothing comes into the
/// read-only one.
fn between_grants() {
    let mut world = World::new();
    let before = tree::snapshot(&world.root, "");
    assert_eq!(world.rename((3, "file"), (4, "new")), ROFS);
    assert_eq!(world.rename((4, "file"), (3, "new")), ROFS);
    assert_eq!(world.rename((4, "file"), (3, "file")), ROFS);
    assert_eq!(world.link((3, "file"), (4, "new")), ROFS);
    assert_eq!(world.link((4, "file"), (3, "new")), ROFS);
    assert_eq!(world.link((3, "link"), (4, "new")), ROFS);
    assert_eq!(tree::differences(&before, &tree::snapshot(&world.root, "")), [""; 0]);
    // The other one takes all of this.
    assert_eq!(world.link((4, "file"), (4, "second")), 0);
    assert_eq!(world.rename((4, "second"), (4, "sub/third")), 0);
    assert!(world.open(4, "sub/third", TRUNCATE, WRITE).is_ok());
    assert_eq!(world.text("rw/file"), "");
}

/// A folder that was opened below a read-only grant is read-only as well.
fn below_read_only() {
    let mut world = World::new();
    let before = tree::snapshot(&world.root, "");
    let sub = world.open(3, "sub", DIRECTORY, READ).expect("it is there");
    assert_eq!(world.open(sub, "file", TRUNCATE, READ), Err(ROFS));
    assert_eq!(world.open(sub, "new", CREATE, WRITE), Err(ROFS));
    assert_eq!(world.with_path("path_unlink_file", sub, "file", &[]), ROFS);
    assert_eq!(world.link((sub, "file"), (4, "new")), ROFS);
    assert_eq!(world.open(sub, "../file", 0, READ), Err(PERM));
    // A number of its own does not make it another.
    let other = world.open(4, "sub", DIRECTORY, READ).expect("it is there");
    assert_eq!(world.call("fd_renumber", &[sub, other]), 0);
    assert_eq!(world.with_path("path_unlink_file", other, "file", &[]), ROFS);
    assert_eq!(tree::differences(&before, &tree::snapshot(&world.root, "")), [""; 0]);
}

/// A file that was opened below a read-only grant can't be changed through its descriptor.
fn read_only_file() {
    let mut world = World::new();
    let before = tree::snapshot(&world.root, "");
    let file = world.open(3, "file", 0, READ).expect("it is there");
    assert_eq!(world.call("fd_write", &[file, PIECE.into(), 1, RESULT.into()]), BADF);
    assert_eq!(world.call("fd_pwrite", &[file, PIECE.into(), 1, 0, RESULT.into()]), BADF);
    assert_eq!(world.call("fd_allocate", &[file, 0, 100]), BADF);
    assert_eq!(world.call("fd_filestat_set_size", &[file, 0]), BADF);
    assert_eq!(world.call("fd_filestat_set_times", &[file, 1, 2, 5]), ROFS);
    assert_eq!(world.call("fd_fdstat_set_rights", &[file, READ | WRITE, 0]), NOTCAPABLE);
    assert_eq!(world.call("fd_fdstat_set_flags", &[file, 1]), 0);
    assert_eq!(world.call("fd_write", &[file, PIECE.into(), 1, RESULT.into()]), BADF);
    assert_eq!(tree::differences(&before, &tree::snapshot(&world.root, "")), [""; 0]);
}

/// Nobody sees that something was read.
fn read_only_access_times() {
    let mut world = World::new();
    let places = ["ro/file", "ro/sub", "ro"].map(|name| world.root.join(name));
    // Older than the last change: most file systems would note the next access.
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for place in &places {
        let times = FileTimes::new().set_accessed(long_ago);
        std::fs::File::open(place).and_then(|file| file.set_times(times)).expect("it is ours");
    }
    let file = world.open(3, "file", 0, READ).expect("it is there");
    assert_eq!(world.call("fd_read", &[file, PIECE.into(), 1, RESULT.into()]), 0);
    let sub = world.open(3, "sub", DIRECTORY, READ).expect("it is there");
    for directory in [3, sub] {
        assert_eq!(world.call("fd_readdir", &[directory, BUFFER.into(), 100, 0, RESULT.into()]), 0);
    }
    for place in &places {
        let accessed = std::fs::metadata(place).and_then(|it| it.accessed()).expect("the system tells");
        assert_eq!(accessed, long_ago, "{}", place.display());
    }
}

/// Rights that change something (`$rights`): making, linking, renaming, sizes and times, removing.
const CHANGES: u64 = 1 << 9 | 1 << 10 | 1 << 12 | 0b11 << 16 | 0b11 << 19 | 1 << 22 | 0b1111 << 23;

fn rights_are_told() {
    let mut world = World::new();
    let [read_only, _] = world.rights(3);
    let [read_write, _] = world.rights(4);
    assert_eq!(read_only & CHANGES, 0);
    assert_eq!(read_write & CHANGES, CHANGES & !(1 << 22));
    let file = world.open(3, "file", 0, READ).expect("it is there");
    let [base, inheriting] = world.rights(file);
    assert_eq!((base & (READ | WRITE | SEEK | CHANGES), inheriting), (READ | SEEK, 0));
    let file = world.open(4, "file", 0, WRITE).expect("it is there");
    let [base, _] = world.rights(file);
    assert_eq!(base & (READ | WRITE | SEEK), WRITE | SEEK);
}

/// What was given up is gone: for the descriptor, for what is opened from it, and for good.
fn rights_given_up() {
    let mut world = World::new();
    let [base, inheriting] = world.rights(4);
    let unlink = 1 << 26;
    assert_eq!(world.call("fd_fdstat_set_rights", &[4, base & !unlink, inheriting & !WRITE]), 0);
    assert_eq!(world.with_path("path_unlink_file", 4, "file", &[]), NOTCAPABLE);
    assert_eq!(world.open(4, "file", 0, WRITE), Err(NOTCAPABLE));
    assert_eq!(world.call("fd_fdstat_set_rights", &[4, base, inheriting & !WRITE]), NOTCAPABLE);
    let same = world.open(4, ".", DIRECTORY, READ).expect("it is there");
    assert_eq!(world.with_path("path_unlink_file", same, "file", &[]), NOTCAPABLE);
    let sub = world.open(4, "sub", DIRECTORY, READ).expect("it is there");
    assert_eq!(world.open(sub, "file", 0, WRITE), Err(NOTCAPABLE));
    let file = world.open(4, "file", 0, READ).expect("it is there");
    assert_eq!(world.call("fd_fdstat_set_rights", &[file, SEEK, 0]), 0);
    assert_eq!(world.call("fd_read", &[file, PIECE.into(), 1, RESULT.into()]), BADF);
    assert_eq!(world.call("fd_advise", &[file, 0, 4, 3]), NOTCAPABLE);
}

fn renumber() {
    let mut world = World::new();
    let file = world.open(4, "file", 0, READ).expect("it is there");
    assert_eq!(world.call("fd_renumber", &[file, file]), 0);
    assert_eq!(world.call("fd_read", &[file, PIECE.into(), 1, RESULT.into()]), 0);
    // Closed ones, as source and as target.
    assert_eq!(world.call("fd_renumber", &[file + 1, file]), BADF);
    assert_eq!(world.call("fd_renumber", &[file, file + 1]), BADF);
    assert_eq!(world.call("fd_renumber", &[file, 0xffff_ffff]), BADF);
    assert_eq!(world.call("fd_renumber", &[0xffff_ffff, file]), BADF);
    // Onto a granted directory: it is gone, and no other power has come.
    assert_eq!(world.call("fd_renumber", &[file, 4]), 0);
    assert_eq!(world.open(4, "file", 0, READ), Err(NOTDIR));
    assert_eq!(world.call("fd_prestat_get", &[4, BUFFER.into()]), BADF);
    assert_eq!(world.call("fd_tell", &[4, RESULT.into()]), 0);
    assert_eq!(world.call("fd_close", &[file]), BADF);
    // One granted directory onto another takes its restrictions along.
    assert_eq!(world.call("fd_renumber", &[3, 4]), 0);
    assert_eq!(world.with_path("path_unlink_file", 4, "file", &[]), ROFS);
    assert_eq!(world.open(3, "file", 0, READ), Err(BADF));
}

fn renumber_does_not_leak() {
    let mut world = World::new();
    let kept = world.open(4, "file", 0, READ).expect("it is there");
    let before = world.n_open();
    for _ in 0..300 {
        let next = world.open(4, "file", 0, READ).expect("it is there");
        assert_eq!(world.call("fd_renumber", &[next, kept]), 0);
        assert_eq!(world.call("fd_renumber", &[kept, kept]), 0);
    }
    assert_eq!(world.n_open(), before);
    assert_eq!(world.call("fd_close", &[kept]), 0);
    assert_eq!(world.n_open(), before - 1);
}

fn closed_directory() {
    let mut world = World::new();
    let before = world.n_open();
    assert_eq!(world.call("fd_close", &[4]), 0);
    assert_eq!(world.n_open(), before - 1);
    assert_eq!(world.open(4, "file", 0, READ), Err(BADF));
    assert_eq!(world.call("fd_prestat_get", &[4, BUFFER.into()]), BADF);
    // The lowest free number is next, as in POSIX.
    assert_eq!(world.open(3, "file", 0, READ), Ok(4));
    // The standard streams stay the process's: what the guest closes is its own number.
    assert_eq!(world.call("fd_close", &[2]), 0);
    assert_eq!(world.call("fd_write", &[2, PIECE.into(), 1, RESULT.into()]), BADF);
    assert_eq!(world.open(3, "file", 0, READ), Ok(2));
    let streams: Vec<_> = (0..3).map(|n| format!("/proc/{}/fd/{n}", world.guest.id())).collect();
    for stream in streams {
        let target = std::fs::read_link(&stream).expect("it is open");
        assert!(target.to_string_lossy().starts_with("pipe:"), "{stream} is {}", target.display());
    }
    assert_eq!(world.guest.end(), Answer::Ended(0, String::new()));
}

/// A slash after a link makes the system follow it even where it would not: the escape that
/// cap-primitives 4.0.3 fixed.
fn trailing_slash() {
    let mut world = World::new();
    tree::make(&world.root, &[("outside/secret", Node::File("secret"))]);
    for (name, target) in [("plain", "../outside"), ("slash", "../outside/")] {
        std::os::unix::fs::symlink(target, world.root.join("rw").join(name)).expect("links can be made");
        for path in [format!("{name}/"), format!("{name}//"), format!("{name}/."), format!("{name}/./")] {
            assert_eq!(world.open(4, &path, DIRECTORY, READ), Err(PERM), "{path}");
            for follow in [0, 1] {
                world.guest.load(OLD, path.as_bytes());
                let arguments = [4, follow, OLD.into(), path.len() as u64, BUFFER.into()];
                assert_eq!(world.call("path_filestat_get", &arguments), PERM, "{path}");
            }
            let rest = [BUFFER.into(), 64, RESULT.into()];
            assert_eq!(world.with_path("path_readlink", 4, &path, &rest), PERM, "{path}");
        }
    }
    assert_eq!(world.text("outside/secret"), "secret");
}

/// The guest makes no links that others would follow out of the directory.
fn absolute_link() {
    let mut world = World::new();
    world.guest.load(OLD, b"/etc");
    world.guest.load(NEW, b"new");
    assert_eq!(world.call("path_symlink", &[OLD.into(), 4, 4, NEW.into(), 3]), PERM);
    assert_eq!(world.call("path_symlink", &[u64::from(OLD) + 1, 3, 4, NEW.into(), 3]), 0);
    assert_eq!(std::fs::read_link(world.root.join("rw/new")).expect("it was made"), Path::new("etc"));
}

/// As many links as the kernel follows and one more, names and paths of the greatest length.
fn long_ways(openat2: Openat2) {
    let mut world = World::on(openat2);
    for n in 1..=41 {
        let target = if n == 1 { "sub".to_owned() } else { (n - 1).to_string() };
        std::os::unix::fs::symlink(target, world.root.join(format!("ro/{n}"))).expect("links can be made");
    }
    for (path, expected) in [("40", 0), ("41", LOOP), ("40/file", 0), ("41/file", LOOP), ("41/", LOOP)] {
        let oflags = if path.contains("file") { 0 } else { DIRECTORY };
        assert_eq!(world.open(3, path, oflags, READ).err().unwrap_or(0), expected, "{path}");
    }
    let name = "n".repeat(256);
    for path in [name.clone(), format!("sub/{name}"), format!("{name}/file")] {
        assert_eq!(world.open(3, &path, 0, READ), Err(NAMETOOLONG), "{path}");
    }
    assert!(world.open(3, &format!("{}file", "sub/../".repeat(500)), 0, READ).is_ok());
}

/// Someone exchanges a folder and a link out of the directory, again and again, while the guest
/// walks through that name.
fn links_that_change(openat2: Openat2) {
    let mut world = World::on(openat2);
    let root = world.root.clone();
    let entries = [("outside/file", Node::File("secret")), ("rw/way/file", Node::File("fine"))];
    tree::make(&root, &entries);
    std::os::unix::fs::symlink("../outside", root.join("rw/other")).expect("links can be made");
    let stop = AtomicBool::new(false);
    let mut n_opened = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let [way, other] = ["rw/way", "rw/other"].map(|name| root.join(name));
                renameat_with(CWD, way, CWD, other, RenameFlags::EXCHANGE).expect("both are there");
            }
        });
        for round in 0..2000 {
            if let Ok(file) = world.open(4, "way/file", 0, READ) {
                n_opened += 1;
                assert_eq!(world.call("fd_read", &[file, PIECE.into(), 1, RESULT.into()]), 0);
                assert_eq!(world.guest.dump(BUFFER, 4), b"fine");
                assert_eq!(world.call("fd_close", &[file]), 0);
            }
            let made = format!("way/made{round}");
            world.with_path("path_create_directory", 4, &made, &[]);
            world.with_path("path_unlink_file", 4, "way/file2", &[]);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(n_opened > 0, "the guest never came through");
    let outside = std::fs::read_dir(root.join("outside")).expect("it is there").count();
    assert_eq!((outside, world.text("outside/file")), (1, "secret".to_owned()));
}
