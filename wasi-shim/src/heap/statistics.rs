//! What `--gc-stats` prints when a program ends.

use super::State;
use crate::abi::object::Heap;
use crate::abi::program::GC_STATS;
use crate::program::{AT_END, images};
use crate::text::{Text, message};
use crate::width::usize_of;
use std::sync::atomic::Ordering::Acquire;

#[derive(Default)]
pub struct Statistics {
    is_wanted: bool,
    n_collections: u64,
    /// Nanoseconds; the time at which the collection at hand began.
    begun: u64,
    longest: u64,
    total: u64,
    /// Bytes that were handed out, and the most that blocks and large objects took.
    allocated: u64,
    peak: usize,
}

impl Statistics {
    pub fn new(options: u32) -> Statistics {
        let is_wanted = options & GC_STATS != 0;
        if is_wanted {
            let _ = AT_END.set(print);
        }
        Statistics { is_wanted, ..Statistics::default() }
    }

    pub fn count(&mut self, bytes: usize, taken: usize) {
        self.allocated = self.allocated.saturating_add(bytes as u64);
        self.peak = self.peak.max(taken);
    }

    pub fn begin(&mut self) {
        if self.is_wanted {
            self.begun = now();
        }
    }

    pub fn end(&mut self) {
        if self.is_wanted {
            let pause = now().saturating_sub(self.begun);
            self.n_collections = self.n_collections.saturating_add(1);
            self.longest = self.longest.max(pause);
            self.total = self.total.saturating_add(pause);
        }
    }
}

/// Nanoseconds on the monotonic clock.
fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to a live variable.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    let [seconds, rest] = [time.tv_sec, time.tv_nsec].map(|it| u64::try_from(it).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// Prints those of each heap.
fn print() {
    let heaps = || images().map(|image| image.heap.cast_const()).filter(|heap| !heap.is_null());
    for (number, heap) in heaps().enumerate() {
        if !heaps().take(number).any(|other| other == heap) {
            // SAFETY: the heap of a module.
            unsafe { print_one(heap) };
        }
    }
}

/// # Safety
/// `heap` is that of a module.
unsafe fn print_one(heap: *const Heap) {
    // SAFETY: as required of the caller; null, or its state, which no code uses at the end.
    let Some(state) = (unsafe { (*heap).state.load(Acquire).cast::<State>().as_ref() }) else { return };
    let Statistics { n_collections, longest, total, allocated, peak, .. } = state.statistics;
    let mut text = message();
    text.add("gc: ").add_decimal(n_collections.into()).add(" collections, longest ");
    add_milliseconds(&mut text, longest).add(", in all ");
    add_milliseconds(&mut text, total).add("; ").add_decimal(allocated.into()).add(" bytes allocated, heap ");
    text.add_decimal(peak as u128).add(" bytes at most\n");
}

/// `12.345 ms`
fn add_milliseconds(text: &mut Text, nanoseconds: u64) -> &mut Text {
    let microseconds = nanoseconds / 1000;
    text.add_decimal((microseconds / 1000).into()).add(".");
    let rest = microseconds % 1000;
    for digit in [rest / 100, rest / 10 % 10, rest % 10] {
        text.add([b'0'.wrapping_add([0, 1, 2, 3, 4, 5, 6, 7, 8, 9][usize_of(digit)])]);
    }
    text.add(" ms")
}
