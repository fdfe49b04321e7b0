//! Random sequences of calls, through our runtime and through the crate `wasi-common`, over equal
//! trees: the same answers, and the same tree afterwards.
//!
//! Calls whose answers may differ are rows of [`KNOWN`], each of which docs/wasi.md explains.
//! `W2N_SEEDS=A..B` names other sequences than the usual ones (with `W2N_FULL=1`, 4,000).

use crate::driver::{Answer, FREE, Guest};
use crate::numbers::{errno, fdflags, oflags};
use crate::tree::{self, Node};
use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use test_kit::dice::Dice;
use test_kit::folder::Folder;
use test_kit::trials;
use wasi_common::WasiCtx;
use wasi_common::snapshots::preview_1::wasi_snapshot_preview1 as reference;
use wasi_common::sync::{Dir, WasiCtxBuilder, ambient_authority};
use wiggle::GuestMemory;

pub fn trials() -> Vec<Trial> {
    trials!["oracle": sequences_of_calls, known_differences_are_documented]
}

/// Calls whose answers differ, and who is right.
struct Known {
    function: &'static str,
    ours: u32,
    theirs: u32,
    /// A sentence of docs/wasi.md.
    reason: &'static str,
}

const KNOWN: &[Known] = &[
    row("path_*", errno::NOENT, errno::BADF, EMPTY),
    row("path_*", errno::NOTDIR, errno::BADF, NOT_A_DIRECTORY),
    row("path_*", errno::NOTDIR, 0, SLASH),
    row("path_*", errno::NOENT, errno::INVAL, ORDER),
    row("path_*", errno::NOENT, errno::NOTDIR, ORDER),
    row("path_*", errno::NOENT, errno::PERM, ORDER),
    row("path_*", errno::NOENT, TRAP, ORDER),
    row("path_*", errno::EXIST, errno::NOTDIR, SLASH),
    row("path_*", errno::EXIST, errno::BADF, ORDER),
    row("path_*", errno::EXIST, errno::NOENT, SLASH),
    row("path_*", errno::EXIST, errno::PERM, ORDER),
    row("fd_filestat_set_size", errno::BADF, errno::INVAL, READ_ONLY),
    row("fd_filestat_set_size", errno::BADF, 0, READ_ONLY),
    row("fd_pread", errno::INVAL, errno::BADF, ORDER),
    row("fd_seek", errno::INVAL, errno::BADF, ORDER),
    row("path_filestat_get", errno::NOENT, 0, SLASH),
    row("path_filestat_get", errno::PERM, 0, SLASH),
    row("path_filestat_set_times", errno::NOENT, 0, NO_TIMES),
    row("path_link", errno::INVAL, errno::BADF, ORDER),
    row("path_link", errno::PERM, errno::EXIST, ORDER),
    row("path_link", errno::PERM, errno::NOENT, ORDER),
    row("path_link", errno::PERM, errno::NOTDIR, ORDER),
    row("path_open", 0, errno::INVAL, APPEND),
    row("path_open", 0, errno::ISDIR, APPEND),
    row("path_open", errno::ISDIR, errno::INVAL, ORDER),
    row("path_open", errno::LOOP, errno::INVAL, ORDER),
    row("path_open", errno::NOTDIR, errno::INVAL, ORDER),
    row("path_open", errno::PERM, errno::INVAL, ORDER),
    row("path_open", errno::NOTDIR, errno::LOOP, LINK),
    row("path_remove_directory", 0, errno::INVAL, SLASH),
    row("path_remove_directory", errno::NOTEMPTY, errno::INVAL, SLASH),
    row("path_remove_directory", errno::NOTDIR, errno::INVAL, SLASH),
    row("path_remove_directory", errno::NOTDIR, errno::NOENT, SLASH),
    row("path_rename", errno::NOTDIR, errno::ISDIR, SLASH),
    row("path_rename", errno::NOTDIR, errno::NOTEMPTY, SLASH),
    row("path_unlink_file", errno::NOTDIR, errno::ISDIR, SLASH),
    row("path_unlink_file", errno::NOTDIR, errno::NOENT, SLASH),
];

