//! `--tcplisten` and `--listenfd`: sockets that a program listens at, and what comes in there.

use crate::driver::{self, Built, FREE, Guest};
use crate::numbers::errno::{AGAIN, BADF, NOTCAPABLE, NOTDIR};
use crate::numbers::{fdflags, filetype};
use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use test_kit::process;
use test_kit::tool;
use test_kit::trial::trial;

const RESULT: u32 = FREE;
const PIECES: u32 = FREE + 16;
const STAT: u32 = FREE + 128;
const BUFFER: u32 = FREE + 4096;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("sockets/requests", requests),
        trial("sockets/inherited", inherited),
        trial("sockets/inherited-by-others", inherited_by_others),
        trial("sockets/accept-and-talk", accept_and_talk),
        trial("sockets/before-directories", before_directories),
        trial("sockets/what-a-listener-can-do", what_a_listener_can_do),
        trial("sockets/addresses", addresses),
        trial("sockets/fixed-powers", fixed_powers),
        trial("sockets/none", none),
    ]
}

/// Answers so many requests of HTTP, each on a connection of its own, and ends. Waits before it
/// accepts and before it reads.
fn server(n_requests: u32) -> Built {
    let text = format!(
        r#"(module
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_recv" (func $recv (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_send" (func $send (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sock_shutdown" (func $shutdown (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 256) "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nhi\n")
  (func $must (param $errno i32) (if (local.get $errno) (then (unreachable))))
  ;; Until there is something to read.
  (func $wait (param $fd i32)
    (i32.store8 (i32.const 520) (i32.const 1))
    (i32.store (i32.const 528) (local.get $fd))
    (call $must (call $poll (i32.const 512) (i32.const 600) (i32.const 1) (i32.const 640)))
    (call $must (i32.load16_u (i32.const 608))))
  (func $piece (param $at i32) (param $length i32)
    (i32.store (i32.const 16) (local.get $at))
    (i32.store (i32.const 20) (local.get $length)))
  (func (export "_start") (local $n i32) (local $fd i32)
    (loop $next
      (call $wait (i32.const 3))
      (call $must (call $accept (i32.const 3) (i32.const 0) (i32.const 0)))
      (local.set $fd (i32.load (i32.const 0)))
      (call $wait (local.get $fd))
      (call $piece (i32.const 4096) (i32.const 4096))
      (call $must (call $recv (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 0) (i32.const 24) (i32.const 28)))
      (if (i32.ne (i32.load (i32.const 4096)) (i32.const 0x20544547 (; "GET " ;))) (then (unreachable)))
      (call $piece (i32.const 256) (i32.const 60))
      (call $must (call $send (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 0) (i32.const 24)))
      (if (i32.ne (i32.load (i32.const 24)) (i32.const 60)) (then (unreachable)))
      (call $must (call $shutdown (local.get $fd) (i32.const 2)))
      (call $must (call $close (local.get $fd)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $n) (i32.const {n_requests}))))))"#
    );
    driver::build("server.wat", text, &[])
}

/// An address at which nothing listens.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("it has an address")
}

