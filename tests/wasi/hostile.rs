//! Calls with dangerous numbers. Whatever a guest passes, it gets an error number or a trap; the
//! runtime neither crashes nor takes memory that the guest was not given.
//!
//! The calls are generated from the table of WASI's functions: each parameter takes each of the
//! values that something could go wrong with, and then all parameters take some of them at once.

use crate::driver::{Answer, FREE, Guest, MEMORY};
use crate::matrix::names;
use crate::numbers;
use crate::numbers::errno::MFILE;
use crate::numbers::rights::{READ, WRITE};
use crate::tree::{self, Node};
use libtest_mimic::Trial;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use test_kit::trial::trial;
use wasm2native::abi::wasi;

const RESULT: u32 = FREE;
const PIECES: u32 = FREE + 64;
const PATH: u32 = PIECES + 16384;
const BUFFER: u32 = PATH + 8192;

/// These end the guest.
const LAST_CALLS: [&str; 2] = ["proc_exit", "proc_raise"];

/// Numbers of 32 bits that pointers, lengths, flags and the like are made of.
const NUMBERS: [u64; 14] = [
    0,
    1,
    7,
    8,
    BUFFER as u64,
    MEMORY as u64 - 4,
    MEMORY as u64 - 1,
    MEMORY as u64,
    MEMORY as u64 + 1,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff8,
    0xffff_fffe,
    0xffff_ffff,
];

const LONG_NUMBERS: [u64; 7] = [0, 1, MEMORY as u64, 1 << 31, i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX];

/// Standard error, a directory, a file, another, closed ones. The driver itself needs 0 and 1.
const DESCRIPTORS: [u64; 8] = [2, 3, 4, 5, 6, 1 << 20, 0x7fff_ffff, 0xffff_ffff];

pub fn trials() -> Vec<Trial> {
    let functions = wasi::FUNCTIONS.iter().filter(|it| !LAST_CALLS.contains(&it.name));
    let mut trials: Vec<_> = functions
        .map(|it| trial(format!("hostile/{}", it.name), move || try_function(it.name, it.parameters)))
        .collect();
    trials.extend([
        trial("hostile/pointers-at-the-end", pointers_at_the_end),
        trial("hostile/pieces", pieces),
        trial("hostile/paths", paths),
        trial("hostile/random", random),
        trial("hostile/subscriptions", subscriptions),
        trial("hostile/descriptors-exhausted", descriptors_exhausted),
        trial("hostile/files-too-large", files_too_large),
        trial("hostile/directory-that-changes", directory_that_changes),
    ]);
    trials
}

/// A granted folder with something in it; the guest has descriptors 3 (the folder) and 4 (a file).
struct Prey {
    folder: tempfile::TempDir,
    guest: Guest,
}

impl Prey {
    fn new() -> Prey {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let prey = Prey { guest: start(folder.path()), folder };
        prey.prepared()
    }

    /// A new guest, after the last one has ended.
    fn again(self) -> Prey {
        let prey = Prey { guest: start(self.folder.path()), folder: self.folder };
        prey.prepared()
    }

    fn prepared(mut self) -> Prey {
        let root = self.folder.path();
        tree::clear(root);
        tree::make(
            root,
            &[("file", Node::File("0123456789")), ("sub/file", Node::File("")), ("link", Node::Link("file"))],
        );
        self.guest.load(PATH, b"file");
        assert_eq!(self.open("file", 0), Answer::Errno(0));
        assert_eq!(self.guest.dump_u32(RESULT), 4);
        // Pieces that are right, so that wrong numbers elsewhere come to their turn.
        self.guest.load(PIECES, &piece(BUFFER, 16).repeat(8));
        self
    }

    fn open(&mut self, path: &str, oflags: u64) -> Answer {
        self.guest.load(PATH, path.as_bytes());
        let numbers = [3, 0, PATH.into(), path.len() as u64, oflags, READ | WRITE, 0, 0, RESULT.into()];
        self.guest.call("path_open", &numbers)
    }
}

fn start(folder: &Path) -> Guest {
    let guest = Guest::start(&format!("--dir {}::/", folder.display()));
    // No test may fill the disk.
    let limit = Rlimit { current: Some(1 << 20), maximum: Some(1 << 20) };
    prlimit(Pid::from_raw(guest.id() as i32), Resource::Fsize, limit).expect("limits can be lowered");
    guest
}

