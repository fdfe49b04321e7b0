//! A directory of the program's own has the same answers as one of the host that was granted for
//! reading and writing, whatever is done in it: steps at random in both.

use crate::numbers::oflags::{CREATE, DIRECTORY, EXCLUSIVE, TRUNCATE};
use crate::numbers::rights::{READ, WRITE};
use crate::numbers::{fdflags, filetype};
use crate::sandbox::{BUFFER, PATH, PATH2, PIECES, RESULT, STAT, Sandbox};
use libtest_mimic::Trial;
use std::collections::BTreeSet;
use test_kit::dice::Dice;
use test_kit::trial::trial;

pub fn trials() -> Vec<Trial> {
    vec![trial("powers/tmp-as-a-directory-of-the-host", tmp_as_a_directory_of_the_host)]
}

/// Paths of the random walk: short, so that they meet.
const PATHS: [&str; 18] = [
    "a",
    "b",
    "c",
    "d",
    "d/a",
    "d/b",
    "d/e",
    "d/e/a",
    "a/",
    "d/",
    "d/e/",
    "./a",
    "d/../b",
    ".",
    "..",
    "d/..",
    "d/e/../../c",
    "a/b",
];

/// The same steps at random in a directory of the host and in one of the program's own.
fn tmp_as_a_directory_of_the_host() {
    let wrong: Vec<String> = (0..24).filter_map(first_difference).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The first step whose answers differ; the host's comes first.
fn first_difference(seed: u64) -> Option<String> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let host = format!("--dir {}::/tmp", folder.path().display());
    let mut guests = [Sandbox::start(&host), Sandbox::start("--tmp=4M")];
    let mut dice = Dice::new("tmp", seed);
    // Descriptors that both guests have open, by the same numbers.
    let mut files: Vec<u64> = Vec::new();
    for nth in 0..400 {
        let step = step(&mut dice, &files);
        let [theirs, ours] = guests.each_mut().map(|guest| take_step(guest, &step));
        if theirs != ours {
            return Some(format!("seed {seed}, step {nth}: {step:?}: {theirs:?} and {ours:?}"));
        }
        match (&step, &ours) {
            (Step::Open(..), Done::Descriptor(number)) => files.push(*number),
            (Step::Close(number), _) => files.retain(|other| other != number),
            _ => {}
        }
    }
    None
}

