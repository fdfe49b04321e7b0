//! The initial contents of linear memories, as whole pages that the runtime moves into place.

use crate::abi;
use crate::layout::{Layout, SegmentPlan};
use crate::wasm::{DataMode, MemoryIndex, Module};

/// Page-aligned bytes of a memory.
pub struct Run {
    pub memory: MemoryIndex,
    /// Address of the first byte; a multiple of [`abi::HOST_PAGE`].
    pub address: u64,
    pub bytes: Vec<u8>,
}

/// Gaps of up to this many bytes between segments are filled with zeros rather than starting another run: a system call
/// costs more.
const SMALL_GAP: u64 = 16 * abi::HOST_PAGE;

/// Lays the placed data segments over each other, in the module's order.
pub fn runs(module: &Module, layout: &Layout) -> Vec<Run> {
    let mut segments = Vec::new();
    for (index, data) in &module.data {
        if let (SegmentPlan::Placed { offset }, DataMode::Active { memory, .. }) = (layout.data[index], &data.mode)
            && !data.bytes.is_empty()
        {
            segments.push((*memory, offset, data.bytes));
        }
    }
    let mut runs = extents(&segments);
    for (memory, address, bytes) in segments {
        let run = runs.partition_point(|run| (run.memory, run.address) <= (memory, address)) - 1;
        let run = &mut runs[run];
        let start = (address - run.address) as usize;
        run.bytes[start..start + bytes.len()].copy_from_slice(bytes);
    }
    runs.into_iter().filter_map(without_zero_pages).collect()
}

/// Memories are zero anyway: pages without anything else at the ends of a run need no place in the file.
fn without_zero_pages(mut run: Run) -> Option<Run> {
    let page = abi::HOST_PAGE as usize;
    let used = |bytes: &&[u8]| bytes.iter().any(|byte| *byte != 0);
    let first = run.bytes.chunks(page).position(|bytes| used(&bytes))?;
    let last = run.bytes.chunks(page).rposition(|bytes| used(&bytes))?;
    run.bytes.truncate((last + 1) * page);
    run.bytes.drain(..first * page);
    run.address += (first * page) as u64;
    Some(run)
}

/// The pages that the segments touch, zeroed, in order of address.
fn extents(segments: &[(MemoryIndex, u64, &[u8])]) -> Vec<Run> {
    let page = abi::HOST_PAGE;
    let mut ranges: Vec<_> = segments
        .iter()
        .map(|(memory, address, bytes)| {
            (*memory, address / page * page, (address + bytes.len() as u64).next_multiple_of(page))
        })
        .collect();
    ranges.sort_unstable();
    let mut merged: Vec<(MemoryIndex, u64, u64)> = Vec::new();
    for (memory, start, end) in ranges {
        match merged.last_mut() {
            Some((last, _, last_end)) if *last == memory && start <= *last_end + SMALL_GAP => {
                *last_end = end.max(*last_end)
            }
            _ => merged.push((memory, start, end)),
        }
    }
    merged
        .into_iter()
        .map(|(memory, start, end)| Run { memory, address: start, bytes: vec![0; (end - start) as usize] })
        .collect()
}
