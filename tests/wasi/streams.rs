//! The standard streams, as a native program would find them: terminals, pipes, files, sockets,
//! closed ones.
//!
//! The driver talks over standard input and output, so most of this looks at standard error.

use crate::driver::{Answer, FREE, Guest};
use crate::numbers::errno::{AGAIN, BADF, INVAL, NOTCAPABLE, NOTSOCK, PERM, PIPE, SPIPE};
use crate::numbers::eventtype::{CLOCK, FD_READ, FD_WRITE};
use crate::numbers::fdflags::{APPEND, DSYNC, NONBLOCK};
use crate::numbers::filetype::{CHARACTER_DEVICE, REGULAR_FILE, SOCKET, UNKNOWN};
use crate::numbers::rights::{READ, SEEK, TELL, WRITE};
use libtest_mimic::Trial;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{File, OpenOptions};
use std::io::{PipeReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use test_kit::process;
use test_kit::trial::trial;

const RESULT: u32 = FREE;
const PIECE: u32 = FREE + 16;
const SUBSCRIPTIONS: u32 = FREE + 64;
const EVENTS: u32 = SUBSCRIPTIONS + 256;
const BUFFER: u32 = FREE + 4096;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("streams/terminal", terminal),
        trial("streams/terminal-as-input", terminal_as_input),
        trial("streams/pipe", pipe),
        trial("streams/file", file),
        trial("streams/null-device", null_device),
        trial("streams/socket", socket),
        trial("streams/closed", closed),
        trial("streams/broken-pipe", broken_pipe),
        trial("streams/non-blocking", non_blocking),
        trial("streams/large-writes", large_writes),
        trial("streams/poll-pipe", poll_pipe),
        trial("streams/poll-input", poll_input),
        trial("streams/clocks", clocks),
    ]
}

/// A guest with this as standard error.
fn with_stderr(stderr: impl Into<Stdio>) -> Guest {
    let stderr = Mutex::new(Some(stderr.into()));
    Guest::start_with("", &|command| {
        command.stderr(stderr.lock().expect("nobody panics").take().expect("it is started once"));
    })
}

/// Type, flags, base rights.
fn fdstat(guest: &mut Guest, descriptor: u64) -> (u8, u64, u64) {
    assert_eq!(guest.call("fd_fdstat_get", &[descriptor, BUFFER.into()]), Answer::Errno(0));
    let bytes = guest.dump(BUFFER, 24);
    let rights = u64::from_le_bytes(bytes[8..16].try_into().expect("eight bytes"));
    (bytes[0], bytes[2].into(), rights)
}

/// What a C library asks to know a terminal.
fn is_terminal((file_type, _, rights): (u8, u64, u64)) -> bool {
    file_type == CHARACTER_DEVICE && rights & (SEEK | TELL) == 0
}

fn write(guest: &mut Guest, text: &[u8]) -> Answer {
    guest.load(BUFFER, text);
    guest.load(PIECE, &[BUFFER.to_le_bytes(), (text.len() as u32).to_le_bytes()].concat());
    guest.call("fd_write", &[2, PIECE.into(), 1, RESULT.into()])
}

/// A terminal: the side of the one who looks at it, and the program's side.
fn open_terminal() -> (File, File) {
    let outside = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("the system has terminals");
    grantpt(&outside).expect("it is ours");
    unlockpt(&outside).expect("it is ours");
    let name = ptsname(&outside, Vec::new()).expect("it has a name").into_string().expect("a plain name");
    let inside = OpenOptions::new().read(true).write(true).open(name).expect("it was unlocked");
    (outside.into(), inside)
}

fn terminal() {
    let (mut outside, inside) = open_terminal();
    let mut guest = with_stderr(inside);
    let found = fdstat(&mut guest, 2);
    assert!(is_terminal(found), "{found:?}");
    assert_eq!(found.2 & (READ | WRITE), WRITE);
    assert_eq!(guest.call("fd_seek", &[2, 0, 1, RESULT.into()]), Answer::Errno(SPIPE));
    assert_eq!(guest.call("fd_filestat_get", &[2, BUFFER.into()]), Answer::Errno(0));
    assert_eq!(guest.dump(BUFFER + 16, 1), [CHARACTER_DEVICE]);
    assert_eq!(write(&mut guest, b"hello\n"), Answer::Errno(0));
    // The terminal itself adds the carriage return.
    let mut seen = [0; 7];
    outside.read_exact(&mut seen).expect("it was written");
    assert_eq!(&seen, b"hello\r\n");
    for stream in [0, 1] {
        let found = fdstat(&mut guest, stream);
        assert!(!is_terminal(found), "{stream}: {found:?}");
    }
}

