//! Where exceptions live: a piece of address space for each program and library, with cells that
//! are freed by a collector that marks and sweeps.
//!
//! An `exnref` may be kept in locals, globals, tables and other exceptions, so it is not known
//! when the last one is gone. The collector looks everywhere a reference can be, and takes every
//! word of the stack that could be one for one (it is conservative: addresses never change, and
//! translated code has to say nothing about its frames). It runs only when an exception is made,
//! after as many bytes as were alive the last time: a program that throws in a loop needs the same
//! few pages forever. What a host keeps beyond its call is not seen.

use crate::abi::exception::{Exception, Tag};
use crate::abi::image::Image;
use crate::abi::program::Program;
use crate::abi::table::Table;
use crate::abi::value::Value;
use crate::arch::processor;
use crate::attempt::{fail, prepare_thread};
use crate::budget;
use crate::program::{images, slice};
use crate::stack;
use crate::system::{self, Access};
use crate::text::message;
use crate::width::{saturating_u32, usize_of};
use std::sync::atomic::Ordering;

/// Address space for exceptions. Their count is bounded by [`Exception::link`]: 2^32 places of 16
/// bytes.
const RESERVED: usize = 1 << 30;

/// Memory is divided into blocks; the cells of a block have one size. The largest exception has
/// 1000 values.
const BLOCK: usize = 64 << 10;
const SIZES: [usize; 10] = [32, 64, 128, 256, 512, 1 << 10, 2 << 10, 4 << 10, 8 << 10, 16 << 10];

/// Bytes to allocate before the first collection, and at least before every other.
const SMALLEST_LIMIT: usize = BLOCK;

/// [`Exception::link`] of an exception that is reachable and has been looked into. Zero: not known
/// to be reachable; otherwise it is reachable, and the number of the next that must be looked
/// into.
const DONE: u32 = u32::MAX;

struct Heap {
    /// Start of the reservation; zero before the first exception.
    base: usize,
    /// Bytes of the blocks that are in use.
    used: usize,
    /// First free cell of each size, or zero.
    free: [usize; SIZES.len()],
    /// Number of the cell size of each block.
    sizes: [u8; RESERVED / BLOCK],
    /// Bytes allocated since the last collection, and how many are allowed.
    allocated: usize,
    limit: usize,
    /// First of the exceptions that must be looked into, see [`DONE`].
    pending: u32,
}

/// A free cell: [`Exception::tag`] is null, and the next free cell of the size
/// follows the header.
#[repr(C)]
struct FreeCell {
    header: Exception,
    next: usize,
}

/// A new exception; its values are for the caller to write.
pub fn allocate(program: &Program, tag: *const Tag, length: u32) -> *mut Exception {
    // The collector looks at this thread's stack.
    prepare_thread();
    // SAFETY: the threads of a program run its code in turn, and no reference to its heap is alive
    // here.
    let heap = unsafe { &mut *heap_of(program) };
    let bytes = (length as usize).saturating_mul(size_of::<Value>()).saturating_add(size_of::<Exception>());
    let size = SIZES.iter().position(|&size| bytes <= size).expect("validation limits the values of an exception");
    if heap.free[size] == 0 && heap.allocated >= heap.limit {
        heap.collect();
    }
    if heap.free[size] == 0 {
        heap.make_room(program, size);
    }
    let cell = heap.free[size] as *mut FreeCell;
    heap.allocated = heap.allocated.saturating_add(SIZES[size]);
    // SAFETY: free cells are ours, and large enough for their size.
    unsafe {
        heap.free[size] = (*cell).next;
        cell.cast::<Exception>().write(Exception { tag, length, link: 0 });
    }
    cell.cast()
}

/// The program's heap, made when it is first wanted.
fn heap_of(program: &Program) -> *mut Heap {
    let heap = program.heap.load(Ordering::Acquire).cast::<Heap>();
    if !heap.is_null() {
        return heap;
    }
    let heap = mapped(system::map(size_of::<Heap>(), Access::ReadWrite), size_of::<Heap>()).cast::<Heap>();
    // SAFETY: new memory of this size, all zero, which is a valid heap but for two fields.
    unsafe {
        (*heap).limit = SMALLEST_LIMIT;
        (*heap).pending = DONE;
    }
    program.heap.store(heap.cast(), Ordering::Release);
    heap
}

/// Gives the heap back, which a program may make again. What it took of the budget is not given
/// back here.
///
/// # Safety
/// Nothing refers to an exception of the program.
pub unsafe fn release(program: &Program) {
    let heap = program.heap.swap(std::ptr::null_mut(), Ordering::AcqRel).cast::<Heap>();
    if heap.is_null() {
        return;
    }
    // SAFETY: both were mapped here, and nobody uses them, as the caller says.
    unsafe {
        match (*heap).base {
            0 => {}
            base => system::unmap(std::ptr::with_exposed_provenance_mut(base), RESERVED),
        }
        system::unmap(heap.cast(), size_of::<Heap>());
    }
}

/// What the system gave, or the end.
fn mapped(memory: Option<*mut u8>, bytes: usize) -> *mut u8 {
    memory.unwrap_or_else(|| {
        let mut text = message();
        text.add("cannot reserve ").add_decimal(bytes as u128).add(" bytes of address space for exceptions");
        fail(text, 1)
    })
}

