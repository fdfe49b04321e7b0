//! The heap of objects: where code takes memory for them, and the collector that frees it.
//!
//! Comes in: calls of [`w2n_allocate`], when a run of free cells has come to its end. The collector
//! marks and sweeps. It runs inside of such calls alone, so that all translated code is at a call;
//! nothing moves, and code says nothing about its frames: each word of the stack is taken for a
//! reference if it could be one. What globals, tables, segments and objects hold is known exactly.
//! What a host keeps beyond its call is seen only in handles.
//!
//! Programs without objects link none of this: what lies above calls it through
//! [`Heap::release`] and [`program::AT_END`](crate::program::AT_END).

mod blocks;
mod cast;
mod collect;
mod handles;
mod host;
mod large;
mod mark;
mod sizes;
mod statistics;

use crate::abi::object::{Heap, LARGEST_IN_RUNS, N_RUNS, Run};
use crate::abi::program::{GC_STRESS, Program};
use crate::abi::trap::Trap;
use crate::attempt::fail;
use crate::backtrace::Cause;
use crate::budget;
use crate::program::{images_of, programs};
use crate::system::{self, Access, kernel};
use crate::text::{Text, message};
use crate::trap;
use crate::width::usize_of;
use blocks::{BLOCK, Blocks};
use handles::Handles;
use host::Boxes;
use large::Large;
use mark::Stack;
use sizes::{LARGEST_CELL, N_CLASSES, cell_of, class_of, runs_of};
use statistics::Statistics;
use std::ffi::c_void;
use std::ops::Range;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Address space for blocks, and as much for large objects.
const RESERVED: u64 = 32 << 30;

/// With less of both there is no heap.
const LEAST_RESERVED: u64 = 4 << 20;

/// Bytes that are handed out before the first collection, and at least before every other.
const SMALLEST_LIMIT: usize = 32 << 20;

/// What is known of a heap. It lies at the start of its address space.
struct State {
    heap: *mut Heap,
    /// Whose budget the heap counts against: the first whose modules use it.
    program: &'static Program,
    /// All of its address space.
    reserved: usize,
    blocks: Blocks,
    large: Large,
    boxes: Boxes,
    handles: Handles,
    /// What the collector works with.
    stack: Stack,
    /// As [`Heap::runs`], by class, for cells that code does not take by itself.
    runs: [Run; N_CLASSES],
    /// Bytes handed out since the last collection, and how many may be until the next.
    allocated: usize,
    limit: usize,
    /// Each call collects, and gets one cell.
    is_stressed: bool,
    statistics: Statistics,
}

/// [`crate::abi::builtin::Builtin::Allocate`]: memory for an object, and the run after it. Does not
/// return if there is none.
///
/// # Safety
/// `heap` is that of the code that calls. It makes the memory an object before it calls again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_allocate(heap: *mut Heap, bytes: u64) -> *mut u8 {
    // SAFETY: as required of the caller.
    unsafe { State::of(heap) }.allocate(bytes)
}