/// A program that copies what it reads gets a line when it is complete, and the end at control-D.
fn terminal_as_input() {
    let program = crate::driver::build(
        "copy.wat",
        r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fdstat (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "main") (result i32)
    (loop $more
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 100))
      (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)) (then (return (i32.const 50))))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br_if $more (i32.load (i32.const 4))))
    (drop (call $fdstat (i32.const 0) (i32.const 64)))
    (i32.load8_u (i32.const 64))))"#,
        &[],
    );
    let (mut outside, inside) = open_terminal();
    let mut command = process::program(&program.path);
    let mut child = process::spawn(command.stdin(inside).stdout(Stdio::piped())).expect("it starts");
    let mut output = child.stdout.take().expect("piped");
    outside.write_all(b"one\n").expect("the terminal takes it");
    let mut line = [0; 4];
    output.read_exact(&mut line).expect("a line came");
    assert_eq!(&line, b"one\n");
    outside.write_all(b"two\n\x04").expect("the terminal takes it");
    output.read_exact(&mut line).expect("a line came");
    assert_eq!(&line, b"two\n");
    drop(output);
    assert_eq!(process::finish(&mut child).expect("it ends").status, i32::from(CHARACTER_DEVICE));
}

fn pipe() {
    let (mut reader, writer) = std::io::pipe().expect("pipes can be made");
    let mut guest = with_stderr(writer);
    for (stream, rights) in [(0, READ), (1, WRITE), (2, WRITE)] {
        let (file_type, flags, found) = fdstat(&mut guest, stream);
        assert_eq!((file_type, flags, found & (READ | WRITE | SEEK | TELL)), (UNKNOWN, 0, rights), "{stream}");
    }
    assert_eq!(guest.call("fd_seek", &[2, 0, 1, RESULT.into()]), Answer::Errno(SPIPE));
    assert_eq!(guest.call("fd_read", &[2, PIECE.into(), 1, RESULT.into()]), Answer::Errno(BADF));
    assert_eq!(guest.call("fd_pwrite", &[2, PIECE.into(), 1, 0, RESULT.into()]), Answer::Errno(SPIPE));
    assert_eq!(write(&mut guest, b"hello"), Answer::Errno(0));
    assert_eq!(read(&mut reader, 5), b"hello");
}

fn read(reader: &mut PipeReader, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).expect("it was written");
    bytes
}

fn file() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("log");
    let mut guest = with_stderr(File::create(&path).expect("files can be made"));
    let (file_type, _, rights) = fdstat(&mut guest, 2);
    assert_eq!((file_type, rights & (SEEK | WRITE)), (REGULAR_FILE, SEEK | WRITE));
    assert_eq!(write(&mut guest, b"hello"), Answer::Errno(0));
    assert_eq!(guest.call("fd_seek", &[2, 1, 0, RESULT.into()]), Answer::Errno(0));
    assert_eq!(write(&mut guest, b"i"), Answer::Errno(0));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[2, APPEND]), Answer::Errno(0));
    assert_eq!(write(&mut guest, b"!"), Answer::Errno(0));
    assert_eq!(fdstat(&mut guest, 2).1, APPEND);
    assert_eq!(guest.call("fd_fdstat_set_flags", &[2, DSYNC]), Answer::Errno(INVAL));
    // To write is what it was opened for. Not to cut it, to take room, to change its times, or what
    // was written before.
    for (name, arguments) in
        [("fd_filestat_set_size", &[2, 0][..]), ("fd_allocate", &[2, 0, 100]), ("fd_filestat_set_times", &[2, 1, 2, 5])]
    {
        assert_eq!(guest.call(name, arguments), Answer::Errno(NOTCAPABLE), "{name}");
    }
    for flags in [0, NONBLOCK] {
        assert_eq!(guest.call("fd_fdstat_set_flags", &[2, flags]), Answer::Errno(PERM));
    }
    assert_eq!(fdstat(&mut guest, 2).1, APPEND);
    assert_eq!(std::fs::read(path).expect("it is there"), b"hillo!");
}

/// A character device, and yet no terminal.
fn null_device() {
    let mut guest = with_stderr(Stdio::null());
    let found = fdstat(&mut guest, 2);
    assert!(!is_terminal(found), "{found:?}");
    assert_eq!(write(&mut guest, b"hello"), Answer::Errno(0));
}