impl Heap {
    /// Makes free cells of a size: new ones, or if there may be no more, those that nothing refers
    /// to.
    #[inline(never)]
    fn make_room(&mut self, program: &Program, size: usize) {
        if self.add_block(program, size) {
            return;
        }
        self.collect();
        if self.free[size] != 0 {
            return;
        }
        let mut text = message();
        text.add("the program holds ").add_decimal(self.used as u128).add(" bytes of exceptions, the most that ");
        text.add(if self.used == RESERVED { "a program may hold" } else { "--max-memory allows" });
        fail(text, 1);
    }

    /// Divides a new block into cells of a size. Says whether there was one.
    fn add_block(&mut self, program: &Program, size: usize) -> bool {
        if self.base == 0 {
            self.base = mapped(system::reserve(RESERVED, Access::ReadWrite), RESERVED) as usize;
        }
        if self.used == RESERVED || !budget::take(program, BLOCK as u64) {
            return false;
        }
        let block = self.used / BLOCK;
        self.sizes[block] = u8::try_from(size).expect("there are few sizes");
        self.used = self.used.saturating_add(BLOCK);
        for cell in self.cells(block) {
            self.release(cell, size);
        }
        true
    }

    /// The addresses of the cells in a block.
    fn cells(&self, block: usize) -> impl Iterator<Item = usize> + use<> {
        let start = self.base.saturating_add(block.saturating_mul(BLOCK));
        (start..start.saturating_add(BLOCK)).step_by(SIZES[usize::from(self.sizes[block])])
    }

    fn release(&mut self, cell: usize, size: usize) {
        let header = Exception { tag: std::ptr::null(), length: 0, link: 0 };
        // SAFETY: a cell of the heap that nothing uses.
        unsafe { (cell as *mut FreeCell).write(FreeCell { header, next: self.free[size] }) };
        self.free[size] = cell;
    }

    /// Frees what nothing refers to.
    #[inline(never)]
    fn collect(&mut self) {
        let mut registers = [0; processor::N_PRESERVED];
        processor::save_preserved(&mut registers);
        let sp = registers.as_ptr() as usize;
        let Some(end) = stack::end_of_stack(sp) else {
            // A stack of somebody else's, whose end is not known: everything stays.
            self.limit = usize::MAX;
            return;
        };
        for word in (sp..end).step_by(size_of::<usize>()) {
            // SAFETY: from a live variable to the end of its stack all is mapped; words of any
            // value may be read.
            self.mark(unsafe { (word as *const usize).read_volatile() });
        }
        images().for_each(|image| self.mark_image(image));
        self.look_into_pending();
        self.sweep();
    }

    fn mark_image(&mut self, image: &Image) {
        // SAFETY: arrays of the image; globals and tables are as translated code left them.
        unsafe {
            for &global in slice(image.reference_globals, image.n_reference_globals) {
                self.mark(*global);
            }
            for &table in slice(image.reference_tables, image.n_reference_tables) {
                let Table { base, length, .. } = *table;
                for entry in 0..usize_of(length) {
                    self.mark(*base.cast::<usize>().add(entry));
                }
            }
        }
    }

    /// Notes that the exception at an address is in use, if there is one.
    fn mark(&mut self, address: usize) {
        let offset = address.wrapping_sub(self.base);
        if offset >= self.used {
            return;
        }
        let size = SIZES[usize::from(self.sizes[offset / BLOCK])];
        if !offset.is_multiple_of(size) {
            return;
        }
        // SAFETY: the address is that of a cell.
        let exception = unsafe { &mut *(address as *mut Exception) };
        if !exception.tag.is_null() && exception.link == 0 {
            exception.link = self.pending;
            self.pending = number(offset);
        }
    }

    fn look_into_pending(&mut self) {
        while self.pending != DONE {
            let address = self.base.saturating_add(offset(self.pending));
            // SAFETY: `mark` found an exception there. Its values follow it; the first word of a
            // value is what can be a reference.
            unsafe {
                let exception = address as *mut Exception;
                self.pending = (*exception).link;
                (*exception).link = DONE;
                let values = exception.add(1).cast::<Value>();
                for i in 0..(*exception).length as usize {
                    self.mark(*values.add(i).cast::<usize>());
                }
            }
        }
    }

    /// Frees what is not marked, and takes the marks away.
    fn sweep(&mut self) {
        let mut alive: usize = 0;
        for block in 0..self.used / BLOCK {
            let size = usize::from(self.sizes[block]);
            for cell in self.cells(block) {
                // SAFETY: a cell of the heap.
                let exception = unsafe { &mut *(cell as *mut Exception) };
                if exception.link != 0 {
                    exception.link = 0;
                    alive = alive.saturating_add(SIZES[size]);
                } else if !exception.tag.is_null() {
                    self.release(cell, size);
                }
            }
        }
        self.allocated = 0;
        self.limit = alive.max(SMALLEST_LIMIT);
    }
}

/// What [`number`] counts in.
const PLACE: usize = align_of::<Exception>();

/// The number of an exception for [`Exception::link`]: never zero, never [`DONE`].
fn number(offset: usize) -> u32 {
    saturating_u32(offset / PLACE).saturating_add(1)
}

fn offset(number: u32) -> usize {
    (number.saturating_sub(1) as usize).saturating_mul(PLACE)
}
