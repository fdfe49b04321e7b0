//! A program that checks the blocks of the own C library, `wasi-shim/libc/src/memory/`, against the
//! standard library's slices. `main.rs` compiles it for each processor, and says what it runs on.
//!
//! `check WIDTH [few]` makes every call with registers of that width: `narrow`, `wide`, `widest`,
//! or `chosen` by the library. It prints the width and the number of calls. `few` leaves most
//! alignments out, for an emulator.

#![no_builtins]

#[path = "../../wasi-shim/libc/src/memory"]
mod memory {
    pub mod vector;

    pub mod copy;

    pub mod fill;

    #[path = "../arch/registers/mod.rs"]
    pub mod registers;

    pub mod block;

    pub mod compare;
}

use memory::registers::processor;
use memory::{block, compare};
use std::cmp::Ordering;

/// Sizes where the code takes another way.
const BORDERS: [usize; 3] = [1 << 10, 4 << 10, 64 << 10];
const HUGE: usize = 4 << 20;

/// What stays untouched is looked at so far around a block.
const AROUND: usize = 128;

fn main() {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let width = words.first().expect("the width is the first argument");
    choose(width);
    let is_few = words.get(1).is_some_and(|word| word == "few");
    let few = [0, 1, 8, 15, 16, 31, 33, 63];
    let alignments: Vec<usize> = if is_few { few.into() } else { (0..64).collect() };
    let mut check = Check::new();
    check.small(&alignments);
    check.overlapping(&alignments);
    check.borders();
    check.huge();
    check.at_the_edge_of_memory();
    check.numbers_near_the_end();
    check.compared();
    println!("{} calls", check.n_calls);
}

#[cfg(target_arch = "x86_64")]
fn choose(width: &str) {
    use processor::Width;
    let is_late = is_x86_feature_detected!("avx512bf16");
    let has_zmm = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
    let widest = match is_x86_feature_detected!("avx2") {
        false => Width::Narrow,
        true if has_zmm && is_late => Width::Widest,
        true => Width::Wide,
    };
    assert_eq!(processor::widest_width(), widest, "the standard library finds other registers");
    let chosen = match width {
        "narrow" => Width::Narrow,
        "wide" => Width::Wide,
        "widest" => Width::Widest,
        _ => widest,
    };
    if chosen as u8 > widest as u8 {
        println!("this processor has no such registers");
        std::process::exit(0);
    }
    match width {
        "chosen" => processor::choose(),
        // SAFETY: the processor has them.
        _ => unsafe { processor::set_width(chosen) },
    }
    println!("{chosen:?}");
}

#[cfg(not(target_arch = "x86_64"))]
fn choose(_: &str) {
    processor::choose();
}

/// Two buffers on which the same is done, one way and the other.
struct Check {
    ours: Vec<u8>,
    theirs: Vec<u8>,
    /// What is copied.
    source: Vec<u8>,
    n_calls: usize,
}

impl Check {
    fn new() -> Check {
        let mut state = 1;
        let mut bytes = || (0..3 * HUGE).map(|_| random(&mut state)).collect::<Vec<u8>>();
        let (ours, source) = (bytes(), bytes());
        Check { theirs: ours.clone(), ours, source, n_calls: 0 }
    }

    /// Copies `n` bytes of the source from `from` to `to`, and fills them.
    fn apart(&mut self, to: usize, from: usize, n: usize) {
        assert!(to + n <= self.ours.len() && from + n <= self.source.len());
        let target = self.ours[to..].as_mut_ptr();
        // SAFETY: both places are in their buffers.
        let result = unsafe { block::copy(target, self.source[from..].as_ptr(), n) };
        self.theirs[to..to + n].copy_from_slice(&self.source[from..from + n]);
        assert_eq!(result, target);
        self.compare(to, n, format_args!("copy of {n} bytes, to {to} from {from}"));
    }