const fn row(function: &'static str, ours: u32, theirs: u32, reason: &'static str) -> Known {
    Known { function, ours, theirs, reason }
}

const READ_ONLY: &str = "What was opened without the right to write can't be made longer or shorter.";
const EMPTY: &str = "An empty path is `noent`, whatever the descriptor is.";
const NOT_A_DIRECTORY: &str = "A path below a descriptor that is not a directory is `notdir`.";
const SLASH: &str = "A slash at the end of a path asks for a directory.";
const NO_TIMES: &str = "A file whose times are set to nothing must be there.";
const ORDER: &str = "A call that is wrong in two ways has one of two error numbers.";
const APPEND: &str = "`append` says nothing of what may be opened.";
const LINK: &str = "A link that is not followed is not a directory.";

/// In the place of an error number: a number that stands for nothing is a trap.
const TRAP: u32 = 1000;

/// Where the arguments of calls lie in the guest's memory.
const RESULT: u32 = FREE;
const FIRST_PATH: u32 = FREE + 256;
const SECOND_PATH: u32 = FREE + 512;
const PIECES: u32 = FREE + 768;
const DATA: u32 = FREE + 1024;
const DATA_LENGTH: u32 = 4096;
const MEMORY: usize = 4 << 16;

/// The tree at the beginning.
const TREE: &[(&str, Node)] = &[
    ("a", Node::File("the first file")),
    ("b", Node::File("")),
    ("d/x", Node::File("inside")),
    ("d/e/y", Node::File("deep")),
    ("empty", Node::Dir),
    ("link", Node::Link("a")),
    ("folder", Node::Link("d")),
    ("nowhere", Node::Link("nothing")),
    ("round", Node::Link("round")),
    ("out", Node::Link("../out")),
];

const PATHS: [&str; 26] = [
    "a", "b", "c", "d", "d/x", "d/e", "d/e/y", "d/new", "empty", "link", "folder", "folder/x", "nowhere", "round",
    "out", "a/", "d/", "empty/", "link/", "folder/", ".", "..", "d/..", "d/../a", "a/b", "",
];

/// What a call leaves in memory, and how it is compared.
#[derive(Copy, Clone, Debug)]
enum Out {
    /// So many bytes.
    Bytes(u32, u32),
    /// As many bytes as the number at the first address says, at the second.
    Counted(u32, u32),
    /// A `$filestat`, without what differs between two trees: device, number, times.
    Filestat(u32),
    /// The entries of a directory that fits into [`DATA`], in any order, and without their numbers.
    Entries,
    /// A new descriptor.
    Descriptor(u32),
}

#[derive(Copy, Clone, Debug)]
enum Argument {
    Number(u64),
    /// An index into the descriptors of a sequence.
    Descriptor(usize),
}

#[derive(Debug)]
struct Call {
    function: &'static str,
    arguments: Vec<Argument>,
    loads: Vec<(u32, Vec<u8>)>,
    outs: Vec<Out>,
}

/// Starts a guest in a folder whose folder `ours` it is granted.
pub type Start = dyn Fn(&Path) -> Guest;

/// Both sides of a sequence.
struct Pair {
    folder: Folder,
    guest: Guest,
    context: WasiCtx,
    memory: Vec<u8>,
    /// Of each descriptor, our number and theirs.
    descriptors: Vec<[u64; 2]>,
}

impl Pair {
    fn new(start: &Start) -> Result<Pair> {
        let folder = Folder::empty();
        for side in ["ours", "theirs"] {
            tree::make(&folder.path(side), TREE);
        }
        let guest = start(&folder.path("."));
        let dir = Dir::open_ambient_dir(folder.path("theirs"), ambient_authority())?;
        let context = WasiCtxBuilder::new().preopened_dir(dir, "/").map_err(failed)?.build();
        // The streams, the directory, and two that are closed.
        let descriptors = vec![[3, 3], [77, 77], [u64::from(u32::MAX), u64::from(u32::MAX)]];
        Ok(Pair { folder, guest, context, memory: vec![0; MEMORY], descriptors })
    }