/// A connection, as soon as somebody listens.
fn connect(address: SocketAddr) -> TcpStream {
    let start = Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => return stream,
            Err(error) => assert!(start.elapsed() < Duration::from_secs(30), "{address}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A real client, ten thousand times; fewer with an emulator.
fn requests() -> Result<()> {
    tool::require("curl")?;
    let n_requests = if process::is_emulated() { 1000 } else { 10_000 };
    // One more than curl's: the one that waits for the server.
    let server = server(n_requests + 1);
    let address = free_address();
    let mut command = process::program(&server.path);
    command.env_clear().env("WASM2NATIVE_OPTIONS", format!("--tcplisten {address}"));
    let mut child = process::spawn(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()))?;
    let mut first = connect(address);
    first.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
    let mut answer = String::new();
    first.read_to_string(&mut answer)?;
    ensure!(answer.ends_with("\r\n\r\nhi\n"), "{answer:?}");
    let url = format!("http://{address}/[1-{n_requests}]");
    let curl = Command::new("curl").args(["--silent", "--show-error", "--noproxy", "*", &url]).output()?;
    ensure!(curl.status.success(), "{}", String::from_utf8_lossy(&curl.stderr));
    ensure!(curl.stdout == b"hi\n".repeat(n_requests as usize), "{} bytes came back", curl.stdout.len());
    let outcome = process::finish(&mut child)?;
    ensure!(outcome.status == 0, "{outcome:?}");
    Ok(())
}

/// The driver with a socket as descriptor 3, started with assignments of a shell.
fn with_socket(listener: TcpListener, assignments: &str, options: &str) -> Guest {
    let mut shell = Command::new("/bin/sh");
    // The socket comes as standard error: the other streams are the driver's.
    let script = format!("exec 3<&2 2>/dev/null; export {assignments}; exec \"$@\"");
    shell.args(["-c", &script, "sh"]).args(process::program_words(driver::program()));
    let socket = Cell::new(Some(OwnedFd::from(listener)));
    Guest::spawn(shell, options, &|command| {
        command.stderr(Stdio::from(socket.take().expect("it is started once")));
    })
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    let address = listener.local_addr().expect("it has an address");
    (listener, address)
}

/// The socket that whoever starts the program has made.
fn inherited() {
    for assignments in ["LISTEN_FDS=1 LISTEN_PID=$$", "LISTEN_FDS=1"] {
        let (listener, address) = listener();
        let mut guest = with_socket(listener, assignments, "--listenfd");
        let mut client = connect(address);
        assert_eq!(guest.call("sock_accept", &[3, 0, RESULT.into()]).errno(), 0);
        let socket = guest.dump_u32(RESULT).into();
        talk(&mut guest, socket, &mut client);
        // The guest is told how many there are, and not what is meant for the runtime.
        assert_eq!(guest.call("environ_sizes_get", &[RESULT.into(), (RESULT + 4).into()]).errno(), 0);
        assert_eq!(guest.dump_u32(RESULT), 1);
        assert_eq!(guest.call("environ_get", &[BUFFER.into(), (BUFFER + 64).into()]).errno(), 0);
        assert_eq!(guest.dump(BUFFER + 64, 13), b"LISTEN_FDS=1\0");
    }
}

/// Variables for another process, or without the option, grant nothing.
fn inherited_by_others() {
    for (assignments, options) in [("LISTEN_FDS=1 LISTEN_PID=1", "--listenfd"), ("LISTEN_FDS=1 LISTEN_PID=$$", "")] {
        let mut guest = with_socket(listener().0, assignments, options);
        assert_eq!(guest.call("sock_accept", &[3, 0, RESULT.into()]).errno(), BADF, "{assignments} {options}");
    }
    let mut command = Command::new("sh");
    command.args(["-c", "LISTEN_FDS=1 exec \"$@\" 3</dev/null", "sh"]).args(process::program_words(driver::program()));
    command.env("WASM2NATIVE_OPTIONS", "--listenfd");
    process::outcome(&mut command).fails(1, &["LISTEN_FDS: descriptor 3 is not a socket that listens"]);
}

/// Bytes in both directions, and the end of both.
fn talk(guest: &mut Guest, socket: u64, client: &mut TcpStream) {
    client.write_all(b"to the guest").expect("somebody listens");
    guest.load(PIECES, &[BUFFER, 100].map(u32::to_le_bytes).concat());
    let arguments = [socket, PIECES.into(), 1, 0, RESULT.into(), (RESULT + 4).into()];
    assert_eq!(guest.call("sock_recv", &arguments).errno(), 0);
    let length = guest.dump_u32(RESULT);
    assert_eq!(guest.dump(BUFFER, length), b"to the guest");
    guest.load(BUFFER, b"to the client");
    guest.load(PIECES, &[BUFFER, 13].map(u32::to_le_bytes).concat());
    assert_eq!(guest.call("sock_send", &[socket, PIECES.into(), 1, 0, RESULT.into()]).errno(), 0);
    assert_eq!(guest.call("sock_shutdown", &[socket, 2]).errno(), 0);
    let mut text = String::new();
    client.read_to_string(&mut text).expect("the guest has shut it down");
    assert_eq!(text, "to the client");
    assert_eq!(guest.call("fd_close", &[socket]).errno(), 0);
}

fn accept_and_talk() {
    let [first, second] = [free_address(), free_address()];
    let mut guest = Guest::start(&format!("--tcplisten {first} --tcplisten={second}"));
    for (number, address) in [(3, first), (4, second)] {
        let mut client = connect(address);
        assert_eq!(guest.call("sock_accept", &[number, 0, RESULT.into()]).errno(), 0);
        let socket = guest.dump_u32(RESULT).into();
        assert_eq!(socket, 5);
        talk(&mut guest, socket, &mut client);
    }
    // Nobody is there, and the guest does not want to wait.
    assert_eq!(guest.call("fd_fdstat_set_flags", &[3, fdflags::NONBLOCK]).errno(), 0);
    assert_eq!(guest.call("sock_accept", &[3, 0, RESULT.into()]).errno(), AGAIN);
    // One that does not wait for what its client sends.
    let _client = connect(first);
    let start = Instant::now();
    while guest.call("sock_accept", &[3, fdflags::NONBLOCK, RESULT.into()]).errno() == AGAIN {
        assert!(start.elapsed() < Duration::from_secs(30));
    }
    let socket: u64 = guest.dump_u32(RESULT).into();
    guest.load(PIECES, &[BUFFER, 100].map(u32::to_le_bytes).concat());
    let arguments = [socket, PIECES.into(), 1, 0, RESULT.into(), (RESULT + 4).into()];
    assert_eq!(guest.call("sock_recv", &arguments).errno(), AGAIN);
    // Two at once would be one too many.
    let mut other = process::program(driver::program());
    other.env("WASM2NATIVE_OPTIONS", format!("--tcplisten {first}"));
    process::outcome(&mut other)
        .fails(1, &[&format!("cannot listen at {first} for --tcplisten: Address already in use")]);
}

/// Guests look for directories from descriptor 3 on, and find those after sockets.
fn before_directories() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let options = format!("--dir {}::/data --tcplisten {}", folder.path().display(), free_address());
    let mut guest = Guest::start(&options);
    let mut names = Vec::new();
    for number in 3..10 {
        if guest.call("fd_prestat_get", &[number, RESULT.into()]).errno() != 0 {
            break;
        }
        let length = guest.dump_u32(RESULT + 4);
        assert_eq!(guest.call("fd_prestat_dir_name", &[number, BUFFER.into(), length.into()]).errno(), 0);
        names.push(String::from_utf8(guest.dump(BUFFER, length)).expect("names of ours"));
    }
    assert_eq!(names, ["listening socket", "/data"]);
    guest.load(BUFFER, b"x");
    let arguments = [3, 0, BUFFER.into(), 1, 1, 2, 2, 0, RESULT.into()];
    assert_eq!(guest.call("path_open", &arguments).errno(), NOTDIR);
}