impl State {
    /// The state of a heap, which is made when it is first wanted.
    ///
    /// # Safety
    /// The heap is one of a program. One thread at a time uses it, and no reference to its state is
    /// alive.
    #[inline(always)]
    unsafe fn of(heap: *mut Heap) -> &'static mut State {
        // SAFETY: null, or what `create` put there.
        unsafe {
            match (*heap).state.load(Acquire).cast::<State>().as_mut() {
                Some(state) => state,
                None => State::create(heap),
            }
        }
    }

    /// # Safety
    /// As for [`State::of`].
    #[cold]
    unsafe fn create(heap: *mut Heap) -> &'static mut State {
        let uses = |program: &&'static Program| images_of(program).any(|image| image.heap == heap);
        let program = programs().find(uses).or_else(|| programs().last()).expect("code runs, so its program was noted");
        let page = kernel::page_size();
        let most = program.objects.limit.load(Relaxed).min(program.memory.limit.load(Relaxed));
        // Some more than it may take, because extents of large objects have gaps.
        let mut each = most.saturating_mul(2).clamp(LEAST_RESERVED, RESERVED).next_multiple_of(LEAST_RESERVED);
        let start = loop {
            if let Some(start) = system::reserve(Parts::of(usize_of(each), page).end, Access::ReadWrite) {
                break start;
            }
            each /= 2;
            if each < LEAST_RESERVED {
                let mut text = message();
                text.add("cannot reserve address space for objects (see `ulimit -v`)");
                fail(text, 1)
            }
        };
        let parts = Parts::of(usize_of(each), page);
        let blocks = start.expose_provenance().wrapping_add(parts.blocks).next_multiple_of(BLOCK);
        let large = blocks.wrapping_add(usize_of(each));
        let options = program.gc.load(Relaxed);
        const NO_RUN: Run = Run { next: 0, end: 0 };
        let state = start.cast::<State>();
        // SAFETY: new memory of which the first part has this size.
        unsafe {
            state.write(State {
                heap,
                program,
                reserved: parts.end,
                blocks: Blocks::new(blocks, usize_of(each), start.wrapping_add(parts.block_table)),
                large: Large::new(large, usize_of(each), page, start.wrapping_add(parts.page_table)),
                boxes: Boxes::default(),
                handles: Handles::new(start.wrapping_add(parts.handles)),
                stack: Stack::NONE,
                runs: [NO_RUN; N_CLASSES],
                allocated: 0,
                limit: SMALLEST_LIMIT,
                is_stressed: options & GC_STRESS != 0,
                statistics: Statistics::new(options),
            });
            (*heap).release.store(release as *const () as *mut c_void, Relaxed);
            (*heap).state.store(state.cast(), Release);
            &mut *state
        }
    }

    fn allocate(&mut self, bytes: u64) -> *mut u8 {
        let address = match usize::try_from(bytes) {
            Ok(bytes @ ..=LARGEST_CELL) => self.allocate_cell(bytes.max(8)),
            _ => self.allocate_large(bytes),
        };
        std::ptr::with_exposed_provenance_mut(address)
    }

    fn allocate_cell(&mut self, bytes: usize) -> usize {
        let class = class_of(bytes);
        let cell = cell_of(class);
        let run = self.run(bytes, class);
        // Code does not look at the run first where it allocates seldom.
        if run.end.wrapping_sub(run.next) >= cell {
            run.next = run.next.wrapping_add(cell);
            return run.next.wrapping_sub(cell);
        }
        let Range { start, end } = self.next_run(class);
        *self.run(bytes, class) = Run { next: start.wrapping_add(cell), end };
        start
    }

    /// The run for objects of so many bytes.
    fn run(&mut self, bytes: usize, class: usize) -> &mut Run {
        match bytes <= LARGEST_IN_RUNS as usize {
            // SAFETY: the heap of this state; code uses it only while none of this runs.
            true => unsafe { &mut (*self.heap).runs[bytes.div_ceil(8)] },
            false => &mut self.runs[class],
        }
    }

    /// Free cells of a class.
    fn next_run(&mut self, class: usize) -> Range<usize> {
        if self.is_stressed || self.allocated >= self.limit {
            self.collect();
        }
        let mut has_collected = false;
        loop {
            if let Some(run) = self.blocks.next_run(class, self.is_stressed) {
                self.count(run.end.wrapping_sub(run.start));
                return run;
            }
            if self.add_block(class) {
                continue;
            }
            // A heap that is nearly full would be collected again and again.
            if has_collected || self.collect().is_none_or(|left| left < self.taken() / 64) {
                self.exhausted(BLOCK as u64);
            }
            has_collected = true;
        }
    }

    /// Gives a class another block. Whether there was one.
    fn add_block(&mut self, class: usize) -> bool {
        if self.blocks.use_empty(class) {
            return true;
        }
        if !budget::take_for_objects(self.program, BLOCK as u64) {
            return false;
        }
        let is_there = self.blocks.use_new(class);
        if !is_there {
            budget::give_back_of_objects(self.program, BLOCK as u64);
        }
        is_there
    }

    fn allocate_large(&mut self, bytes: u64) -> usize {
        let Some(n_pages) = self.large.pages(bytes) else { self.exhausted(bytes) };
        let size = self.large.size(n_pages);
        let next = self.allocated.saturating_add(usize_of(size));
        if self.is_stressed || self.allocated != 0 && next > self.limit {
            self.collect();
        }
        let mut has_collected = false;
        loop {
            if budget::take_for_objects(self.program, size) {
                if let Some(address) = self.large.allocate(n_pages) {
                    self.count(usize_of(size));
                    return address;
                }
                budget::give_back_of_objects(self.program, size);
            }
            if has_collected || self.collect().is_none() {
                self.exhausted(bytes);
            }
            has_collected = true;
        }
    }

    /// Notes that so many bytes are handed out.
    fn count(&mut self, bytes: usize) {
        self.allocated = self.allocated.saturating_add(bytes);
        self.statistics.count(bytes, self.taken());
    }

    /// Bytes of the blocks and large objects.
    fn taken(&self) -> usize {
        usize_of(self.program.objects.used.load(Relaxed))
    }

    /// Whether a word is the address of an object, and not only of a cell in a run.
    fn is_live(&mut self, word: usize) -> bool {
        if self.large.is_object(word) {
            return true;
        }
        if !self.blocks.is_object(word) {
            return false;
        }
        let class = self.blocks.class(word);
        // SAFETY: the heap of this state; code uses it only while none of this runs.
        let runs = unsafe { &(*self.heap).runs };
        let mut of_class = runs_of(class).map(|index| &runs[index]).chain([&self.runs[class]]);
        !of_class.any(|run| (run.next..run.end).contains(&word))
    }

    /// Takes all runs back.
    fn take_back_runs(&mut self) {
        for index in 0..N_RUNS.saturating_add(N_CLASSES) {
            let run = match index.checked_sub(N_RUNS) {
                Some(class) => &mut self.runs[class],
                // SAFETY: the heap of this state; code uses it only while none of this runs.
                None => unsafe { &mut (*self.heap).runs[index] },
            };
            let Run { next, end } = std::mem::replace(run, Run { next: 0, end: 0 });
            if next < end {
                self.blocks.take_back(next..end);
            }
        }
    }

    /// Ends the code: so many bytes are wanted, and there are not.
    #[cold]
    #[inline(never)]
    fn exhausted(&self, bytes: u64) -> ! {
        let mut text = Text::into_buffer(&mut []);
        text.add(Trap::HeapExhausted.message()).add(": they take ").add_decimal(self.taken() as u128);
        text.add(" bytes");
        if bytes > BLOCK as u64 {
            text.add(", the next takes ").add_decimal(bytes.into());
        }
        match budget::limit_of_objects(self.program, bytes.max(BLOCK as u64)) {
            Some((option, limit)) => text.add("; ").add(option).add(" allows ").add_decimal(limit.into()),
            None => text.add("; there is no room for more"),
        };
        trap::raise_here(Cause { code: Trap::HeapExhausted as i32, message: text.line() })
    }
}