fn piece(address: u32, length: u32) -> Vec<u8> {
    [address.to_le_bytes(), length.to_le_bytes()].concat()
}

/// An error number, or a trap that says what was wrong.
#[track_caller]
fn assert_survived(answer: &Answer, what: &str) {
    match answer {
        Answer::Errno(errno) => assert!(*errno <= numbers::errno::LAST, "{what}: error number {errno}"),
        Answer::Ended(status, text) => {
            let message = ["out of bounds memory access in a WASI call", "invalid argument of a WASI call"];
            let is_trap = message.iter().any(|message| text.contains(&format!("wasm trap: {message}\n")));
            assert!(*status == 134 && is_trap, "{what}: ended with {status}: {text}");
        }
    }
}

/// No call needs more than the guest's own memory and some room for what it asked.
const MOST_MEMORY: u64 = 64 << 20;

/// Parameters that are descriptors.
fn is_descriptor(name: &str, parameter: usize) -> bool {
    match name {
        "path_symlink" => parameter == 2,
        "path_rename" => parameter == 0 || parameter == 3,
        "path_link" => parameter == 0 || parameter == 4,
        "fd_renumber" => true,
        _ => parameter == 0 && ["fd_", "path_", "sock_"].iter().any(|start| name.starts_with(start)),
    }
}

fn values(name: &str, parameter: usize, letter: char) -> &'static [u64] {
    match letter {
        _ if is_descriptor(name, parameter) => &DESCRIPTORS,
        'l' => &LONG_NUMBERS,
        _ => &NUMBERS,
    }
}

fn try_function(name: &str, params: &str) {
    let mut cases = Vec::new();
    let letters: Vec<char> = params.chars().collect();
    // Sensible numbers, of which one is replaced: for a file, for a directory, and small ones.
    for (descriptor, pointer, length) in [(4, PIECES, 2), (3, PATH, 4), (3, 0, 0)] {
        let mut is_pointer = true;
        let base: Vec<u64> = (0..letters.len())
            .map(|nth| match letters[nth] {
                _ if is_descriptor(name, nth) => descriptor,
                'l' => 0,
                _ => {
                    is_pointer = !is_pointer;
                    if is_pointer { length } else { pointer.into() }
                }
            })
            .collect();
        for nth in 0..letters.len() {
            for &value in values(name, nth, letters[nth]) {
                let mut case = base.clone();
                case[nth] = value;
                cases.push(case);
            }
        }
    }
    // Many at once.
    let mut state = blake3::hash(name.as_bytes());
    for _ in 0..100 {
        state = blake3::hash(state.as_bytes());
        let pick = |nth: usize, values: &[u64]| values[usize::from(state.as_bytes()[nth]) % values.len()];
        cases.push((0..letters.len()).map(|nth| pick(nth, values(name, nth, letters[nth]))).collect());
    }
    cases.sort();
    cases.dedup();
    let mut prey = Prey::new();
    for case in cases {
        let what = format!("{name}{case:x?}");
        let answer = prey.guest.call(name, &case);
        assert_survived(&answer, &what);
        if matches!(answer, Answer::Ended(..)) {
            prey = prey.again();
            continue;
        }
        let peak = prey.guest.peak();
        assert!(peak < MOST_MEMORY, "{what}: the process took {peak} bytes");
    }
}

/// Results that just fit, and that do not by one byte.
fn pointers_at_the_end() {
    let sizes = [
        ("args_sizes_get", &[][..], 4),
        ("clock_time_get", &[0, 0][..], 8),
        ("fd_fdstat_get", &[4][..], 24),
        ("fd_filestat_get", &[4][..], 64),
        ("fd_prestat_get", &[3][..], 8),
        ("fd_tell", &[4][..], 8),
        ("clock_res_get", &[0][..], 8),
    ];
    let mut prey = Prey::new();
    for (name, before, size) in sizes {
        let end = u64::from(MEMORY);
        let call = |address: u64| match name {
            "args_sizes_get" => vec![address, RESULT.into()],
            _ => [before, &[address]].concat(),
        };
        assert_eq!(prey.guest.call(name, &call(end - size)), Answer::Errno(0), "{name}");
        for address in [end - size + 1, end - 1, end, 0xffff_ffff - size + 1, 0xffff_ffff] {
            let answer = prey.guest.call(name, &call(address));
            assert!(matches!(answer, Answer::Ended(134, _)), "{name} at {address:#x}: {answer:?}");
            prey = prey.again();
        }
    }
}

