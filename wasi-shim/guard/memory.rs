//! The end of memory as an error: a message that names the work, and exit status 1.
//!
//! Rust aborts a process whose allocation fails, so the allocator handles the failure. It reports,
//! cleans up, and ends the process; a failed allocation does not return. A parent process that
//! reports the end of a child would need no allocator, but each run would start two processes, and
//! signals would have to be passed on. Neither design helps when the system takes back memory that
//! it promised: then it kills a process of its choice (SIGKILL), parent or child.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

/// The system's allocator, with a handler for its failure.
pub struct Allocator;

/// The action when memory runs out.
struct Work {
    /// The whole message.
    message: String,
    /// Removes temporary files. It may allocate a little, and must not wait for a lock.
    clean: fn(),
}

static WORK: AtomicPtr<Work> = AtomicPtr::new(null_mut());

/// Memory for cleaning up.
static RESERVE: AtomicPtr<u8> = AtomicPtr::new(null_mut());

// So large that the system's allocator asks the kernel for it, and gives it back there.
const RESERVE_LAYOUT: Layout = Layout::new::<[u8; 1 << 20]>();

/// The thread that found no memory first; 0 is none.
static FINDER: AtomicI32 = AtomicI32::new(0);

/// Sets the current work, which the message names.
pub fn begin(work: &str, clean: fn()) {
    // Never freed, because another thread may be about to read it. There is one for each input.
    let work = Box::new(Work { message: format!("error: {work}: out of memory\n"), clean });
    WORK.store(Box::into_raw(work), Ordering::Release);
    if RESERVE.load(Ordering::Relaxed).is_null() {
        // SAFETY: the layout has a size.
        RESERVE.store(unsafe { System.alloc(RESERVE_LAYOUT) }, Ordering::Relaxed);
    }
}

// SAFETY: the functions are those of `System`; what it can't do does not return.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        found(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        found(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        found(unsafe { System.realloc(block, layout, size) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(block, layout) }
    }
}

#[inline]
fn found(block: *mut u8) -> *mut u8 {
    if block.is_null() {
        end();
    }
    block
}

/// Reports that memory ran out, and ends the process.
#[cold]
pub fn end() -> ! {
    // SAFETY: the call has no arguments and always succeeds.
    let thread = unsafe { libc::gettid() };
    match FINDER.compare_exchange(0, thread, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {}
        // There was not enough for cleaning up either.
        Err(finder) if finder == thread => exit(),
        Err(_) => loop {
            // SAFETY: the call has no arguments. It returns after a signal was handled.
            unsafe { libc::pause() };
        },
    }
    // Rust's library allocates a little by the system's allocator, as for a thread that starts:
    // where that fails, it writes a message of its own and aborts.
    // SAFETY: the handler only waits.
    unsafe { libc::signal(libc::SIGABRT, wait_for_end as extern "C" fn(libc::c_int) as libc::sighandler_t) };
    // SAFETY: what was stored is never freed.
    let work = unsafe { WORK.load(Ordering::Acquire).as_ref() };
    tell(work.map_or("error: out of memory\n", |work| &work.message));
    // SAFETY: no memory is touched. Nothing else shall be said.
    unsafe { libc::dup2(libc::open(c"/dev/null".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC), libc::STDERR_FILENO) };
    let reserve = RESERVE.swap(null_mut(), Ordering::Relaxed);
    if !reserve.is_null() {
        // SAFETY: it was allocated with this layout, and the swap gives it to one thread only.
        unsafe { System.dealloc(reserve, RESERVE_LAYOUT) };
    }
    if let Some(work) = work {
        (work.clean)();
    }
    exit()
}

/// Handles SIGABRT once a thread has found no memory: the others wait until it ends the process.
extern "C" fn wait_for_end(_: libc::c_int) {
    // SAFETY: the call has no arguments and always succeeds.
    if FINDER.load(Ordering::Acquire) == unsafe { libc::gettid() } {
        exit();
    }
    loop {
        // SAFETY: the call has no arguments.
        unsafe { libc::pause() };
    }
}

/// Ends the process without functions that wait, or allocate: a lock may be held.
fn exit() -> ! {
    // SAFETY: the call does not return.
    unsafe { libc::_exit(1) }
}

/// Writes to standard error. If that fails, only the exit status reports the error.
fn tell(message: &str) {
    // SAFETY: pointer and length are those of a string.
    unsafe { libc::write(libc::STDERR_FILENO, message.as_ptr().cast(), message.len()) };
}
