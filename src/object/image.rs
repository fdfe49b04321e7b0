//! The initial contents of linear memories, as whole pages that the runtime moves into place.

use crate::layout::{Layout, SegmentPlan};
use crate::number::to_usize;
use crate::wasm::{DataMode, MemoryIndex, Module};

/// Page-aligned bytes of a memory.
pub struct PageRun {
    pub memory: MemoryIndex,
    /// Address of the first byte; a multiple of the page.
    pub address: u64,
    pub bytes: Vec<u8>,
}

/// Gaps of up to this many bytes between segments are filled with zeros rather than starting
/// another run: a system call costs more.
const SMALL_GAP: u64 = 64 << 10;

/// All gaps of an image that are filled take at most this many bytes: a module of many tiny
/// segments far from each other does not become a file of gigabytes.
const ALL_GAPS: u64 = 16 << 20;

/// Lays the placed data segments over each other, in the module's order, in pages of `page` bytes.
pub fn runs(module: &Module, layout: &Layout, page: u64) -> Vec<PageRun> {
    let mut segments = Vec::new();
    for (index, data) in &module.data {
        if let (SegmentPlan::Placed { offset }, DataMode::Active { memory, .. }) = (layout.data[index], &data.mode)
            && !data.bytes.is_empty()
        {
            segments.push((*memory, offset, data.bytes));
        }
    }
    let mut runs = extents(&segments, page);
    for (memory, address, bytes) in segments {
        let n_before = runs.partition_point(|run| (run.memory, run.address) <= (memory, address));
        let run = runs[..n_before].last_mut().expect("every segment lies in a run");
        let start = address.checked_sub(run.address).expect("the run begins before it");
        run.bytes[to_usize(start)..][..bytes.len()].copy_from_slice(bytes);
    }
    runs.into_iter().filter_map(|run| without_zero_pages(run, page)).collect()
}

/// Memories are zero anyway: pages without anything else at the ends of a run need no place in the
/// file.
fn without_zero_pages(mut run: PageRun, page: u64) -> Option<PageRun> {
    let first = run.bytes.iter().position(|byte| *byte != 0)? as u64;
    let last = run.bytes.iter().rposition(|byte| *byte != 0)? as u64;
    let start = first.checked_rem(page).and_then(|rest| first.checked_sub(rest));
    let end = last.checked_add(1).and_then(|end| end.checked_next_multiple_of(page));
    let (start, end) = start.zip(end).expect("they are places in the run, which consists of pages");
    run.bytes.truncate(to_usize(end));
    run.bytes.drain(..to_usize(start));
    run.address = run.address.checked_add(start).expect("a run lies in its memory");
    Some(run)
}

/// The pages that the segments touch, zeroed, in order of address.
fn extents(segments: &[(MemoryIndex, u64, &[u8])], page: u64) -> Vec<PageRun> {
    let mut ranges: Vec<_> = segments
        .iter()
        .map(|(memory, address, bytes)| {
            let end = address.checked_add(bytes.len() as u64);
            let end = end.and_then(|end| end.checked_next_multiple_of(page));
            let start = address.checked_rem(page).and_then(|rest| address.checked_sub(rest));
            let (start, end) = start.zip(end).expect("a placed segment lies in its memory");
            (*memory, start, end)
        })
        .collect();
    ranges.sort_unstable();
    let mut merged: Vec<(MemoryIndex, u64, u64)> = Vec::new();
    let mut left = ALL_GAPS;
    for (memory, start, end) in ranges {
        let gap = |last_end: u64| start.saturating_sub(last_end);
        match merged.last_mut() {
            Some((last, _, last_end)) if *last == memory && gap(*last_end) <= SMALL_GAP.min(left) => {
                left = left.saturating_sub(gap(*last_end));
                *last_end = end.max(*last_end)
            }
            _ => merged.push((memory, start, end)),
        }
    }
    merged
        .into_iter()
        .map(|(memory, start, end)| {
            let length = end.checked_sub(start).expect("a range ends after its start");
            PageRun { memory, address: start, bytes: vec![0; to_usize(length)] }
        })
        .collect()
}
