//! Tables: they start as data of the executable, and move to mapped memory when they outgrow it. A
//! thread's own tables are mapped from the start.
//!
//! What lies before the entries is inaccessible, wherever they are.

use crate::abi::{FUNC_ENTRY_SIZE, FuncEntry, HOST_PAGE, Image, LEADING_GUARD, Table};
use crate::attempt::fail;
use crate::text::message;
use std::cell::RefCell;

/// Set in [`Table::capacity`], which only this file reads, once the entries lie in memory that was mapped here.
const MAPPED: u64 = 1 << 63;

thread_local! {
    /// The tables that [`w2n_table_of_thread`] has made, which are the thread's own variables.
    static OF_THREAD: RefCell<Vec<*mut Table>> = const { RefCell::new(Vec::new()) };
}

/// Takes the access to the page before each table's initial entries away. Where the system has larger
/// pages than the object was made for, they stay as they are.
pub fn guard_all(image: &Image) {
    let mut row = image.table_entries;
    // SAFETY: the list ends with a row of null. The page before the entries belongs to the table, and
    // holds nothing.
    unsafe {
        while !row.is_null() && !(*row).first.is_null() {
            let guard = (*row).first.sub(HOST_PAGE as usize);
            libc::mprotect(guard.cast_mut().cast(), HOST_PAGE as usize, libc::PROT_NONE);
            row = row.add(1);
        }
    }
}

/// [`crate::abi::Builtin::TableOfThread`].
///
/// # Safety
/// `table` is a variable of the calling thread, and `entries` are as many as it has at the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_table_of_thread(table: *mut Table, entries: *mut u8) {
    // SAFETY: a variable of this thread, which is here.
    let own = unsafe { &mut *table };
    own.base = entries;
    if !move_entries(own, own.length) {
        let mut text = message();
        text.add("the system refuses memory for the tables of a thread");
        fail(text, 1);
    }
    OF_THREAD.with_borrow_mut(|tables| tables.push(table));
}

/// Gives the calling thread's own tables back. No translated code runs on it after that.
pub fn release_of_thread() {
    for table in OF_THREAD.take() {
        // SAFETY: the thread's variables live as long as the thread, and their entries were mapped here.
        unsafe {
            let bytes = ((*table).capacity & !MAPPED) * (*table).entry_size;
            unmap((*table).base, bytes as usize);
        }
    }
}

/// [`crate::abi::Builtin::TableGrow`].
///
/// # Safety
/// `table` is a table of the image.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_table_grow(table: *mut Table, more: u64, value: usize, signature: usize) -> i64 {
    // SAFETY: one thread runs translated code, and it is here.
    let table = unsafe { &mut *table };
    let old = table.length;
    let Some(new) = old.checked_add(more).filter(|&new| new <= table.maximum) else { return -1 };
    if new > table.capacity & !MAPPED && !move_entries(table, new) {
        return -1;
    }
    // SAFETY: the capacity is at least `new`.
    unsafe {
        let first = table.base.add((old * table.entry_size) as usize);
        if table.entry_size == FUNC_ENTRY_SIZE {
            w2n_table_fill(first.cast(), more, value, signature);
        } else {
            std::slice::from_raw_parts_mut(first.cast::<usize>(), more as usize).fill(value);
        }
    }
    table.length = new;
    old as i64
}

/// Makes room for `needed` entries, and for half as many again as there were, so that growing one by one is cheap.
fn move_entries(table: &mut Table, needed: u64) -> bool {
    let wanted = needed.max(table.length + table.length / 2).min(table.maximum);
    let bytes = wanted.max(1).checked_mul(table.entry_size).and_then(|b| b.checked_next_multiple_of(HOST_PAGE));
    let Some(bytes) = bytes else { return false };
    let Some(base) = map(bytes) else { return false };
    let old_bytes = ((table.capacity & !MAPPED) * table.entry_size) as usize;
    // SAFETY: `base` is new and large enough. Entries that were mapped here move with their pages;
    // others are copied, and not used again.
    unsafe {
        if table.capacity & MAPPED != 0 {
            let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
            let moved = libc::mremap(table.base.cast(), old_bytes, bytes as usize, flags, base);
            if moved == libc::MAP_FAILED {
                unmap(base, bytes as usize);
                return false;
            }
            libc::munmap(table.base.sub(LEADING_GUARD as usize).cast(), LEADING_GUARD as usize);
        } else {
            if libc::mprotect(base.cast(), bytes as usize, libc::PROT_READ | libc::PROT_WRITE) != 0 {
                unmap(base, bytes as usize);
                return false;
            }
            libc::memcpy(base.cast(), table.base.cast(), (table.length * table.entry_size) as usize);
        }
    }
    table.base = base;
    table.capacity = (bytes / table.entry_size) | MAPPED;
    true
}

/// Address space for so many bytes of entries behind their guard, without access.
fn map(bytes: u64) -> Option<*mut u8> {
    let length = usize::try_from(bytes.checked_add(LEADING_GUARD)?).ok()?;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: maps new address space, which is longer than the guard.
    unsafe {
        let start = libc::mmap(std::ptr::null_mut(), length, libc::PROT_NONE, flags, -1, 0);
        (start != libc::MAP_FAILED).then(|| start.cast::<u8>().add(LEADING_GUARD as usize))
    }
}

/// Takes [`map`] back.
///
/// # Safety
/// `base` comes from it, and no one uses the entries any more.
unsafe fn unmap(base: *mut u8, bytes: usize) {
    // SAFETY: as the caller says.
    unsafe { libc::munmap(base.sub(LEADING_GUARD as usize).cast(), LEADING_GUARD as usize + bytes) };
}

/// [`crate::abi::Builtin::TableFill`].
///
/// # Safety
/// `count` entries at `first` lie in one table of functions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn w2n_table_fill(first: *mut FuncEntry, count: u64, code: usize, signature: usize) {
    for index in 0..count as usize {
        // SAFETY: the caller checked the range.
        unsafe { first.add(index).write(FuncEntry { code, signature }) };
    }
}
