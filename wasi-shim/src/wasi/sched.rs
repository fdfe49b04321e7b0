//! Waiting: `poll_oneoff`, `sched_yield`, sleep.
//!
//! wasi-common's own reports every descriptor as ready as soon as one is, and a timer never together with a descriptor.

use rustix::event::{self, PollFd, PollFlags, Timespec};
use std::time::Duration;
use wasi_common::sched::{Poll, RwEventFlags, Subscription, WasiSched};
use wasi_common::{Error, ErrorExt};

pub struct Sched;

#[async_trait::async_trait]
impl WasiSched for Sched {
    async fn poll_oneoff<'a>(&self, poll: &mut Poll<'a>) -> Result<(), Error> {
        let mut descriptors = Vec::new();
        for subscription in poll.rw_subscriptions() {
            let (file, flags) = match subscription {
                Subscription::Read(subscription) => (subscription.file, PollFlags::IN),
                Subscription::Write(subscription) => (subscription.file, PollFlags::OUT),
                Subscription::MonotonicClock(_) => continue,
            };
            let descriptor = file.pollable().ok_or_else(Error::invalid_argument)?;
            descriptors.push(PollFd::from_borrowed_fd(descriptor, flags));
        }
        loop {
            let timeout = match poll.earliest_clock_deadline() {
                Some(clock) => {
                    let left = clock.duration_until().unwrap_or_default();
                    Some(Timespec::try_from(left).map_err(|_| Error::overflow())?)
                }
                None => None,
            };
            match event::poll(&mut descriptors, timeout.as_ref()) {
                // Clocks have results as soon as their deadlines are past: see `SubscriptionResult`.
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(std::io::Error::from(error).into()),
            }
        }
        for (subscription, descriptor) in poll.rw_subscriptions().zip(descriptors) {
            let events = descriptor.revents();
            if events.is_empty() {
                continue;
            }
            let (subscription, n_ready) = match subscription {
                Subscription::Read(subscription) => {
                    let n_ready = subscription.file.num_ready_bytes().unwrap_or(0);
                    (subscription, n_ready)
                }
                Subscription::Write(subscription) => (subscription, 0),
                Subscription::MonotonicClock(_) => continue,
            };
            if events.contains(PollFlags::NVAL) {
                subscription.error(Error::badf());
            } else if events.intersects(PollFlags::HUP | PollFlags::ERR) {
                // The next read or write tells what happened.
                subscription.complete(n_ready, RwEventFlags::HANGUP);
            } else {
                subscription.complete(n_ready.max(1), RwEventFlags::empty());
            }
        }
        Ok(())
    }

    async fn sched_yield(&self) -> Result<(), Error> {
        std::thread::yield_now();
        Ok(())
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Error> {
        std::thread::sleep(duration);
        Ok(())
    }
}