    /// Error numbers of both.
    fn call(&mut self, call: &Call) -> Result<[u32; 2]> {
        // What an earlier call left is not what this one left.
        let blank = vec![0xaa; DATA_LENGTH as usize];
        for (address, bytes) in [(RESULT, vec![0xaa; 256]), (DATA, blank)].iter().chain(&call.loads) {
            self.guest.load(*address, bytes);
            let start = *address as usize;
            self.memory[start..start + bytes.len()].copy_from_slice(bytes);
        }
        let numbers = |side: usize| -> Vec<u64> {
            let number = |argument: &Argument| match *argument {
                Argument::Number(number) => number,
                Argument::Descriptor(index) => self.descriptors[index][side],
            };
            call.arguments.iter().map(number).collect()
        };
        let (ours, theirs) = (numbers(0), numbers(1));
        let ours = match self.guest.call(call.function, &ours) {
            Answer::Errno(errno) => errno,
            Answer::Ended(134, said) if said.contains("invalid argument of a WASI call") => TRAP,
            Answer::Ended(status, said) => bail!("the guest ended with {status}: {said}"),
        };
        Ok([ours, refer(&mut self.context, &mut self.memory, call.function, &theirs)?])
    }

    /// Compares what a call that succeeded on both sides has left in memory.
    fn compare(&mut self, call: &Call) -> Result<()> {
        for out in &call.outs {
            let mut both = |address: u32, length: u32| {
                let start = address as usize;
                [self.guest.dump(address, length), self.memory[start..start + length as usize].to_vec()]
            };
            let [ours, theirs] = match *out {
                Out::Bytes(address, length) => both(address, length),
                Out::Counted(count, address) => {
                    let [one, two] = both(count, 4);
                    ensure!(one == two, "{one:?} bytes, theirs {two:?}");
                    both(address, number(&one).min(DATA_LENGTH))
                }
                // Kind, number of links, size.
                Out::Filestat(address) => both(address, 64).map(|stat| [&stat[16..17], &stat[24..40]].concat()),
                Out::Entries => {
                    let lengths = both(RESULT, 4).map(|it| number(&it) as usize);
                    let [ours, theirs] = both(DATA, DATA_LENGTH);
                    let (ours, theirs) = (entries(&ours[..lengths[0]])?, entries(&theirs[..lengths[1]])?);
                    ensure!(ours == theirs, "{ours:?}, theirs {theirs:?}");
                    continue;
                }
                Out::Descriptor(address) => {
                    let [one, two] = both(address, 4);
                    self.descriptors.push([number(&one).into(), number(&two).into()]);
                    continue;
                }
            };
            ensure!(ours == theirs, "{out:?}: {ours:02x?}, theirs {theirs:02x?}");
        }
        Ok(())
    }

    /// Takes the descriptor that a call has closed from the list: our numbers are used again.
    fn forget(&mut self, call: &Call) {
        let closed = match (call.function, &call.arguments[..]) {
            ("fd_close", [Argument::Descriptor(closed)]) => *closed,
            ("fd_renumber", [Argument::Descriptor(from), Argument::Descriptor(to)])
                if self.descriptors[*from] != self.descriptors[*to] =>
            {
                *from
            }
            _ => return,
        };
        let gone = self.descriptors[closed];
        // The first three are in every sequence.
        let mut index = 0;
        self.descriptors.retain(|numbers| {
            index += 1;
            index <= 3 || *numbers != gone
        });
    }

