//! Tables: they start as data of the executable, and move to mapped memory when they outgrow it. A
//! thread's own tables are mapped from the start.
//!
//! What lies before the entries is inaccessible, wherever they are.

use crate::abi::image::Image;
use crate::abi::memory::LEADING_GUARD;
use crate::abi::program::Program;
use crate::abi::table::{FUNC_ENTRY_SIZE, FuncEntry, Table};
use crate::arch::processor::{self, return_address};
use crate::attempt::fail;
use crate::budget;
use crate::program;
use crate::system::{self, Access};
use crate::text::message;
use crate::width::usize_of;
use std::cell::{Cell, RefCell};

/// Set in [`Table::capacity`], which only this file reads, once the entries lie in memory that was
/// mapped here.
const MAPPED: u64 = 1 << 63;

/// The guard of initial entries, in the object, and that of entries which were mapped here.
const OBJECT_GUARD: usize = usize_of(processor::OBJECT_PAGE);
const GUARD: usize = usize_of(LEADING_GUARD);

thread_local! {
    /// The tables that [`w2n_table_of_thread`] has made, which are the thread's own variables.
    static OF_THREAD: RefCell<Vec<*mut Table>> = const { RefCell::new(Vec::new()) };
    /// Bytes by which tables have grown on this thread.
    static GROWN: Cell<u64> = const { Cell::new(0) };
}

/// Takes the access to the page before each table's initial entries away. Where the system has
/// larger pages than the object was made for, it stays as it is.
pub fn guard_all(image: &Image) {
    let mut row = image.table_entries;
    // SAFETY: the list ends with a row of null. The page before the entries belongs to the table,
    // and holds nothing.
    unsafe {
        while !row.is_null() && !(*row).first.is_null() {
            let guard = (*row).first.sub(OBJECT_GUARD).cast_mut();
            system::set_access(guard, OBJECT_GUARD, Access::None);
            row = row.add(1);
        }
    }
}

/// [`crate::abi::builtin::Builtin::TableOfThread`]. The bytes are among those that were taken for
/// the thread, see [`Image::table_bytes`].
///
/// # Safety
/// `table` is a variable of the calling thread, and `entries` are as many as it has at the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_table_of_thread(table: *mut Table, entries: *mut u8) {
    // SAFETY: a variable of this thread, which is here.
    let own = unsafe { &mut *table };
    own.base = entries;
    if !size_of_mapping(own, own.length).is_some_and(|bytes| move_entries(own, bytes)) {
        let mut text = message();
        text.add("the system refuses memory for the tables of a thread");
        fail(text, 1);
    }
    OF_THREAD.with_borrow_mut(|tables| tables.push(table));
}

/// Gives the calling thread's own tables back, and what they took beyond their initial size. No
/// translated code runs on it after that.
pub fn release_of_thread(program: &Program) {
    for table in OF_THREAD.take() {
        // SAFETY: the thread's variables live as long as the thread, and their entries were mapped
        // here.
        unsafe { unmap((*table).base, mapped_bytes(&*table)) };
    }
    budget::give_back_of_tables(program, GROWN.take());
}

/// Gives back what a table took when it grew. Its initial entries are as they were left.
///
/// # Safety
/// No code uses the table, and the caller gives it its initial value.
pub unsafe fn release(table: &mut Table) {
    if table.capacity & MAPPED != 0 {
        // SAFETY: as required of the caller; the entries were mapped here.
        unsafe { unmap(table.base, mapped_bytes(table)) };
    }
}

