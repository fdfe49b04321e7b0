//! Measures blocks of the own C library beside the C library that this program is linked with, and
//! prints a table: nanoseconds of a call, medians of rounds that take turns.
//!
//! An argument chooses the registers: `narrow` or `wide`; otherwise the library does.

#![no_builtins]

#[path = "../../wasi-shim/libc/src/memory"]
mod memory {
    pub mod vector;

    pub mod copy;

    pub mod fill;

    #[path = "../arch/registers/mod.rs"]
    pub mod registers;

    pub mod block;
}

use memory::block;
use memory::registers::processor;
use std::hint::black_box;
use std::time::Instant;

const SIZES: [usize; 13] = [8, 16, 32, 64, 100, 128, 256, 512, 1 << 10, 4 << 10, 64 << 10, 1 << 20, 16 << 20];
const PAGE: usize = 4096;

type Copy = unsafe extern "C" fn(*mut u8, *const u8, usize) -> *mut u8;
type Fill = unsafe extern "C" fn(*mut u8, i32, usize) -> *mut u8;

unsafe extern "C" {
    fn memcpy(to: *mut u8, from: *const u8, n: usize) -> *mut u8;
    fn memmove(to: *mut u8, from: *const u8, n: usize) -> *mut u8;
    fn memset(to: *mut u8, value: i32, n: usize) -> *mut u8;
}

#[unsafe(link_section = ".text.memory.copy")]
unsafe extern "C" fn own_copy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: the caller's.
    unsafe { block::copy(to, from, n) }
}

#[unsafe(link_section = ".text.memory.fill")]
unsafe extern "C" fn own_fill(to: *mut u8, value: i32, n: usize) -> *mut u8 {
    // SAFETY: the caller's.
    unsafe { block::fill(to, value.to_le_bytes()[0], n) }
}

fn main() {
    choose(std::env::args().nth(1).as_deref());
    let mut memory = vec![1_u8; 2 * SIZES[12] + 4 * PAGE];
    let start = memory.as_mut_ptr();
    let low = start.wrapping_add(start.align_offset(PAGE));
    let high = low.wrapping_add(SIZES[12] + PAGE);
    heading();
    copies("memcpy, at a page", memcpy, high, low);
    copies("memcpy, from + 1, to + 3", memcpy, high.wrapping_add(3), low.wrapping_add(1));
    copies("memmove, to = from + 24", memmove, low.wrapping_add(24), low);
    copies("memmove, from = to + 24", memmove, low, low.wrapping_add(24));
    fills("memset, at a page", low);
    fills("memset, to + 3", low.wrapping_add(3));
}

#[cfg(target_arch = "x86_64")]
fn choose(width: Option<&str>) {
    use processor::Width;
    // SAFETY: who asks for registers has them.
    match width {
        Some("narrow") => unsafe { processor::set_width(Width::Narrow) },
        Some("wide") => unsafe { processor::set_width(Width::Wide) },
        _ => processor::choose(),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn choose(_: Option<&str>) {
    processor::choose();
}

fn heading() {
    let sizes: Vec<_> = SIZES.iter().map(|n| size(*n)).collect();
    println!("| | {} |\n| --- |{}", sizes.join(" | "), " --: |".repeat(SIZES.len()));
}

fn size(n: usize) -> String {
    match n {
        0x100000.. => format!("{} MB", n >> 20),
        0x400.. => format!("{} KB", n >> 10),
        _ => n.to_string(),
    }
}

fn copies(name: &str, theirs: Copy, to: *mut u8, from: *const u8) {
    let (theirs, ours): (Copy, Copy) = (black_box(theirs), black_box(own_copy));
    let pairs = SIZES.map(|n| {
        // SAFETY: the memory is larger than two blocks.
        let call = |copy: Copy| move || _ = black_box(unsafe { copy(to, from, n) });
        take_turns(n, call(theirs), call(ours))
    });
    print_rows(name, &pairs);
}

fn fills(name: &str, to: *mut u8) {
    let (theirs, ours): (Fill, Fill) = (black_box(memset), black_box(own_fill));
    let pairs = SIZES.map(|n| {
        // SAFETY: the memory is larger than a block.
        let call = |fill: Fill| move || _ = black_box(unsafe { fill(to, 7, n) });
        take_turns(n, call(theirs), call(ours))
    });
    print_rows(name, &pairs);
}

/// Nanoseconds of both, for blocks of `n` bytes.
fn take_turns(n: usize, mut theirs: impl FnMut(), mut ours: impl FnMut()) -> (f64, f64) {
    // Short rounds, so that what else this machine does falls into few of them.
    let (rounds, calls) = if n < 1 << 20 { (401, (200_000 / (n + 100)).max(1)) } else { (41, 1) };
    let mut seconds = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        seconds.0.push(time(&mut theirs, calls));
        seconds.1.push(time(&mut ours, calls));
    }
    (median(&mut seconds.0), median(&mut seconds.1))
}

fn time(call: &mut impl FnMut(), calls: usize) -> f64 {
    let start = Instant::now();
    for _ in 0..calls {
        call();
    }
    start.elapsed().as_nanos() as f64 / calls as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn print_rows(name: &str, pairs: &[(f64, f64)]) {
    let row = |name: &str, cell: &dyn Fn(&(f64, f64)) -> String| {
        let cells: Vec<_> = pairs.iter().map(cell).collect();
        println!("| {name} | {} |", cells.join(" | "));
    };
    row(&format!("{name}: system's"), &|(theirs, _)| number(*theirs));
    row("own", &|(_, ours)| number(*ours));
    row("ratio", &|(theirs, ours)| format!("{:.2}", ours / theirs));
}

fn number(nanoseconds: f64) -> String {
    match nanoseconds {
        10_000.0.. => format!("{:.0}k", nanoseconds / 1000.0),
        100.0.. => format!("{nanoseconds:.0}"),
        _ => format!("{nanoseconds:.1}"),
    }
}