    /// What lies below a side's directory: kinds, contents, modes, numbers of links.
    fn tree(&self, side: &str) -> Result<BTreeMap<String, String>> {
        let mut found = BTreeMap::new();
        visit(&self.folder.path(side), "", &mut found)?;
        Ok(found)
    }
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(*bytes.first_chunk().expect("four bytes"))
}

/// Names and kinds of directory entries.
fn entries(mut bytes: &[u8]) -> Result<BTreeSet<(Vec<u8>, u8)>> {
    let mut found = BTreeSet::new();
    while bytes.len() >= 24 {
        let (length, kind) = (number(&bytes[16..]) as usize, bytes[20]);
        let Some(name) = bytes.get(24..24 + length) else { break };
        ensure!(found.insert((name.to_vec(), kind)), "{name:?} is there twice");
        bytes = &bytes[24 + length..];
    }
    Ok(found)
}

fn visit(path: &Path, name: &str, found: &mut BTreeMap<String, String>) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let metadata = path.symlink_metadata()?;
    let mut text = format!("{:o}, {} links", metadata.mode(), metadata.nlink());
    if metadata.is_symlink() {
        text += &format!(" to {}", std::fs::read_link(path)?.display());
    } else if metadata.is_file() {
        text += &format!(" {:?}", String::from_utf8_lossy(&std::fs::read(path)?));
    }
    found.insert(name.to_owned(), text);
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            visit(&entry.path(), &format!("{name}/{}", entry.file_name().to_string_lossy()), found)?;
        }
    }
    Ok(())
}

/// Calls a function of the reference. Its error number; that of a trap is above all others.
fn refer(context: &mut WasiCtx, memory: &mut [u8], function: &str, arguments: &[u64]) -> Result<u32> {
    let mut memory = GuestMemory::Unshared(memory);
    let mut arguments = arguments.iter().copied().chain(std::iter::repeat(0));
    macro_rules! argument {
        (i) => {
            arguments.next().expect("it never ends") as i32
        };
        (l) => {
            arguments.next().expect("it never ends") as i64
        };
    }
    macro_rules! call {
        ($($name:ident: $($letter:ident)*;)*) => {
            match function {
                $(stringify!($name) => wiggle::run_in_dummy_executor(
                    reference::$name(context, &mut memory, $(argument!($letter)),*)
                ),)*
                _ => bail!("the reference has no {function}"),
            }
        };
    }
    let answer = call! {
        fd_advise: i l l i;
        fd_allocate: i l l;
        fd_close: i;
        fd_datasync: i;
        fd_fdstat_get: i i;
        fd_fdstat_set_flags: i i;
        fd_filestat_get: i i;
        fd_filestat_set_size: i l;
        fd_filestat_set_times: i l l i;
        fd_pread: i i i l i;
        fd_prestat_dir_name: i i i;
        fd_prestat_get: i i;
        fd_pwrite: i i i l i;
        fd_read: i i i i;
        fd_readdir: i i i l i;
        fd_renumber: i i;
        fd_seek: i l i i;
        fd_sync: i;
        fd_tell: i i;
        fd_write: i i i i;
        path_create_directory: i i i;
        path_filestat_get: i i i i i;
        path_filestat_set_times: i i i i l l i;
        path_link: i i i i i i i;
        path_open: i i i i i l l i i;
        path_readlink: i i i i i i;
        path_remove_directory: i i i;
        path_rename: i i i i i i;
        path_symlink: i i i i i;
        path_unlink_file: i i i;
    };
    Ok(answer.map_err(failed)?.map_or(TRAP, |errno| errno as u32))
}

