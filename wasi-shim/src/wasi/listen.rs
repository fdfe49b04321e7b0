//! Sockets that a program listens at: those that it is to make (`--tcplisten`), and those that it
//! is started with (`--listenfd`), by the protocol of `sd_listen_fds(3)`.

use crate::attempt::fail;
use crate::options::find_variable;
use crate::text::{Text, USAGE_EXIT_STATUS, message};
use rustix::fd::{BorrowedFd, FromRawFd, OwnedFd};
use rustix::io::{self, FdFlags};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use std::fmt::Write;
use std::net::SocketAddr;

/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: i32 = 4096;

/// The first descriptor that a program is started with by `LISTEN_FDS`.
const FIRST: i32 = 3;

/// A socket that listens at `ADDR:PORT`.
pub fn bound(text: &[u8]) -> OwnedFd {
    let address = str::from_utf8(text).ok().and_then(|text| text.parse::<SocketAddr>().ok());
    let Some(address) = address else {
        let mut line = message();
        line.add("--tcplisten ").add_name(text).add(": expected ADDR:PORT, such as 127.0.0.1:8080 or [::1]:8080");
        fail(line, USAGE_EXIT_STATUS)
    };
    listen(&address).unwrap_or_else(|error| {
        let mut line = message();
        line.add("cannot listen at ").add_name(text).add(" for --tcplisten: ");
        fail(with_error(line, error), 1)
    })
}

fn listen(address: &SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // As servers do: connections of a program that has just ended keep nobody from its address.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    net::bind(&socket, address)?;
    net::listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// The sockets that the environment tells of; none if it tells another process.
pub fn inherited(envp: *const *const u8) -> Vec<OwnedFd> {
    let number = |name: &[u8]| str::from_utf8(find_variable(envp, name)?).ok()?.parse::<i32>().ok();
    // A variable for another process is none of ours; who sets one alone means the process that it
    // becomes.
    let own = rustix::process::getpid().as_raw_nonzero().get();
    if find_variable(envp, b"LISTEN_PID").is_some() && number(b"LISTEN_PID") != Some(own) {
        return Vec::new();
    }
    let count = number(b"LISTEN_FDS").unwrap_or(0);
    (FIRST..FIRST.saturating_add(count)).map(take).collect()
}

/// A descriptor that the program was started with.
fn take(number: i32) -> OwnedFd {
    // SAFETY: asks the system about a number, which may stand for nothing.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let is_listening =
        sockopt::socket_type(borrowed) == Ok(SocketType::STREAM) && sockopt::socket_acceptconn(borrowed) == Ok(true);
    if !is_listening {
        let mut line = message();
        line.add("LISTEN_FDS: descriptor ").add_decimal(number.unsigned_abs().into());
        line.add(" is not a socket that listens");
        fail(line, 1)
    }
    // It stays here: programs that C code starts do not get it.
    let _ = io::fcntl_setfd(borrowed, FdFlags::CLOEXEC);
    // SAFETY: whoever started the program left the descriptor to it, and nothing else here uses it.
    unsafe { OwnedFd::from_raw_fd(number) }
}

fn with_error(mut line: Text, error: io::Errno) -> Text {
    // Writing to a `Text` never fails.
    let _ = write!(line, "{}", std::io::Error::from(error));
    line
}
