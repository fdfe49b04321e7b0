//! Sockets, by snapshot 1 for both: wasi-common stops the program at those of snapshot 0, which differ in nothing.
//!
//! Of descriptors that are no sockets, wasi-common says that they do not exist.

use crate::wasi::context;
use crate::wasi::outcome::finish;
use wasi_common::snapshots::preview_1::types::Errno;
use wasi_common::snapshots::preview_1::wasi_snapshot_preview1 as common;

pub fn accept(a: i32, b: i32, c: i32) -> i32 {
    // SAFETY: called by translated code.
    let (context, mut memory) = unsafe { (context::get(), context::memory()) };
    check(a, finish(common::sock_accept(context, &mut memory, a, b, c)))
}

pub fn recv(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32) -> i32 {
    // SAFETY: called by translated code.
    let (context, mut memory) = unsafe { (context::get(), context::memory()) };
    check(a, finish(common::sock_recv(context, &mut memory, a, b, c, d, e, f)))
}

pub fn send(a: i32, b: i32, c: i32, d: i32, e: i32) -> i32 {
    // SAFETY: called by translated code.
    let (context, mut memory) = unsafe { (context::get(), context::memory()) };
    check(a, finish(common::sock_send(context, &mut memory, a, b, c, d, e)))
}

pub fn shutdown(a: i32, b: i32) -> i32 {
    // SAFETY: called by translated code.
    let (context, mut memory) = unsafe { (context::get(), context::memory()) };
    check(a, finish(common::sock_shutdown(context, &mut memory, a, b)))
}

fn check(descriptor: i32, status: i32) -> i32 {
    // SAFETY: called by translated code.
    let exists = || unsafe { context::get() }.table().contains_key(descriptor as u32);
    if status == Errno::Badf as i32 && exists() { Errno::Notsock as i32 } else { status }
}