/// It accepts; it can't be shut down for others who listen there.
fn what_a_listener_can_do() {
    let address = free_address();
    let mut guest = Guest::start(&format!("--tcplisten {address}"));
    assert_eq!(guest.call("fd_fdstat_get", &[3, STAT.into()]).errno(), 0);
    assert_eq!(guest.dump(STAT, 1), [filetype::SOCKET]);
    assert_eq!(guest.call("sock_shutdown", &[3, 1]).errno(), NOTCAPABLE);
    guest.load(PIECES, &[BUFFER, 1].map(u32::to_le_bytes).concat());
    assert_eq!(guest.call("fd_write", &[3, PIECES.into(), 1, RESULT.into()]).errno(), BADF);
    assert_ne!(guest.call("fd_filestat_set_times", &[3, 0, 0, 5]).errno(), 0);
    assert_eq!(guest.call("fd_close", &[3]).errno(), 0);
    assert!(TcpStream::connect(address).is_err());
    assert_eq!(guest.call("sock_accept", &[3, 0, RESULT.into()]).errno(), BADF);
}

fn addresses() {
    for text in ["8080", "localhost:80", "127.0.0.1", "127.0.0.1:65536", "::1:80", ""] {
        let mut command = process::program(driver::program());
        command.env("WASM2NATIVE_OPTIONS", format!("'--tcplisten={text}'"));
        process::outcome(&mut command).fails(2, &[&format!("--tcplisten {text}: expected ADDR:PORT")]);
    }
    // Of a network of no one's.
    let mut command = process::program(driver::program());
    command.env("WASM2NATIVE_OPTIONS", "--tcplisten 192.0.2.1:80");
    process::outcome(&mut command).fails(1, &["cannot listen at 192.0.2.1:80 for --tcplisten: "]);
}

fn fixed_powers() {
    let program = driver::build("driver.wat", driver::text(), &["--fixed-powers"]);
    let address = free_address();
    let options = format!("--tcplisten {address} --tmp --dev");
    let mut guest = Guest::spawn(process::program(&program.path), &options, &|_| {});
    assert_eq!(guest.call("sock_accept", &[3, 0, RESULT.into()]).errno(), BADF);
    assert_eq!(guest.call("fd_prestat_get", &[3, RESULT.into()]).errno(), BADF);
    // What was given when it was built holds.
    let program = driver::build("driver.wat", driver::text(), &["--fixed-powers", "--tcplisten", &address.to_string()]);
    let mut guest = Guest::spawn(process::program(&program.path), "", &|_| {});
    let mut client = connect(address);
    assert_eq!(guest.call("sock_accept", &[3, 0, RESULT.into()]).errno(), 0);
    let socket = guest.dump_u32(RESULT).into();
    talk(&mut guest, socket, &mut client);
}

/// Without a grant there is no socket.
fn none() {
    let mut guest = Guest::start("");
    assert_eq!(guest.call("sock_accept", &[3, 0, RESULT.into()]).errno(), BADF);
}
