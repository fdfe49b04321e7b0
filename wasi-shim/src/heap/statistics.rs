//! What `--gc-stats` prints when a program ends, or when a library's objects go.

use super::State;
use crate::abi::program::GC_STATS;
use crate::program::{AT_END, images};
use crate::text::{Text, message};
use crate::width::usize_of;
use std::sync::atomic::Ordering::Acquire;

/// Lengths of pauses are counted by their powers of two in microseconds, each divided in four.
const N_LENGTHS: usize = 4 * 40;

pub struct Statistics {
    is_wanted: bool,
    n_collections: u64,
    /// Nanoseconds; the time at which the collection at hand began.
    begun: u64,
    longest: u64,
    total: u64,
    /// How many pauses had which length.
    lengths: [u64; N_LENGTHS],
    /// Bytes that were handed out, and the most that blocks and large objects took.
    allocated: u64,
    peak: usize,
}

impl Statistics {
    pub fn new(options: u8) -> Statistics {
        let is_wanted = options & GC_STATS != 0;
        if is_wanted {
            let _ = AT_END.set(print);
        }
        let [n_collections, begun, longest, total, allocated] = [0; 5];
        Statistics { is_wanted, n_collections, begun, longest, total, lengths: [0; N_LENGTHS], allocated, peak: 0 }
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
            let count = &mut self.lengths[length_of(pause)];
            *count = count.saturating_add(1);
        }
    }

    /// How long 99 of 100 pauses were at most, in nanoseconds, to a fourth.
    fn most(&self) -> u64 {
        let wanted = self.n_collections.saturating_sub(self.n_collections / 100);
        let mut seen = 0_u64;
        for (length, count) in self.lengths.iter().enumerate() {
            seen = seen.saturating_add(*count);
            if seen >= wanted {
                return end_of(length).min(self.longest);
            }
        }
        self.longest
    }

    /// A line, if it is wanted.
    pub fn print(&self) {
        if !self.is_wanted {
            return;
        }
        let mut text = message();
        text.add("gc: ").add_decimal(self.n_collections.into()).add(" collections, longest ");
        add_milliseconds(&mut text, self.longest).add(", 99 % within ");
        add_milliseconds(&mut text, self.most()).add(", in all ");
        add_milliseconds(&mut text, self.total).add("; ").add_decimal(self.allocated.into());
        text.add(" bytes allocated, heap ").add_decimal(self.peak as u128).add(" bytes at most\n");
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
            // SAFETY: the heap of a module; its state, which no code uses at the end.
            unsafe {
                if let Some(state) = (*heap).state.load(Acquire).cast::<State>().as_ref() {
                    state.statistics.print();
                }
            }
        }
    }
}

/// The place of a pause of so many nanoseconds in [`Statistics::lengths`].
fn length_of(pause: u64) -> usize {
    let microseconds = (pause / 1000).max(4);
    let power = microseconds.ilog2();
    let fourth = microseconds.wrapping_shr(power.wrapping_sub(2)) % 4;
    usize_of(u64::from(power).wrapping_sub(2).wrapping_mul(4).wrapping_add(fourth)).min(N_LENGTHS - 1)
}

/// The least nanoseconds that are longer than a place of [`Statistics::lengths`] says.
fn end_of(length: usize) -> u64 {
    let (power, fourth) = (length / 4, length % 4);
    let microseconds = (fourth as u64).wrapping_add(5).checked_shl(u32::try_from(power).unwrap_or(u32::MAX));
    microseconds.unwrap_or(u64::MAX).saturating_mul(1000)
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