    fn filled(&mut self, to: usize, byte: u8, n: usize) {
        assert!(to + n <= self.ours.len());
        let target = self.ours[to..].as_mut_ptr();
        // SAFETY: the place is in its buffer.
        let result = unsafe { block::fill(target, byte, n) };
        self.theirs[to..to + n].fill(byte);
        assert_eq!(result, target);
        self.compare(to, n, format_args!("fill of {n} bytes at {to}"));
    }

    /// Copies `n` bytes within one buffer.
    fn within(&mut self, to: usize, from: usize, n: usize) {
        assert!(to + n <= self.ours.len() && from + n <= self.ours.len());
        let start = self.ours.as_mut_ptr();
        // SAFETY: both places are in the buffer.
        let result = unsafe { block::copy(start.add(to), start.add(from), n) };
        self.theirs.copy_within(from..from + n, to);
        assert_eq!(result, self.ours[to..].as_mut_ptr());
        self.compare(to, n, format_args!("copy of {n} bytes within a buffer, to {to} from {from}"));
    }

    fn compare(&mut self, to: usize, n: usize, what: std::fmt::Arguments<'_>) {
        self.n_calls += 1;
        let part = to.saturating_sub(AROUND)..self.ours.len().min(to + n + AROUND);
        let pairs = || self.ours[part.clone()].iter().zip(&self.theirs[part.clone()]);
        if self.ours[part.clone()] != self.theirs[part.clone()] {
            let first = pairs().position(|(ours, theirs)| ours != theirs).expect("they differ");
            panic!("{what}: byte {} is wrong", part.start + first);
        }
    }

    fn small(&mut self, alignments: &[usize]) {
        for n in 0..=600 {
            for to in alignments {
                for from in alignments {
                    self.apart(AROUND + to, AROUND + from, n);
                }
                self.filled(AROUND + to, (n + to) as u8, n);
            }
        }
    }

    fn overlapping(&mut self, alignments: &[usize]) {
        let base = 4096;
        for n in 0..=600 {
            // Copies upon copies make the bytes alike.
            self.apart(base - 1024, base - 1024 + n, 4096);
            for at in alignments.iter().step_by(5) {
                for distance in 0..=130 {
                    self.within(base + at + distance, base + at, n);
                    self.within(base + at - distance, base + at, n);
                }
            }
        }
    }

    fn borders(&mut self) {
        for border in BORDERS {
            for n in border - 70..=border + 70 {
                for (to, from) in [(0, 0), (0, 1), (1, 0), (3, 1), (15, 17), (31, 33), (32, 0), (63, 62)] {
                    self.apart(4096 + to, 4096 + from, n);
                    self.filled(4096 + to, n as u8, n);
                }
                self.shifted(n);
            }
        }
    }

    fn huge(&mut self) {
        for n in [HUGE - 65, HUGE - 1, HUGE, HUGE + 1, HUGE + 63, HUGE + 65, HUGE + 1077] {
            for (to, from) in [(0, 0), (1, 0), (3, 1), (16, 48), (63, 62)] {
                self.apart(4096 + to, 4096 + from, n);
            }
            self.filled(4097, n as u8, n);
            self.shifted(n);
        }
    }

    /// Copies that overlap, by several distances in both directions.
    fn shifted(&mut self, n: usize) {
        let base = n + 128;
        for distance in [0, 1, 8, 24, 63, 64, 255, 256, 4096, n / 2, n - 1, n, n + 1] {
            if distance <= base && base + distance + n <= self.ours.len() {
                self.apart(base - 64, base + n % 1000, n);
                self.within(base + distance, base, n);
                self.within(base - distance, base, n);
            }
        }
    }