/// A step, which is the same for both.
#[derive(Clone, Debug)]
enum Step {
    Open(&'static str, [u64; 4]),
    Close(u64),
    Write(u64, usize),
    WriteAt(u64, usize, u64),
    Read(u64, u32),
    Seek(u64, u64, u64),
    SetSize(u64, u64),
    Allocate(u64, u64, u64),
    FileStat(u64),
    SetTimes(u64, u64),
    Flags(u64),
    SetFlags(u64, u64),
    One(&'static str, &'static str),
    Two(&'static str, &'static str, &'static str),
    Symlink(&'static str, &'static str),
    ReadLink(&'static str),
    Stat(&'static str, u64),
    PathTimes(&'static str, u64),
    List,
}

fn step(dice: &mut Dice, files: &[u64]) -> Step {
    let path = dice.one_of(&PATHS);
    if files.is_empty() || dice.below(2) == 0 {
        return match dice.below(12) {
            0..=3 => {
                let oflags =
                    dice.one_of(&[0, CREATE, CREATE, CREATE | EXCLUSIVE, CREATE | TRUNCATE, TRUNCATE, DIRECTORY]);
                let rights = dice.one_of(&[READ, READ | WRITE, WRITE, 0]);
                let flags = dice.one_of(&[0, 0, 0, fdflags::APPEND, fdflags::NONBLOCK]);
                Step::Open(path, [dice.below(2) as u64, oflags, rights, flags])
            }
            4 | 5 => Step::One("path_create_directory", path),
            6 => Step::One(dice.one_of(&["path_remove_directory", "path_unlink_file"]), path),
            7 => Step::Two("path_rename", path, dice.one_of(&PATHS)),
            8 => Step::Two("path_link", path, dice.one_of(&PATHS)),
            9 => Step::Symlink(dice.one_of(&["a", "b", "d", "../a", "e", "nowhere", "d/"]), path),
            10 => dice
                .one_of(&[Choice::ReadLink, Choice::Stat, Choice::Stat, Choice::Times])
                .of(path, dice.below(2) as u64),
            _ => Step::List,
        };
    }
    let file = dice.one_of(files);
    let offset = dice.one_of(&[0, 1, 100, 4095, 4096, 4097, 10_000, 70_000]);
    match dice.below(12) {
        0 => Step::Close(file),
        1 | 2 => Step::Write(file, dice.one_of(&[0, 1, 10, 4096, 5000])),
        3 => Step::WriteAt(file, dice.one_of(&[0, 1, 10, 5000]), offset),
        4 | 5 => Step::Read(file, dice.one_of(&[0, 1, 10, 4096, 20_000])),
        6 => Step::Seek(file, dice.one_of(&[offset, u64::MAX, offset.wrapping_neg(), 1 << 40]), dice.below(3) as u64),
        7 => Step::SetSize(file, dice.one_of(&[offset, u64::MAX])),
        8 => Step::Allocate(file, offset, dice.one_of(&[0, 1, 4096, 9000])),
        9 => Step::FileStat(file),
        10 => {
            dice.one_of(&[Choice::Flags, Choice::SetFlags, Choice::Times]).of_file(file, dice.one_of(&[0, 1, 2, 4, 5]))
        }
        _ => Step::FileStat(file),
    }
}

#[derive(Clone, Copy)]
enum Choice {
    ReadLink,
    Stat,
    Times,
    Flags,
    SetFlags,
}

impl Choice {
    fn of(self, path: &'static str, follow: u64) -> Step {
        match self {
            Choice::ReadLink => Step::ReadLink(path),
            Choice::Times => Step::PathTimes(path, follow),
            _ => Step::Stat(path, follow),
        }
    }

    fn of_file(self, file: u64, flags: u64) -> Step {
        match self {
            Choice::Flags => Step::Flags(file),
            Choice::SetFlags => Step::SetFlags(file, flags),
            _ => Step::SetTimes(file, 1_000_000_000 * flags),
        }
    }
}

/// What a step showed.
#[derive(Debug, PartialEq, Eq)]
enum Done {
    Errno(u32),
    Descriptor(u64),
    Bytes(Vec<u8>),
    Number(u64),
    Stat(u8, u64, u64),
    List(BTreeSet<(String, u8)>),
}

fn take_step(guest: &mut Sandbox, step: &Step) -> Done {
    let result: u64 = RESULT.into();
    match *step {
        Step::Open(path, [lookup, oflags, rights, flags]) => {
            guest.open_with(3, path, lookup, oflags, rights, flags).map_or_else(Done::Errno, Done::Descriptor)
        }
        Step::Close(file) => Done::Errno(guest.call("fd_close", &[file])),
        Step::Write(file, length) => {
            let bytes: Vec<u8> = (0..length).map(|nth| nth as u8 | 1).collect();
            match guest.write(file, &bytes) {
                (0, n) => Done::Number(n.into()),
                (errno, _) => Done::Errno(errno),
            }
        }
        Step::WriteAt(file, length, offset) => {
            guest.0.load(BUFFER, &vec![7; length]);
            guest.0.load(PIECES, &[BUFFER, length as u32].map(u32::to_le_bytes).concat());
            done_with(guest, "fd_pwrite", &[file, PIECES.into(), 1, offset, result], false)
        }
        Step::Read(file, length) => guest.read(file, length).map_or_else(Done::Errno, Done::Bytes),
        Step::Seek(file, offset, whence) => done_with(guest, "fd_seek", &[file, offset, whence, result], true),
        Step::SetSize(file, size) => Done::Errno(guest.call("fd_filestat_set_size", &[file, size])),
        Step::Allocate(file, offset, length) => Done::Errno(guest.call("fd_allocate", &[file, offset, length])),
        Step::FileStat(file) => match guest.call("fd_filestat_get", &[file, STAT.into()]) {
            0 => {
                let kind = guest.0.dump(STAT + 16, 1)[0];
                let is_directory = kind == filetype::DIRECTORY;
                let [links, size] = [STAT + 24, STAT + 32].map(|at| if is_directory { 0 } else { guest.word(at) });
                Done::Stat(kind, links, size)
            }
            errno => Done::Errno(errno),
        },
        Step::SetTimes(file, time) => match guest.call("fd_filestat_set_times", &[file, time, time, 5]) {
            0 => {
                assert_eq!(guest.call("fd_filestat_get", &[file, STAT.into()]), 0);
                Done::Number(guest.word(STAT + 48))
            }
            errno => Done::Errno(errno),
        },
        Step::Flags(file) => match guest.call("fd_fdstat_get", &[file, STAT.into()]) {
            0 => Done::Bytes(guest.0.dump(STAT, 24)),
            errno => Done::Errno(errno),
        },
        Step::SetFlags(file, flags) => Done::Errno(guest.call("fd_fdstat_set_flags", &[file, flags])),
        Step::One(name, path) => Done::Errno(guest.path(name, 3, path, &[])),
        Step::Two(name, old, new) => {
            guest.0.load(PATH, old.as_bytes());
            guest.0.load(PATH2, new.as_bytes());
            let old = [PATH.into(), old.len() as u64];
            let new = [3, PATH2.into(), new.len() as u64];
            let first = if name == "path_link" { &[3, 0][..] } else { &[3] };
            Done::Errno(guest.call(name, &[first, &old, &new].concat()))
        }
        Step::Symlink(target, path) => {
            guest.0.load(PATH2, target.as_bytes());
            guest.0.load(PATH, path.as_bytes());
            let arguments = [PATH2.into(), target.len() as u64, 3, PATH.into(), path.len() as u64];
            Done::Errno(guest.call("path_symlink", &arguments))
        }
        Step::ReadLink(path) => match guest.path("path_readlink", 3, path, &[BUFFER.into(), 100, result]) {
            0 => {
                let length = guest.0.dump_u32(RESULT);
                Done::Bytes(guest.0.dump(BUFFER, length))
            }
            errno => Done::Errno(errno),
        },
        Step::Stat(path, follow) => {
            guest.stat(3, path, follow).map_or_else(Done::Errno, |(kind, links, size)| Done::Stat(kind, links, size))
        }
        Step::PathTimes(path, follow) => {
            guest.0.load(PATH, path.as_bytes());
            let arguments = [3, follow, PATH.into(), path.len() as u64, 5_000_000_000, 7_000_000_000, 5];
            Done::Errno(guest.call("path_filestat_set_times", &arguments))
        }
        Step::List => Done::List(guest.list(3, 200).into_iter().collect()),
    }
}

/// A call whose result is a number of 32 or 64 bits.
fn done_with(guest: &mut Sandbox, name: &str, arguments: &[u64], is_wide: bool) -> Done {
    match guest.call(name, arguments) {
        0 if is_wide => Done::Number(guest.word(RESULT)),
        0 => Done::Number(guest.0.dump_u32(RESULT).into()),
        errno => Done::Errno(errno),
    }
}