/// Pieces that overlap each other and their own list, that claim all of the address space, and too
/// many of them.
fn pieces() {
    let mut prey = Prey::new();
    // The second piece begins in the middle of the first: what comes later wins.
    prey.guest.load(PIECES, &[piece(BUFFER, 6), piece(BUFFER + 3, 4)].concat());
    assert_eq!(prey.guest.call("fd_pread", &[4, PIECES.into(), 2, 0, RESULT.into()]), Answer::Errno(0));
    assert_eq!((prey.guest.dump_u32(RESULT), prey.guest.dump(BUFFER, 7)), (10, b"0126789".to_vec()));
    // The list is read before anything is written over it.
    prey.guest.load(PIECES, &[piece(PIECES, 4), piece(PIECES + 8, 6)].concat());
    assert_eq!(prey.guest.call("fd_pread", &[4, PIECES.into(), 2, 0, RESULT.into()]), Answer::Errno(0));
    assert_eq!(prey.guest.dump(PIECES, 4), b"0123");
    assert_eq!(prey.guest.dump(PIECES + 8, 6), b"456789");
    // The number of bytes goes where they went.
    prey.guest.load(PIECES, &piece(BUFFER, 4));
    assert_eq!(prey.guest.call("fd_pread", &[4, PIECES.into(), 1, 0, BUFFER.into()]), Answer::Errno(0));
    assert_eq!(prey.guest.dump_u32(BUFFER), 4);
    // More than the system takes at once: a short transfer, as any other.
    let length = 4;
    prey.guest.load(PIECES, &piece(BUFFER, length).repeat(1500));
    assert_eq!(prey.guest.call("fd_write", &[4, PIECES.into(), 1500, RESULT.into()]), Answer::Errno(0));
    assert_eq!(prey.guest.dump_u32(RESULT), 1024 * length);
    // All of the memory in each: 300 MB, of which the limit on files lets through a part, or
    // nothing.
    prey.guest.load(PIECES, &piece(0, MEMORY).repeat(1200));
    let answer = prey.guest.call("fd_write", &[4, PIECES.into(), 1200, RESULT.into()]);
    assert!(matches!(answer, Answer::Errno(0 | 22)), "{answer:?}");
    for (address, length) in [(0, MEMORY + 1), (1, MEMORY), (MEMORY - 1, 2), (0xffff_ffff, 1), (1, 0xffff_ffff)] {
        for name in ["fd_read", "fd_write"] {
            prey.guest.load(PIECES, &[piece(BUFFER, 1), piece(address, length)].concat());
            let answer = prey.guest.call(name, &[4, PIECES.into(), 2, RESULT.into()]);
            assert!(matches!(answer, Answer::Ended(134, _)), "{name} {address:#x} {length:#x}: {answer:?}");
            prey = prey.again();
        }
    }
}

/// Bytes that are not a path, and paths that are too long. `$errno`: 28 inval, 37 nametoolong, 44
/// noent.
fn paths() {
    let mut prey = Prey::new();
    let deep = "sub/../".repeat(700);
    let cases: [(&[u8], u32); 6] =
        [(b"", 44), (b"file\0", 28), (b"\0", 28), (&[b'a'; 256], 37), (&[b'a'; 4096], 37), (deep.as_bytes(), 37)];
    for (path, errno) in cases {
        prey.guest.load(PATH, path);
        let place = [PATH.into(), path.len() as u64];
        let calls: [(&str, Vec<u64>); 8] = [
            ("path_create_directory", [&[3][..], &place].concat()),
            ("path_filestat_get", [&[3, 0][..], &place, &[RESULT.into()]].concat()),
            ("path_open", [&[3, 0][..], &place, &[0, READ, 0, 0, RESULT.into()]].concat()),
            ("path_readlink", [&[3][..], &place, &[BUFFER.into(), 8, RESULT.into()]].concat()),
            ("path_remove_directory", [&[3][..], &place].concat()),
            ("path_rename", [&[3][..], &place, &[3], &place].concat()),
            ("path_unlink_file", [&[3][..], &place].concat()),
            ("path_link", [&[3, 0][..], &place, &[3], &place].concat()),
        ];
        for (name, arguments) in calls {
            let answer = prey.guest.call(name, &arguments);
            assert_eq!(answer, Answer::Errno(errno), "{name} {:?}", String::from_utf8_lossy(path));
        }
    }
}

