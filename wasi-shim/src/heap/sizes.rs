//! Sizes of cells: a step of 8 bytes up to 128, then eight sizes for each doubling.

use crate::abi::object::{LARGEST_IN_RUNS, N_RUNS, cell_size};
use std::ops::Range;

/// The largest object that lies in a block.
pub const LARGEST_CELL: usize = 8 << 10;

/// How many sizes there are.
pub const N_CLASSES: usize = 64;

/// Of those, the sizes up to 128 bytes.
const N_SMALL: usize = 16;

const CELLS: [u16; N_CLASSES] = {
    let mut cells = [0; N_CLASSES];
    let (mut class, mut cell, mut step) = (0usize, 0u16, 8u16);
    while class < N_CLASSES {
        if class >= N_SMALL && class.is_multiple_of(8) && class != N_SMALL {
            step = step.saturating_mul(2);
        }
        if class == N_SMALL {
            step = 16;
        }
        cell = cell.saturating_add(step);
        cells[class] = cell;
        class = class.saturating_add(1);
    }
    cells
};

// Code and the runtime agree about each size that code takes by itself.
const _: () = {
    let mut bytes = 1;
    while bytes <= LARGEST_IN_RUNS {
        assert!(cell_of(class_of(bytes as usize)) == cell_size(bytes) as usize);
        bytes = bytes.saturating_add(1);
    }
    assert!(cell_of(class_of(LARGEST_CELL)) == LARGEST_CELL);
};

/// The class of objects of so many bytes, [`LARGEST_CELL`] at most.
pub const fn class_of(bytes: usize) -> usize {
    let last = bytes.saturating_sub(1);
    if last < 128 {
        return last / 8;
    }
    let doubling = last.ilog2();
    let eighth = last.wrapping_shr(doubling.saturating_sub(3)) & 7;
    N_SMALL.saturating_add((doubling as usize).saturating_sub(7).saturating_mul(8)).saturating_add(eighth)
}

/// Bytes of a cell of the class.
pub const fn cell_of(class: usize) -> usize {
    CELLS[class] as usize
}

/// The runs of [`Heap::runs`](crate::abi::object::Heap::runs) whose cells have this class.
pub fn runs_of(class: usize) -> Range<usize> {
    let before = class.checked_sub(1).map_or(0, cell_of);
    let first = (before / 8).saturating_add(1);
    first.min(N_RUNS)..(cell_of(class) / 8).saturating_add(1).min(N_RUNS)
}
