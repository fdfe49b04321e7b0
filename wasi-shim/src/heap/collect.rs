//! A collection: what must be looked at, and what is left.

use super::mark::Marker;
use super::{SMALLEST_LIMIT, State};
use crate::abi::image::Image;
use crate::abi::memory::Segment;
use crate::abi::table::Table;
use crate::arch::processor;
use crate::attempt::prepare_thread;
use crate::budget;
use crate::program::{images, slice};
use crate::stack;
use crate::width::usize_of;

/// What freed cells are overwritten with under stress: no address, and no reference.
const PATTERN: u8 = 0xdb;

impl State {
    /// Frees what nothing refers to. How many bytes of blocks and large objects are free then;
    /// nothing if it can't be known what is alive, so that everything stays.
    #[inline(never)]
    pub fn collect(&mut self) -> Option<usize> {
        let mut registers = [0; processor::N_PRESERVED];
        processor::save_preserved(&mut registers);
        let sp = registers.as_ptr() as usize;
        self.statistics.begin();
        self.take_back_runs();
        let is_marked = self.mark(sp);
        if !is_marked {
            self.limit = self.allocated.saturating_mul(2);
            return None;
        }
        let State { blocks, boxes, .. } = self;
        boxes.clean(|object| blocks.is_marked(object));
        if self.is_stressed {
            let overwrite = |address: usize, bytes: usize| {
                // SAFETY: memory of an object that is no more.
                unsafe { (address as *mut u8).write_bytes(PATTERN, bytes) }
            };
            self.blocks.each_dead(overwrite);
            self.large.each_dead(overwrite);
        }
        let in_blocks = self.blocks.sweep();
        // As many bytes as will be handed out keep their memory.
        self.limit = in_blocks.max(SMALLEST_LIMIT);
        let returned = self.blocks.trim(self.limit);
        let swept = self.large.sweep(if budget::is_limited(self.program) { 0 } else { self.limit });
        budget::give_back_of_objects(self.program, (returned as u64).saturating_add(swept.freed as u64));
        let alive = in_blocks.saturating_add(swept.alive);
        self.limit = alive.max(SMALLEST_LIMIT);
        self.allocated = 0;
        self.statistics.end();
        Some(self.taken().saturating_sub(alive))
    }

    /// Marks everything that can be reached. `sp` is a place in the frame of the function that
    /// calls, which has the registers that calls preserve.
    #[inline(never)]
    fn mark(&mut self, sp: usize) -> bool {
        prepare_thread();
        // A stack of somebody else's, whose end is not known.
        let Some(end) = stack::end_of_stack(sp) else { return false };
        let Some(mut marker) = Marker::new(&mut self.blocks, &mut self.large, &mut self.stack) else { return false };
        for word in (sp..end).step_by(size_of::<usize>()) {
            // SAFETY: from a live variable to the end of its stack all is mapped; words of any
            // value may be read.
            marker.visit_inside(unsafe { (word as *const usize).read_volatile() });
        }
        for image in images().filter(|image| image.heap == self.heap) {
            visit_image(&mut marker, image);
        }
        self.handles.visit(&mut marker);
        marker.run();
        true
    }
}

fn visit_image(marker: &mut Marker, image: &Image) {
    // SAFETY: arrays of the image; globals, tables and segments are as translated code left them.
    unsafe {
        for &global in slice(image.reference_globals, image.n_reference_globals) {
            marker.visit_all(global, 1);
        }
        for &table in slice(image.reference_tables, image.n_reference_tables) {
            let Table { base, length, .. } = *table;
            marker.visit_all(base.cast(), usize_of(length));
        }
        for &segment in slice(image.reference_segments, image.n_reference_segments) {
            let Segment { base, length } = *segment;
            marker.visit_all(base.cast(), usize_of(length));
        }
    }
}