/// All of the memory at once, and more than there is.
fn random() {
    let mut prey = Prey::new();
    let length = MEMORY - BUFFER;
    assert_eq!(prey.guest.call("random_get", &[BUFFER.into(), length.into()]), Answer::Errno(0));
    let bytes = prey.guest.dump(BUFFER, length);
    let kinds: BTreeSet<_> = bytes.chunks_exact(64).collect();
    assert_eq!(kinds.len(), bytes.len() / 64, "the same bytes came twice");
    assert_eq!(prey.guest.call("random_get", &[u64::from(MEMORY) + 5, 0]), Answer::Errno(0));
    for length in [u64::from(length) + 1, 0x8000_0000, 0xffff_ffff] {
        let answer = prey.guest.call("random_get", &[BUFFER.into(), length]);
        assert!(matches!(answer, Answer::Ended(134, _)), "{length:#x}: {answer:?}");
        prey = prey.again();
    }
}

/// More subscriptions than there can be, and wrong ones among right ones: each gets its own answer.
fn subscriptions() {
    let mut prey = Prey::new();
    for count in [1 << 31, (1 << 31) + 1, 0xffff_ffff, 1 << 26, (1 << 16) + 1] {
        let answer = prey.guest.call("poll_oneoff", &[0, 0, count, RESULT.into()]);
        assert_eq!(answer, Answer::Errno(48), "{count}");
    }
    // Clocks, descriptors: a timer of no time, a closed descriptor, the file twice, a timer on a
    // clock that can't wait.
    let subscription = |user_data: u64, tag: u8, number: u32| {
        let mut bytes = vec![0; 48];
        bytes[0..8].copy_from_slice(&user_data.to_le_bytes());
        bytes[8] = tag;
        bytes[16..20].copy_from_slice(&number.to_le_bytes());
        bytes
    };
    let list = [(1, 0, 1), (2, 1, 77), (3, 1, 4), (4, 2, 4), (5, 0, 2)]
        .map(|(data, tag, number)| subscription(data, tag, number));
    prey.guest.load(PIECES, &list.concat());
    let arguments = [PIECES.into(), BUFFER.into(), 5, RESULT.into()];
    assert_eq!(prey.guest.call("poll_oneoff", &arguments), Answer::Errno(0));
    assert_eq!(prey.guest.dump_u32(RESULT), 5);
    let events = prey.guest.dump(BUFFER, 5 * 32);
    let seen: Vec<_> = events.chunks_exact(32).map(|event| (event[0], event[8], event[10])).collect();
    // User data, `$errno` (8 badf, 58 notsup), `$eventtype`.
    assert_eq!(seen, [(1, 0, 0), (2, 8, 1), (3, 0, 1), (4, 0, 2), (5, 58, 0)]);
    // As many as fit into the memory, all on one file, although the process may have 32 files.
    let limit = Rlimit { current: Some(32), maximum: Some(32) };
    prlimit(Pid::from_raw(prey.guest.id() as i32), Resource::Nofile, limit).expect("limits can be lowered");
    let count = 2000;
    prey.guest.load(BUFFER, &subscription(9, 1, 4).repeat(count));
    let events = BUFFER + 48 * count as u32;
    let arguments = [BUFFER.into(), events.into(), count as u64, RESULT.into()];
    assert_eq!(prey.guest.call("poll_oneoff", &arguments), Answer::Errno(0));
    assert_eq!(prey.guest.dump_u32(RESULT), count as u32);
}