/// A sequence's next call.
fn next(dice: &mut Dice, n_descriptors: usize) -> Call {
    use Argument::Number;
    // The directory, or one that was opened lately.
    let directory = |dice: &mut Dice| match dice.below(3) {
        0 => Argument::Descriptor(dice.below(n_descriptors)),
        _ => Argument::Descriptor(0),
    };
    let file = |dice: &mut Dice| match dice.below(8) {
        0 => Argument::Descriptor(dice.below(n_descriptors)),
        _ => Argument::Descriptor(n_descriptors.saturating_sub(1 + dice.below(4))),
    };
    let path = |dice: &mut Dice| dice.one_of(&PATHS).as_bytes().to_vec();
    let follow = |dice: &mut Dice| Number(dice.below(2) as u64);
    let offset = |dice: &mut Dice| dice.one_of(&[0, 1, 5, 14, 100, 5000, u64::MAX, 1 << 63, (1 << 63) - 1]);
    let small = |dice: &mut Dice| dice.one_of(&[0, 1, 5, 14, 100, 1000]);
    let text = dice.one_of(&["", "x", "some text", "a longer text that does not fit everywhere"]);
    let first = path(dice);
    let second = path(dice);
    let paths = vec![(FIRST_PATH, first.clone()), (SECOND_PATH, second.clone())];
    let one = [Number(FIRST_PATH.into()), Number(first.len() as u64)];
    let two = [Number(SECOND_PATH.into()), Number(second.len() as u64)];
    // Two pieces: of a few bytes, and the rest.
    let pieces = |first: u32, second: u32| {
        let words = [DATA, first, DATA + first, second];
        (PIECES, words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>())
    };
    let length = text.len() as u32;
    let writes = || vec![(DATA, text.as_bytes().to_vec()), pieces(length / 2, length - length / 2)];
    let result = Number(RESULT.into());
    let call = |function, arguments: Vec<Argument>, loads, outs| Call { function, arguments, loads, outs };
    match dice.below(34) {
        0..=5 => {
            let all = [oflags::CREATE, oflags::DIRECTORY, oflags::EXCLUSIVE, oflags::TRUNCATE];
            let mut flags = 0;
            for flag in all {
                flags |= if dice.below(4) == 0 { flag } else { 0 };
            }
            // Reading, writing, both, all.
            let rights = dice.one_of(&[0x20_0026, 0x40_0064, 0x60_0066, u64::MAX >> 34]);
            let kind = dice.one_of(&[0, 0, 0, fdflags::APPEND]);
            let mut arguments = vec![directory(dice), follow(dice)];
            arguments.extend(one);
            arguments.extend([Number(flags), Number(rights), Number(rights), Number(kind), result]);
            call("path_open", arguments, paths, vec![Out::Descriptor(RESULT)])
        }
        6 => call("fd_close", vec![file(dice)], vec![], vec![]),
        7 | 8 => {
            let outs = vec![Out::Counted(RESULT, DATA)];
            call("fd_read", vec![file(dice), Number(PIECES.into()), Number(2), result], vec![pieces(20, 0)], outs)
        }
        9 | 10 => {
            let outs = vec![Out::Bytes(RESULT, 4)];
            call("fd_write", vec![file(dice), Number(PIECES.into()), Number(2), result], writes(), outs)
        }
        11 => {
            let arguments = vec![file(dice), Number(PIECES.into()), Number(2), Number(offset(dice)), result];
            call("fd_pread", arguments, vec![pieces(10, 0)], vec![Out::Counted(RESULT, DATA)])
        }
        12 => {
            let arguments = vec![file(dice), Number(PIECES.into()), Number(2), Number(small(dice)), result];
            call("fd_pwrite", arguments, writes(), vec![Out::Bytes(RESULT, 4)])
        }
        13 | 14 => {
            let arguments = vec![file(dice), Number(offset(dice)), Number(dice.below(4) as u64), result];
            call("fd_seek", arguments, vec![], vec![Out::Bytes(RESULT, 8)])
        }
        15 => call("fd_tell", vec![file(dice), result], vec![], vec![Out::Bytes(RESULT, 8)]),
        16 => {
            let outs = vec![Out::Bytes(RESULT, 1), Out::Bytes(RESULT + 2, 2)];
            call("fd_fdstat_get", vec![file(dice), result], vec![], outs)
        }
        17 => call("fd_filestat_get", vec![file(dice), result], vec![], vec![Out::Filestat(RESULT)]),
        18 => call("fd_filestat_set_size", vec![file(dice), Number(small(dice))], vec![], vec![]),
        19 => {
            let arguments = vec![directory(dice), Number(DATA.into()), Number(DATA_LENGTH.into()), Number(0), result];
            call("fd_readdir", arguments, vec![], vec![Out::Entries])
        }
        20 => match dice.below(5) {
            0 => call("fd_sync", vec![file(dice)], vec![], vec![]),
            1 => call("fd_datasync", vec![file(dice)], vec![], vec![]),
            2 => {
                let flags = dice.one_of(&[0, fdflags::APPEND, fdflags::NONBLOCK]);
                call("fd_fdstat_set_flags", vec![file(dice), Number(flags)], vec![], vec![])
            }
            3 => {
                let advice = Number(dice.below(8) as u64);
                call("fd_advise", vec![file(dice), Number(small(dice)), Number(small(dice)), advice], vec![], vec![])
            }
            _ => call("fd_renumber", vec![file(dice), file(dice)], vec![], vec![]),
        },
        21 => {
            let mut arguments = vec![directory(dice)];
            arguments.extend(one);
            call("path_create_directory", arguments, paths, vec![])
        }
        22 => {
            let mut arguments = vec![directory(dice)];
            arguments.extend(one);
            call("path_remove_directory", arguments, paths, vec![])
        }
        23 | 24 => {
            let mut arguments = vec![directory(dice)];
            arguments.extend(one);
            call("path_unlink_file", arguments, paths, vec![])
        }
        25 | 26 => {
            let mut arguments = vec![directory(dice)];
            arguments.extend(one);
            arguments.push(directory(dice));
            arguments.extend(two);
            call("path_rename", arguments, paths, vec![])
        }
        27 => {
            let mut arguments = vec![directory(dice), follow(dice)];
            arguments.extend(one);
            arguments.push(directory(dice));
            arguments.extend(two);
            call("path_link", arguments, paths, vec![])
        }
        28 => {
            let mut arguments = one.to_vec();
            arguments.push(directory(dice));
            arguments.extend(two);
            call("path_symlink", arguments, paths, vec![])
        }
        29 => {
            let length = dice.one_of(&[0, 2, 100]);
            let mut arguments = vec![directory(dice)];
            arguments.extend(one);
            arguments.extend([Number(DATA.into()), Number(length), result]);
            call("path_readlink", arguments, paths, vec![Out::Counted(RESULT, DATA)])
        }
        30 => {
            let set = dice.one_of(&[0, 1, 4, 5, 3, 12, 16]);
            let mut arguments = vec![directory(dice), follow(dice)];
            arguments.extend(one);
            arguments.extend([Number(1_000_000_007), Number(2_000_000_011), Number(set)]);
            call("path_filestat_set_times", arguments, paths, vec![])
        }
        31 => {
            let set = dice.one_of(&[0, 1, 4, 5, 3, 12, 16]);
            let times = [Number(1_000_000_007), Number(2_000_000_011)];
            call("fd_filestat_set_times", vec![file(dice), times[0], times[1], Number(set)], vec![], vec![])
        }
        _ => {
            // The reference describes a link, and does not mind the slash behind it.
            let follows = if first.ends_with(b"/") { Number(1) } else { follow(dice) };
            let mut arguments = vec![directory(dice), follows];
            arguments.extend(one);
            arguments.push(result);
            call("path_filestat_get", arguments, paths, vec![Out::Filestat(RESULT)])
        }
    }
}