    /// Nothing is read or written past either end: there, memory is closed.
    fn at_the_edge_of_memory(&mut self) {
        let open = Island::new();
        let other = Island::new();
        for n in 0..=600 {
            for (to, from) in
                [(0, 0), (Island::SIZE - n, Island::SIZE - n), (0, Island::SIZE - n), (Island::SIZE - n, 0)]
            {
                // SAFETY: all places are on the islands.
                unsafe {
                    block::fill(open.start.add(to), 1, n);
                    block::copy(open.start.add(to), other.start.add(from), n);
                    block::copy(open.start.add(to), open.start.add(from), n);
                    assert_eq!(compare::compare(open.start.add(to), other.start.add(from), n), Ordering::Equal);
                }
                self.n_calls += 4;
            }
            if n > 0 {
                // SAFETY: a zero byte ends the text on the island.
                unsafe {
                    let text = other.start.add(Island::SIZE - n);
                    block::fill(text, 1, n - 1);
                    assert_eq!(compare::length(text), n - 1);
                    block::fill(text, 0, n);
                }
            }
        }
    }

    /// Whether places overlap is a question of their addresses, however large the sums are.
    fn numbers_near_the_end(&mut self) {
        let address = |it: usize| std::ptr::without_provenance::<u8>(it);
        let last = usize::MAX;
        for (of, start, n, is_within) in [
            (0, 0, 0, false),
            (5, 5, 1, true),
            (6, 5, 1, false),
            (last, last - 3, 4, true),
            (last - 4, last - 3, 4, false),
            (0, last - 3, 4, false),
            (0, last, usize::MAX, true),
            (1, 2, usize::MAX, false),
        ] {
            assert_eq!(memory::copy::is_within(address(of), address(start), n), is_within, "{of} {start} {n}");
        }
        // Nothing is touched where there is nothing to copy, wherever that is.
        for place in [0, 1, last] {
            let place = std::ptr::without_provenance_mut(place);
            // SAFETY: no bytes.
            unsafe {
                assert_eq!(block::copy(place, place, 0), place);
                assert_eq!(block::fill(place, 1, 0), place);
                assert_eq!(compare::compare(place, place, 0), Ordering::Equal);
            }
        }
    }

    fn compared(&mut self) {
        let mut state = 7;
        for n in (0..=130).chain([600, 4099]) {
            for at in 0..9 {
                let left: Vec<u8> = self.source[at..at + n].into();
                for change in (0..n).step_by(if n > 130 { 37 } else { 1 }) {
                    let mut right = vec![0; 16 - at];
                    right.extend(&left);
                    let right = &mut right[16 - at..];
                    right[change] = random(&mut state);
                    if let Some(later) = right.get_mut(change + 1) {
                        *later = random(&mut state);
                    }
                    // SAFETY: both have `n` bytes.
                    let order = unsafe { compare::compare(left.as_ptr(), right.as_ptr(), n) };
                    assert_eq!(order, left[..].cmp(right), "{left:?} {right:?}");
                    self.n_calls += 1;
                }
            }
        }
    }
}

/// The next byte of a sequence without order.
fn random(state: &mut u64) -> u8 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    (*state >> 56) as u8
}

/// Memory with none before it and none after it.
struct Island {
    start: *mut u8,
}

unsafe extern "C" {
    fn mmap(address: *mut u8, n: usize, protection: i32, flags: i32, file: i32, offset: i64) -> *mut u8;
    fn mprotect(address: *mut u8, n: usize, protection: i32) -> i32;
}

impl Island {
    /// A multiple of any page.
    const SIZE: usize = 64 << 10;

    fn new() -> Island {
        const PRIVATE_ANONYMOUS: i32 = 0x22;
        const READ_WRITE: i32 = 3;
        // SAFETY: maps new memory, and opens the middle of it.
        unsafe {
            let sea = mmap(std::ptr::null_mut(), 3 * Island::SIZE, 0, PRIVATE_ANONYMOUS, -1, 0);
            assert!(sea.addr() != usize::MAX, "no memory");
            let start = sea.add(Island::SIZE);
            assert_eq!(mprotect(start, Island::SIZE, READ_WRITE), 0);
            Island { start }
        }
    }
}
