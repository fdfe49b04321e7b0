//! `poll_oneoff` of both snapshots.
//!
//! Comes in: subscriptions of either layout (`typenames.witx`, `$subscription`). Goes out: an event
//! for every subscription that something happened to, in their order. What is wrong with one
//! subscription is its event, and keeps the others from nothing.

use crate::interrupt;
use crate::wasi::clock;
use crate::wasi::descriptor::{Descriptor, Object};
use crate::wasi::errno::{Errno, Failure, INTERRUPTED, INVALID, OUT_OF_BOUNDS, Result};
use crate::wasi::guest::Guest;
use crate::wasi::rights;
use crate::wasi::stat::timespec;
use rustix::event::{self, PollFd, PollFlags};
use rustix::fd::{AsRawFd, BorrowedFd, RawFd};
use std::collections::HashMap;
use std::sync::Arc;

/// Offsets in a `$subscription`.
struct SubscriptionLayout {
    size: usize,
    clock_id: usize,
    timeout: usize,
    flags: usize,
}

const TAG: usize = 8;
const DESCRIPTOR: usize = 16;
const PREVIEW_1: SubscriptionLayout = SubscriptionLayout { size: 48, clock_id: 16, timeout: 24, flags: 40 };
/// Has an identifier before the clock's number.
const UNSTABLE: SubscriptionLayout = SubscriptionLayout { size: 56, clock_id: 24, timeout: 32, flags: 48 };

/// `$eventtype`.
const CLOCK: u8 = 0;
const FD_READ: u8 = 1;
const FD_WRITE: u8 = 2;

/// `$subclockflags`
const ABSOLUTE: u16 = 1;
/// `$eventrwflags`
const HANGUP: u16 = 1;

const EVENT_SIZE: usize = 32;

/// A guest that subscribes to more has lost its way; the list would take memory that nothing
/// granted.
const MOST_SUBSCRIPTIONS: u32 = 1 << 16;

/// What a subscription waits for.
enum Wait {
    /// The time on a clock, in nanoseconds.
    Time { clock: u32, deadline: u64 },
    /// The descriptor's place in the list for the system, and the events to wait for.
    File { place: usize, flag: PollFlags },
    /// Nothing: a file that the program carries or keeps is always ready.
    Ready,
    /// Nothing: it failed.
    Failed(Errno),
}

struct Subscription {
    user_data: [u8; 8],
    tag: u8,
    wait: Wait,
}

pub fn poll<const IS_UNSTABLE: bool>(
    guest: &Guest,
    subscriptions: u32,
    events: u32,
    count: u32,
    result: u32,
) -> Result<()> {
    let layout = if IS_UNSTABLE { &UNSTABLE } else { &PREVIEW_1 };
    if count == 0 {
        return Err(Errno::Inval.into());
    }
    if count > MOST_SUBSCRIPTIONS {
        return Err(Errno::Nomem.into());
    }
    let size = u64::from(count).checked_mul(layout.size as u64).ok_or(OUT_OF_BOUNDS)?;
    let theirs = guest.copy(subscriptions, size)?;
    let mut events = guest.array(events, count, EVENT_SIZE)?;
    guest.at(result, 4)?;
    let mut files = Files::default();
    let subscriptions = theirs
        .chunks_exact(layout.size)
        .map(|bytes| subscribe(guest, layout, bytes, &mut files))
        .collect::<Result<Vec<_>>>()?;
    let happened = wait(guest, &subscriptions, &files)?;
    let mut n_events: u32 = 0;
    for subscription in &subscriptions {
        if let Some(event) = describe(subscription, &files, &happened) {
            events.write(&event)?;
            n_events = n_events.saturating_add(1);
        }
    }
    guest.write_u32(result, n_events)
}

/// The descriptors that are waited for, each once: the system takes no more of them than a process
/// may have.
#[derive(Default)]
struct Files {
    list: Vec<(Arc<Descriptor>, PollFlags)>,
    places: HashMap<RawFd, usize>,
}

impl Files {
    fn add(&mut self, descriptor: Arc<Descriptor>, flag: PollFlags) -> Result<usize> {
        let number = descriptor.as_file()?.as_raw_fd();
        let place = *self.places.entry(number).or_insert(self.list.len());
        if place == self.list.len() {
            self.list.push((descriptor, PollFlags::empty()));
        }
        self.list[place].1 |= flag;
        Ok(place)
    }

    fn system(&self, place: usize) -> BorrowedFd<'_> {
        self.list[place].0.system().expect("only what the system knows is added")
    }
}

fn subscribe(guest: &Guest, layout: &SubscriptionLayout, bytes: &[u8], files: &mut Files) -> Result<Subscription> {
    let tag = bytes[TAG];
    let wait = match tag {
        CLOCK => subscribe_clock(layout, bytes),
        FD_READ | FD_WRITE => {
            let flag = if tag == FD_READ { PollFlags::IN } else { PollFlags::OUT };
            let descriptor = guest.context.descriptors.get(u32::from_le_bytes(field(bytes, DESCRIPTOR)));
            let descriptor = descriptor.and_then(|it| it.require(rights::POLL_FD_READWRITE).map(|()| it));
            descriptor.and_then(|descriptor| match &descriptor.object {
                Object::Virtual(_) => Ok(Wait::Ready),
                _ => files.add(descriptor, flag).map(|place| Wait::File { place, flag }),
            })
        }
        _ => Err(INVALID),
    };
    let wait = match wait {
        Err(Failure::Errno(errno)) => Wait::Failed(errno),
        wait => wait?,
    };
    Ok(Subscription { user_data: field(bytes, 0), tag, wait })
}

