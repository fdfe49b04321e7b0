//! `poll_oneoff` of both snapshots: translates the guest's subscriptions into ones that wasi-common handles.
//!
//! What wasi-common lacks: absolute times of the real-time clock, and files in snapshot 0. Comes in: subscriptions of
//! either layout
//! (`typenames.witx`, `$subscription`). In between: a memory of our own with the layout of snapshot 1, in which absolute
//! real times are relative. Goes out: events, which both snapshots lay out alike.

use crate::trap::raise_wasi;
use crate::wasi::context;
use crate::wasi::outcome::finish;
use std::time::{SystemTime, UNIX_EPOCH};
use wasi_common::snapshots::preview_1;
use wasi_common::snapshots::preview_1::types::Errno;
use wiggle::{GuestMemory, GuestPtr};

/// Offsets in a `$subscription`.
struct Layout {
    size: usize,
    clock_id: usize,
    timeout: usize,
    precision: usize,
    flags: usize,
}

const TAG: usize = 8;
const DESCRIPTOR: usize = 16;
const PREVIEW_1: Layout = Layout { size: 48, clock_id: 16, timeout: 24, precision: 32, flags: 40 };
/// Has an identifier before the clock's number.
const UNSTABLE: Layout = Layout { size: 56, clock_id: 24, timeout: 32, precision: 40, flags: 48 };

const TAG_CLOCK: u8 = 0;
const CLOCK_REALTIME: u32 = 0;
const CLOCK_MONOTONIC: u32 = 1;
const FLAG_ABSOLUTE: u16 = 1;

const EVENT_SIZE: usize = 32;
/// A guest that subscribes to more has lost its way; the translation would take memory that nobody granted.
const MOST_SUBSCRIPTIONS: usize = 1 << 20;

pub fn preview_1(subscriptions: i32, events: i32, count: i32, n_events: i32) -> i32 {
    poll(&PREVIEW_1, [subscriptions, events, count, n_events].map(|argument| argument as u32))
}

pub fn unstable(subscriptions: i32, events: i32, count: i32, n_events: i32) -> i32 {
    poll(&UNSTABLE, [subscriptions, events, count, n_events].map(|argument| argument as u32))
}

fn poll(layout: &Layout, [subscriptions, events, count, n_events]: [u32; 4]) -> i32 {
    // SAFETY: called by translated code.
    let (context, mut memory) = unsafe { (context::get(), context::memory()) };
    let n = count as usize;
    if n > MOST_SUBSCRIPTIONS {
        return Errno::Nomem as i32;
    }
    let theirs = memory.to_vec(GuestPtr::<[u8]>::new((subscriptions, count * layout.size as u32)));
    let Ok(theirs) = theirs else { raise_wasi("out of bounds memory access in a WASI call") };

    // Our memory: the number of events, the subscriptions, the events.
    let first_event = 8 + n * PREVIEW_1.size;
    let mut words = vec![0u64; (first_event + n * EVENT_SIZE) / 8];
    // SAFETY: every byte pattern is a valid byte.
    let ours = unsafe { words.align_to_mut::<u8>().1 };
    for index in 0..n {
        let theirs = &theirs[index * layout.size..][..layout.size];
        translate(layout, theirs, &mut ours[8 + index * PREVIEW_1.size..][..PREVIEW_1.size]);
    }
    let status = finish(preview_1::wasi_snapshot_preview1::poll_oneoff(
        context,
        &mut GuestMemory::Unshared(ours),
        8,
        first_event as i32,
        count as i32,
        0,
    ));
    if status != Errno::Success as i32 {
        return status;
    }
    let n_results = u32::from_le_bytes(ours[..4].try_into().expect("four bytes"));
    let n_bytes = n_results * EVENT_SIZE as u32;
    let results = &ours[first_event..][..n_bytes as usize];
    if memory.copy_from_slice(results, GuestPtr::<[u8]>::new((events, n_bytes))).is_err()
        || memory.write(GuestPtr::<u32>::new(n_events), n_results).is_err()
    {
        raise_wasi("out of bounds memory access in a WASI call")
    }
    status
}

fn translate(layout: &Layout, theirs: &[u8], ours: &mut [u8]) {
    ours[..=TAG].copy_from_slice(&theirs[..=TAG]);
    if theirs[TAG] != TAG_CLOCK {
        ours[DESCRIPTOR..DESCRIPTOR + 4].copy_from_slice(&theirs[DESCRIPTOR..DESCRIPTOR + 4]);
        return;
    }
    let mut clock_id = u32::from_le_bytes(field(theirs, layout.clock_id));
    let mut timeout = u64::from_le_bytes(field(theirs, layout.timeout));
    let mut flags = u16::from_le_bytes(field(theirs, layout.flags));
    if clock_id == CLOCK_REALTIME && flags & FLAG_ABSOLUTE != 0 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
        timeout = u128::from(timeout).saturating_sub(now) as u64;
        flags &= !FLAG_ABSOLUTE;
        clock_id = CLOCK_MONOTONIC;
    }
    ours[PREVIEW_1.clock_id..][..4].copy_from_slice(&clock_id.to_le_bytes());
    ours[PREVIEW_1.timeout..][..8].copy_from_slice(&timeout.to_le_bytes());
    ours[PREVIEW_1.precision..][..8].copy_from_slice(&field::<8>(theirs, layout.precision));
    ours[PREVIEW_1.flags..][..2].copy_from_slice(&flags.to_le_bytes());
}

fn field<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    *bytes[offset..].first_chunk().expect("a field lies in its structure")
}