const N_CALLS: usize = 60;

fn seeds() -> std::ops::Range<u64> {
    let usual = 0..if test_kit::trial::is_full() { 4000 } else { 300 };
    let Ok(text) = std::env::var("W2N_SEEDS") else { return usual };
    let Some((first, end)) = text.split_once("..") else { return usual };
    first.parse().expect("a number")..end.parse().expect("a number")
}

fn sequences_of_calls() -> Result<()> {
    compare(seeds(), &|folder| {
        Guest::start_with("--dir ours::/", &|command| {
            command.current_dir(folder);
        })
    })
}

/// Makes sequences on both sides.
///
/// # Errors
/// Where they differ, as far as that is not known.
pub fn compare(seeds: std::ops::Range<u64>, start: &Start) -> Result<()> {
    let mut n_calls = 0;
    let mut differences: BTreeMap<String, (u32, String)> = BTreeMap::new();
    for seed in seeds {
        let mut dice = Dice::new("oracle", seed);
        let mut pair = Pair::new(start)?;
        for _ in 0..N_CALLS {
            let call = next(&mut dice, pair.descriptors.len());
            n_calls += 1;
            let [ours, theirs] = pair.call(&call)?;
            let compared = match (ours, theirs) {
                (0, 0) => pair.compare(&call).and_then(|()| {
                    pair.forget(&call);
                    same_tree(&pair)
                }),
                (TRAP, TRAP) => break,
                (ours, theirs) if ours == theirs => Ok(()),
                (ours, theirs) if is_known(call.function, ours, theirs) && ours != 0 && theirs != 0 => Ok(()),
                (ours, theirs) if is_known(call.function, ours, theirs) => break,
                _ => Err(anyhow::anyhow!("error {ours}, theirs {theirs}")),
            };
            if let Err(error) = compared {
                let key = format!("{}: {}", call.function, error.to_string().chars().take(60).collect::<String>());
                let entry = differences.entry(key).or_insert((0, String::new()));
                entry.0 += 1;
                if entry.1.is_empty() {
                    entry.1 = format!("seed {seed}: {}\n    {error:#}", describe(&call, &pair));
                }
                break;
            }
        }
    }
    println!("{n_calls} calls");
    let texts: Vec<String> = differences.values().map(|(n, text)| format!("{n} times: {text}")).collect();
    ensure!(texts.is_empty(), "{}", texts.join("\n"));
    Ok(())
}

