//! The block of a thread: its thread-local data, and at the thread pointer the control block, in
//! which this library keeps what it knows of the thread.

use crate::arch::TlsVariant;
use crate::arch::processor;
use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;
use core::sync::atomic::AtomicU32;

/// POSIX's least number of keys.
pub const N_KEYS: usize = 128;

/// All zero is the block of the main thread.
#[repr(C)]
pub struct Control {
    /// Its own address.
    pub this: *const Control,
    pub errno: Cell<i32>,
    /// The thread's number while it runs. That of the main thread is never asked for.
    pub number: AtomicU32,
    /// What is to happen at the thread's end; see `thread.rs`.
    pub state: AtomicU32,
    /// Everything that was mapped for the thread: guard, stack and block.
    pub mapping: usize,
    pub mapping_size: usize,
    /// Its stack alone, from the lowest byte.
    pub stack: usize,
    pub stack_size: usize,
    pub function: Option<unsafe extern "C" fn(*mut c_void) -> *mut c_void>,
    /// What the function gets, and then its result.
    pub value: Cell<*mut c_void>,
    pub keys: [Cell<*mut c_void>; N_KEYS],
}

/// The control block of the calling thread.
#[inline(always)]
pub fn control() -> *mut Control {
    processor::thread_pointer().wrapping_sub(POINTER_IN_CONTROL) as *mut Control
}

/// Where the thread pointer lies, counted from the control block.
const POINTER_IN_CONTROL: usize = match processor::TLS {
    TlsVariant::One => size_of::<Control>(),
    TlsVariant::Two => 0,
};

/// Thread-local data as the program has them: the values, the size with the zeros that follow, the
/// alignment.
#[derive(Clone, Copy)]
pub struct Tls {
    pub values: *const u8,
    pub n_values: usize,
    pub size: usize,
    pub align: usize,
}

struct Program(UnsafeCell<Tls>);

// SAFETY: written once, before there are threads.
unsafe impl Sync for Program {}

static PROGRAM: Program = Program(UnsafeCell::new(Tls { values: core::ptr::null(), n_values: 0, size: 0, align: 1 }));

/// Notes what thread-local data the program has.
///
/// # Safety
/// There is only one thread, and it has no block yet.
pub unsafe fn set_tls(tls: Tls) {
    // SAFETY: as required of the caller.
    unsafe { *PROGRAM.0.get() = tls };
}

/// Places in a block, counted from its start, which is aligned.
pub struct Block {
    pub size: usize,
    pub align: usize,
    control: usize,
    data: usize,
}

/// The block of every thread of the program.
pub fn block() -> Block {
    // SAFETY: written before any thread begins.
    let tls = unsafe { *PROGRAM.0.get() };
    let align = tls.align.max(align_of::<u128>());
    let up = |size: usize, align: usize| size.wrapping_add(align.wrapping_sub(1)) & align.wrapping_neg();
    let (control, data, end) = match processor::TLS {
        TlsVariant::One => {
            let pointer = up(size_of::<Control>(), align);
            // Two words at the pointer, then the data.
            let data = pointer.wrapping_add(up(size_of::<[usize; 2]>(), tls.align));
            (pointer.wrapping_sub(size_of::<Control>()), data, data.wrapping_add(tls.size))
        }
        TlsVariant::Two => {
            let pointer = up(tls.size, align);
            // The linker counts from the pointer, with the alignment of the data alone.
            (pointer, pointer.wrapping_sub(up(tls.size, tls.align)), pointer.wrapping_add(size_of::<Control>()))
        }
    };
    Block { size: up(end, align), align, control, data }
}

impl Block {
    /// Fills a block in with the first values of the thread-local data.
    ///
    /// # Safety
    /// The memory is aligned, as large as the block, all zero, and nobody else's.
    pub unsafe fn fill(&self, start: *mut u8) -> *mut Control {
        let control = start.wrapping_add(self.control).cast::<Control>();
        // SAFETY: as required of the caller; nothing writes the program's data.
        unsafe {
            let tls = *PROGRAM.0.get();
            start.wrapping_add(self.data).copy_from_nonoverlapping(tls.values, tls.n_values);
            (*control).this = control;
        }
        control
    }
}

/// The thread pointer that belongs to a control block.
pub fn thread_pointer_of(control: *mut Control) -> usize {
    control.addr().wrapping_add(POINTER_IN_CONTROL)
}

/// What general code for thread-local data calls: a place in the data of the program, which is all
/// that there is.
///
/// # Safety
/// The linker's entry: a number of a module and an offset.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __tls_get_addr(index: *const [usize; 2]) -> *mut c_void {
    // SAFETY: as required of the caller.
    let [_, offset] = unsafe { *index };
    let block = block();
    let start = control().addr().wrapping_sub(block.control);
    start.wrapping_add(block.data).wrapping_add(offset) as *mut c_void
}