/// Where the parts of a heap's address space begin.
struct Parts {
    block_table: usize,
    page_table: usize,
    handles: usize,
    blocks: usize,
    end: usize,
}

impl Parts {
    /// With `each` bytes for blocks, and as many for large objects.
    fn of(each: usize, page: usize) -> Parts {
        let block_table = size_of::<State>().next_multiple_of(64);
        let page_table = block_table.saturating_add(blocks::table_bytes(each / BLOCK));
        let n_pages = each.wrapping_shr(page.trailing_zeros());
        let handles = page_table.saturating_add(large::table_bytes(n_pages)).next_multiple_of(64);
        let blocks = handles.saturating_add(handles::TABLE_BYTES).next_multiple_of(page);
        let end = blocks.saturating_add(BLOCK).saturating_add(each.saturating_mul(2));
        Parts { block_table, page_table, handles, blocks, end }
    }
}

/// [`Heap::release`]: gives everything back but what was taken of the budget.
///
/// # Safety
/// Nothing refers to an object of the heap.
unsafe extern "C" fn release(heap: *mut Heap) {
    // SAFETY: as required of the caller; the state lies at the start of its address space.
    unsafe {
        let state = (*heap).state.load(Acquire).cast::<State>();
        if !state.is_null() {
            (*state).statistics.print();
            (*state).boxes.release();
            (*state).stack.release();
            let reserved = (*state).reserved;
            heap.write_bytes(0, 1);
            system::unmap(state.cast(), reserved);
        }
    }
}