fn is_known(function: &str, ours: u32, theirs: u32) -> bool {
    let is_meant = |it: &Known| match it.function.strip_suffix('*') {
        Some(start) => function.starts_with(start),
        None => function == it.function,
    };
    KNOWN.iter().any(|it| is_meant(it) && (it.ours, it.theirs) == (ours, theirs))
}

fn describe(call: &Call, pair: &Pair) -> String {
    let texts = call.loads.iter().filter(|(address, _)| [FIRST_PATH, SECOND_PATH].contains(address));
    let texts: Vec<_> = texts.map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect();
    let numbers = call.arguments.iter().map(|argument| match argument {
        Argument::Number(number) => number.to_string(),
        Argument::Descriptor(index) => format!("#{:?}", pair.descriptors[*index]),
    });
    format!("{}({}) {texts:?}", call.function, numbers.collect::<Vec<_>>().join(", "))
}

fn same_tree(pair: &Pair) -> Result<()> {
    let (ours, theirs) = (pair.tree("ours")?, pair.tree("theirs")?);
    let differing = |(name, text): (&String, &String)| {
        let other = theirs.get(name);
        (other != Some(text)).then(|| format!("{name}: {text}, theirs {other:?}"))
    };
    let mut found: Vec<String> = ours.iter().filter_map(differing).collect();
    found.extend(theirs.keys().filter(|name| !ours.contains_key(*name)).map(|name| format!("{name} is theirs alone")));
    ensure!(found.is_empty(), "the trees: {}", found.join("; "));
    Ok(())
}

fn known_differences_are_documented() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/wasi.md");
    let text = std::fs::read_to_string(&path).context("docs/wasi.md")?;
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for Known { function, reason, .. } in KNOWN {
        ensure!(text.contains(reason), "docs/wasi.md does not say of {function}: {reason}");
    }
    Ok(())
}