fn socket() {
    let (mut outside, inside) = UnixStream::pair().expect("sockets can be made");
    let mut guest = with_stderr(std::os::fd::OwnedFd::from(inside));
    assert_eq!(fdstat(&mut guest, 2).0, SOCKET);
    assert_eq!(write(&mut guest, b"hello"), Answer::Errno(0));
    assert_eq!(guest.call("sock_send", &[2, PIECE.into(), 1, 0, RESULT.into()]), Answer::Errno(0));
    assert_eq!(guest.call("sock_shutdown", &[2, 2]), Answer::Errno(0));
    // Rights that were given up.
    assert_eq!(guest.call("fd_fdstat_set_rights", &[2, WRITE, 0]), Answer::Errno(0));
    assert_eq!(guest.call("sock_shutdown", &[2, 2]), Answer::Errno(NOTCAPABLE));
    assert_eq!(guest.call("sock_accept", &[2, 0, RESULT.into()]), Answer::Errno(NOTCAPABLE));
    let mut text = String::new();
    outside.read_to_string(&mut text).expect("it was shut down");
    assert_eq!(text, "hellohello");
    assert_eq!(write(&mut guest, b"hello"), Answer::Errno(PIPE));
    // A pipe is not a socket.
    assert_eq!(guest.call("sock_shutdown", &[0, 1]), Answer::Errno(NOTSOCK));
}

/// A process that was started without standard error: nothing else takes its place.
fn closed() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::write(folder.path().join("file"), "fine").expect("files can be written");
    let program = crate::driver::build("driver.wat", crate::driver::text(), &[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$@\" 2>&-", "sh"]).args(process::program_words(&program.path));
    let options = format!("--dir {}::/", folder.path().display());
    let mut guest = Guest::spawn(shell, &options, &|_| {});
    assert_eq!(write(&mut guest, b"hello"), Answer::Errno(BADF));
    guest.load(BUFFER, b"file");
    let arguments = [3, 0, BUFFER.into(), 4, 0, READ | WRITE, 0, 0, RESULT.into()];
    assert_eq!(guest.call("path_open", &arguments), Answer::Errno(0));
    assert_eq!(write(&mut guest, b"hello"), Answer::Errno(BADF));
    assert_eq!(std::fs::read(folder.path().join("file")).expect("it is there"), b"fine");
}

/// Nobody reads any more: an error number, and the program goes on.
fn broken_pipe() {
    let (reader, writer) = std::io::pipe().expect("pipes can be made");
    let mut guest = with_stderr(writer);
    assert_eq!(write(&mut guest, b"hello"), Answer::Errno(0));
    drop(reader);
    eventually(|| write(&mut guest, b"hello"), Answer::Errno(PIPE));
    for _ in 0..3 {
        assert_eq!(write(&mut guest, b"hello"), Answer::Errno(PIPE));
    }
}

/// What holds once the last end of a pipe is closed. A child that another test has just forked has
/// it, too, until it becomes its program.
fn eventually<T: PartialEq + std::fmt::Debug>(mut look: impl FnMut() -> T, wanted: T) {
    for _ in 0..100 {
        if look() == wanted {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(look(), wanted);
}

fn non_blocking() {
    let (mut reader, writer) = std::io::pipe().expect("pipes can be made");
    let mut guest = with_stderr(writer);
    assert_eq!(guest.call("fd_fdstat_set_flags", &[2, NONBLOCK]), Answer::Errno(0));
    assert_eq!(fdstat(&mut guest, 2).1, NONBLOCK);
    let mut n_written = 0;
    loop {
        match write(&mut guest, &[b'x'; 50_000]).errno() {
            0 => n_written += guest.dump_u32(RESULT) as usize,
            errno => {
                assert_eq!(errno, AGAIN);
                break;
            }
        }
    }
    assert_eq!(read(&mut reader, n_written), vec![b'x'; n_written]);
    assert_eq!(write(&mut guest, b"hello"), Answer::Errno(0));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[2, 0]), Answer::Errno(0));
    assert_eq!(fdstat(&mut guest, 2).1, 0);
}

/// More than a pipe holds, in one call, to a slow reader: all of it arrives, in order, and the call
/// says so.
fn large_writes() {
    let (mut reader, writer) = std::io::pipe().expect("pipes can be made");
    let mut guest = with_stderr(writer);
    let text: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    std::thread::scope(|scope| {
        let length = text.len();
        let received = scope.spawn(move || {
            let mut bytes = Vec::new();
            let mut part = [0; 3000];
            while bytes.len() < length {
                let n = reader.read(&mut part).expect("pipes can be read");
                bytes.extend_from_slice(&part[..n]);
                std::thread::sleep(Duration::from_micros(200));
            }
            bytes
        });
        assert_eq!(write(&mut guest, &text), Answer::Errno(0));
        assert_eq!(guest.dump_u32(RESULT) as usize, text.len());
        assert_eq!(received.join().expect("it does not panic"), text);
    });
}