fn subscribe_clock(layout: &SubscriptionLayout, bytes: &[u8]) -> Result<Wait> {
    let clock = u32::from_le_bytes(field(bytes, layout.clock_id));
    let timeout = u64::from_le_bytes(field(bytes, layout.timeout));
    match u16::from_le_bytes(field(bytes, layout.flags)) {
        // Setting the real-time clock does not end a relative sleep on it (POSIX, `clock_settime`).
        0 if clock <= clock::MONOTONIC => {
            let deadline = clock::now(clock::MONOTONIC)?.saturating_add(timeout);
            Ok(Wait::Time { clock: clock::MONOTONIC, deadline })
        }
        ABSOLUTE if clock <= clock::MONOTONIC => Ok(Wait::Time { clock, deadline: timeout }),
        0 | ABSOLUTE => clock::now(clock).and(Err(Errno::Notsup.into())),
        _ => Err(INVALID),
    }
}

fn field<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    *bytes[offset..].first_chunk().expect("a field lies in its structure")
}

/// What happened to the descriptors, and what the clocks show.
struct Happened {
    files: Vec<PollFlags>,
    clocks: [u64; 2],
}

/// Waits until something has happened to one of the subscriptions.
fn wait(guest: &Guest, subscriptions: &[Subscription], files: &Files) -> Result<Happened> {
    let mut list: Vec<_> = files
        .list
        .iter()
        .map(|(file, flags)| PollFd::from_borrowed_fd(file.system().expect("as above"), *flags))
        .collect();
    loop {
        // The time goes on while the system looks, so that a deadline that has passed is never
        // missed.
        let mut left = subscriptions.iter().filter_map(time_left).min();
        if !guest.program.poll_page.is_null() {
            if interrupt::take(guest.program) {
                return Err(INTERRUPTED);
            }
            let look = u64::from(interrupt::LOOK.subsec_nanos());
            left = Some(left.unwrap_or(look).min(look));
        }
        let timeout = left.map(timespec);
        match event::poll(&mut list, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => continue,
            result => result?,
        };
        let clocks = [clock::now(clock::REALTIME)?, clock::now(clock::MONOTONIC)?];
        let happened = Happened { files: list.iter().map(|file| file.revents()).collect(), clocks };
        // The real-time clock may have been set back meanwhile.
        if subscriptions.iter().any(|subscription| describe(subscription, files, &happened).is_some()) {
            return Ok(happened);
        }
    }
}

/// Nanoseconds until a subscription must be looked at again; nothing if no time is near enough to
/// matter.
fn time_left(subscription: &Subscription) -> Option<u64> {
    match subscription.wait {
        Wait::Time { clock, deadline } => Some(clock::now(clock).map_or(0, |now| deadline.saturating_sub(now))),
        Wait::Ready | Wait::Failed(_) => Some(0),
        Wait::File { .. } => None,
    }
}

/// `$event`; nothing if the subscription still waits.
fn describe(subscription: &Subscription, files: &Files, happened: &Happened) -> Option<[u8; EVENT_SIZE]> {
    let (error, n_bytes, flags) = match subscription.wait {
        Wait::Time { clock, deadline } => {
            if happened.clocks[clock as usize] < deadline {
                return None;
            }
            (Errno::Success, 0, 0)
        }
        Wait::Ready => (Errno::Success, 1, 0),
        Wait::Failed(errno) => (errno, 0, 0),
        Wait::File { place, flag } => {
            let found = happened.files[place];
            if !found.intersects(flag | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
                return None;
            }
            describe_file(found, flag, files.system(place))
        }
    };
    let mut event = [0; EVENT_SIZE];
    event[0..8].copy_from_slice(&subscription.user_data);
    event[8..10].copy_from_slice(&(error as u16).to_le_bytes());
    event[10] = subscription.tag;
    event[16..24].copy_from_slice(&u64::to_le_bytes(n_bytes));
    event[24..26].copy_from_slice(&u16::to_le_bytes(flags));
    Some(event)
}

fn describe_file(found: PollFlags, flag: PollFlags, file: BorrowedFd<'_>) -> (Errno, u64, u16) {
    if found.contains(PollFlags::NVAL) {
        return (Errno::Badf, 0, 0);
    }
    let n_ready = if flag == PollFlags::IN { rustix::io::ioctl_fionread(file).unwrap_or(0) } else { 0 };
    if found.intersects(PollFlags::HUP | PollFlags::ERR) {
        // The next read or write tells what happened.
        return (Errno::Success, n_ready, HANGUP);
    }
    (Errno::Success, n_ready.max(1), 0)
}