/// Whoever gives one back can open another.
fn descriptors_exhausted() {
    let mut prey = Prey::new();
    let limit = Rlimit { current: Some(40), maximum: Some(40) };
    prlimit(Pid::from_raw(prey.guest.id() as i32), Resource::Nofile, limit).expect("limits can be lowered");
    let mut opened = Vec::new();
    while prey.open("file", 0) == Answer::Errno(0) {
        opened.push(prey.guest.dump_u32(RESULT));
        assert!(opened.len() < 40, "the limit is not kept");
    }
    assert_eq!(prey.open("file", 0), Answer::Errno(MFILE));
    assert_eq!(prey.open("sub/file", 0), Answer::Errno(MFILE));
    prey.guest.load(PATH, b"sub/new");
    assert_eq!(prey.guest.call("path_create_directory", &[3, PATH.into(), 7]), Answer::Errno(MFILE));
    for descriptor in opened {
        assert_eq!(prey.guest.call("fd_close", &[descriptor.into()]), Answer::Errno(0));
    }
    assert_eq!(prey.open("file", 0), Answer::Errno(0));
    assert_eq!(prey.guest.dump_u32(RESULT), 5);
}

/// What the system stops other programs for by a signal is an error number: 22 is fbig.
fn files_too_large() {
    let mut prey = Prey::new();
    assert_eq!(prey.guest.call("fd_allocate", &[4, 0, 1 << 30]), Answer::Errno(22));
    assert_eq!(prey.guest.call("fd_filestat_set_size", &[4, 1 << 30]), Answer::Errno(22));
    assert_eq!(prey.guest.call("fd_pwrite", &[4, PIECES.into(), 1, 1 << 30, RESULT.into()]), Answer::Errno(22));
    assert_eq!(prey.guest.call("fd_filestat_set_size", &[4, u64::MAX]), Answer::Errno(28));
    assert_eq!(prey.guest.call("fd_filestat_set_size", &[4, 1 << 19]), Answer::Errno(0));
}

/// Others make and remove files while the guest goes through the list in small steps: it sees every
/// file that stays exactly once.
fn directory_that_changes() {
    let mut prey = Prey::new();
    let root = prey.folder.path().join("sub");
    let stays: BTreeSet<String> = (0..100).map(|n| format!("stays{n}")).collect();
    for name in &stays {
        std::fs::write(root.join(name), "").expect("files can be written");
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0.. {
                let path = root.join(format!("comes{}", n % 50));
                std::fs::write(&path, "").expect("files can be written");
                std::fs::remove_file(&path).expect("it is there");
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for _ in 0..20 {
            let seen = list(&mut prey.guest, "sub");
            let stayed: Vec<_> = seen.iter().filter(|name| stays.contains(*name)).collect();
            assert_eq!(stayed.len(), stays.len());
            assert_eq!(stayed.into_iter().collect::<BTreeSet<_>>().len(), stays.len());
        }
        stop.store(true, Ordering::Relaxed);
    });
}

/// All names in a folder, with a buffer for two or three of them.
fn list(guest: &mut Guest, path: &str) -> Vec<String> {
    guest.load(PATH, path.as_bytes());
    let numbers = [3, 0, PATH.into(), path.len() as u64, 2, READ, 0, 0, RESULT.into()];
    assert_eq!(guest.call("path_open", &numbers), Answer::Errno(0));
    let folder = u64::from(guest.dump_u32(RESULT));
    let mut seen = Vec::new();
    let mut cookie = 0;
    loop {
        let size = 100;
        let arguments = [folder, BUFFER.into(), size, cookie, RESULT.into()];
        assert_eq!(guest.call("fd_readdir", &arguments), Answer::Errno(0));
        let length = guest.dump_u32(RESULT);
        let bytes = guest.dump(BUFFER, length);
        let complete = names(&bytes);
        let mut at = 0;
        for _ in 0..complete.len() {
            cookie = u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
            at += 24 + u32::from_le_bytes(bytes[at + 16..at + 20].try_into().expect("four bytes")) as usize;
        }
        let is_last = u64::from(length) < size;
        seen.extend(complete);
        if is_last {
            assert_eq!(guest.call("fd_close", &[folder]), Answer::Errno(0));
            return seen;
        }
    }
}