/// `$subscription` to a descriptor, or to a number of nanoseconds.
fn subscription(user_data: u64, tag: u8, value: u64) -> Vec<u8> {
    let mut bytes = vec![0; 48];
    bytes[0..8].copy_from_slice(&user_data.to_le_bytes());
    bytes[8] = tag;
    match tag {
        CLOCK => {
            bytes[16] = 1;
            bytes[24..32].copy_from_slice(&value.to_le_bytes());
        }
        _ => bytes[16..24].copy_from_slice(&value.to_le_bytes()),
    }
    bytes
}

/// User data, `$errno`, type, and flags of the events of a poll.
fn poll(guest: &mut Guest, subscriptions: &[Vec<u8>]) -> Vec<(u8, u8, u8, u8)> {
    guest.load(SUBSCRIPTIONS, &subscriptions.concat());
    let arguments = [SUBSCRIPTIONS.into(), EVENTS.into(), subscriptions.len() as u64, RESULT.into()];
    assert_eq!(guest.call("poll_oneoff", &arguments), Answer::Errno(0));
    let n_events = guest.dump_u32(RESULT);
    let events = guest.dump(EVENTS, 32 * n_events);
    events.chunks_exact(32).map(|event| (event[0], event[8], event[10], event[24])).collect()
}

const SHORT: u64 = 20_000_000;
const LONG: u64 = 50_000_000_000;

fn poll_pipe() {
    let (mut reader, writer) = std::io::pipe().expect("pipes can be made");
    let mut guest = with_stderr(writer);
    let writable = subscription(1, FD_WRITE, 2);
    let soon = subscription(2, CLOCK, SHORT);
    let late = subscription(3, CLOCK, LONG);
    // Room: at once, and alone.
    assert_eq!(poll(&mut guest, &[writable.clone(), late.clone()]), [(1, 0, FD_WRITE, 0)]);
    // Full: the clock comes first.
    assert_eq!(guest.call("fd_fdstat_set_flags", &[2, NONBLOCK]), Answer::Errno(0));
    let mut n_written = 0;
    while write(&mut guest, &[b'x'; 50_000]) == Answer::Errno(0) {
        n_written += guest.dump_u32(RESULT) as usize;
    }
    assert_eq!(poll(&mut guest, &[writable.clone(), soon.clone()]), [(2, 0, CLOCK, 0)]);
    // Room again, and a clock that has run out: both.
    read(&mut reader, n_written);
    let now = subscription(4, CLOCK, 0);
    assert_eq!(poll(&mut guest, &[writable.clone(), late.clone(), now]), [(1, 0, FD_WRITE, 0), (4, 0, CLOCK, 0)]);
    // Nobody reads any more.
    drop(reader);
    eventually(|| poll(&mut guest, &[writable.clone(), late.clone()]), vec![(1, 0, FD_WRITE, 1)]);
}

/// Standard input is the driver's, which waits for the answer: there is nothing to read. It is,
/// once more has been sent.
fn poll_input() {
    let mut guest = Guest::start("");
    let readable = subscription(1, FD_READ, 0);
    assert_eq!(poll(&mut guest, &[readable.clone(), subscription(2, CLOCK, SHORT)]), [(2, 0, CLOCK, 0)]);
    guest.load(SUBSCRIPTIONS, &[readable, subscription(2, CLOCK, LONG)].concat());
    let arguments = [SUBSCRIPTIONS.into(), EVENTS.into(), 2, RESULT.into()];
    let (answer, events) = guest.call_and_dump("poll_oneoff", &arguments, EVENTS, 32);
    assert_eq!(answer, 0);
    assert_eq!((events[0], events[8], events[10]), (1, 0, FD_READ));
    assert!(events[16] > 0, "so many bytes can be read");
}

/// The system's: real time between two looks at it, the monotonic clock after the other clocks'
/// kind.
fn clocks() {
    let mut guest = Guest::start("");
    let mut read = |clock: u64| {
        assert_eq!(guest.call("clock_time_get", &[clock, 0, RESULT.into()]), Answer::Errno(0));
        u64::from_le_bytes(guest.dump(RESULT, 8).try_into().expect("eight bytes"))
    };
    let system = || SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_nanos() as u64;
    let before = system();
    let real = read(0);
    assert!(before <= real && real <= system());
    let monotonic = [read(1), read(1)];
    assert!(monotonic[0] < monotonic[1]);
    // Processor time of the process, and of its one thread.
    for clock in [2, 3] {
        let used = read(clock);
        assert!(0 < used && used < 60_000_000_000, "clock {clock}: {used}");
    }
}