/// [`crate::abi::builtin::Builtin::TableGrow`].
///
/// # Safety
/// `table` is a table of the image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_table_grow(table: *mut Table, more: u64, value: usize, signature: usize) -> i64 {
    let caller = return_address();
    // SAFETY: one thread runs translated code, and it is here.
    let table = unsafe { &mut *table };
    let old = table.length;
    let Some(new) = old.checked_add(more).filter(|&new| new <= table.maximum) else { return -1 };
    if new > table.capacity & !MAPPED && !make_room(program::at(caller).0, table, new) {
        return -1;
    }
    // What was mapped here and not used yet is null.
    if value != 0 {
        // SAFETY: the capacity is at least `new`, so that the size in bytes is that of a part of
        // memory.
        unsafe {
            let first = table.base.add(usize_of(old.saturating_mul(table.entry_size)));
            if table.entry_size == FUNC_ENTRY_SIZE {
                w2n_table_fill(first.cast(), more, value, signature);
            } else {
                std::slice::from_raw_parts_mut(first.cast::<usize>(), usize_of(more)).fill(value);
            }
        }
    }
    table.length = new;
    old.cast_signed()
}

/// Makes room for `needed` entries, and if possible for half as many again as there were, so that
/// growing one by one is cheap.
fn make_room(program: &Program, table: &mut Table, needed: u64) -> bool {
    let half_more = table.length.saturating_add(table.length / 2).min(table.maximum);
    needed < half_more && enlarge(program, table, half_more) || enlarge(program, table, needed)
}

/// Moves the entries to where there is room for `wanted` of them, if the program may take so much.
fn enlarge(program: &Program, table: &mut Table, wanted: u64) -> bool {
    let Some(bytes) = size_of_mapping(table, wanted) else { return false };
    let more = bytes.saturating_sub(mapped_bytes(table) as u64);
    if !budget::take_for_tables(program, more) {
        return false;
    }
    if !move_entries(table, bytes) {
        budget::give_back_of_tables(program, more);
        return false;
    }
    GROWN.set(GROWN.get().saturating_add(more));
    true
}

/// Bytes to map for so many entries.
fn size_of_mapping(table: &Table, entries: u64) -> Option<u64> {
    let bytes = entries.max(1).checked_mul(table.entry_size)?;
    Some(system::whole_pages(usize_of(bytes))? as u64)
}

/// Bytes that are mapped for the entries now.
fn mapped_bytes(table: &Table) -> usize {
    match table.capacity & MAPPED {
        0 => 0,
        _ => usize_of((table.capacity & !MAPPED).saturating_mul(table.entry_size)),
    }
}

/// Moves the entries to `bytes` of memory, which are enough for them. Says whether the system gave
/// them.
fn move_entries(table: &mut Table, bytes: u64) -> bool {
    let Some(capacity) = bytes.checked_div(table.entry_size) else { return false };
    let size = usize_of(bytes);
    let Some(base) = map(size) else { return false };
    // SAFETY: `base` is new and large enough. Entries that were mapped here move with their pages;
    // others are copied, and not used again.
    unsafe {
        if table.capacity & MAPPED != 0 {
            if !system::move_pages(table.base, mapped_bytes(table), base, size) {
                unmap(base, size);
                return false;
            }
            system::unmap(table.base.sub(GUARD), GUARD);
        } else {
            if !system::set_access(base, size, Access::ReadWrite) {
                unmap(base, size);
                return false;
            }
            let used = usize_of(table.length.saturating_mul(table.entry_size));
            libc::memcpy(base.cast(), table.base.cast(), used);
        }
    }
    table.base = base;
    table.capacity = capacity | MAPPED;
    true
}

/// Address space for so many bytes of entries after their guard, without access.
fn map(size: usize) -> Option<*mut u8> {
    Some(system::map(size.checked_add(GUARD)?, Access::None)?.wrapping_add(GUARD))
}

/// Takes [`map`] back.
///
/// # Safety
/// `base` comes from it, and no one uses the entries any more.
unsafe fn unmap(base: *mut u8, size: usize) {
    // SAFETY: as the caller says.
    unsafe { system::unmap(base.sub(GUARD), size.saturating_add(GUARD)) };
}

/// [`crate::abi::builtin::Builtin::TableFill`].
///
/// # Safety
/// `count` entries at `first` lie in one table of functions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_table_fill(first: *mut FuncEntry, count: u64, code: usize, signature: usize) {
    for index in 0..usize_of(count) {
        // SAFETY: the caller checked the range.
        unsafe { first.add(index).write(FuncEntry { code, signature }) };
    }
}
