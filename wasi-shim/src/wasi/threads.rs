//! Threads of the guest (wasi-threads): each runs [`crate::abi::wasi::THREAD_START`] in an instance
//! of its own, on the shared memory.
//!
//! What an instance has for itself is thread-local data of the program. The initial values are
//! there when the thread begins, and `initialize` does the rest of the instantiation. A thread that
//! returns has ended; a trap or `proc_exit` in any of them ends the program, and so does the return
//! of the first.

use crate::abi::program::Program;
use crate::abi::value::Value;
use crate::arch::processor::return_address;
use crate::attempt::prepare_thread;
use crate::budget;
use crate::program;
use crate::stack;
use crate::table;
use crate::wasi::errno::Errno;
use crate::wasi::trace;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::thread::Builder;

/// Numbers of threads have 29 bits: guests keep flags in the others. None is given twice.
const LAST: i32 = (1 << 29) - 1;

static NEXT: AtomicI32 = AtomicI32::new(1);

/// The most threads at once that the guest has started. Each takes a stack, and what the system
/// keeps for it.
const MOST_THREADS: u32 = 1024;

/// A thread's place among those that there may be, with room for its tables.
struct ThreadSlot {
    program: &'static Program,
    table_bytes: u64,
}

static N_THREADS: AtomicU32 = AtomicU32::new(0);

impl ThreadSlot {
    /// Nothing if there are too many threads, or if their tables take too much.
    fn take(program: &'static Program) -> Option<ThreadSlot> {
        let table_bytes = budget::table_bytes(program::images_of(program));
        let one_more = |n_threads: u32| n_threads.checked_add(1).filter(|&n_threads| n_threads <= MOST_THREADS);
        N_THREADS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        // From here on, what is dropped is given back.
        let mut place = ThreadSlot { program, table_bytes: 0 };
        let has_room = budget::take_for_tables(program, table_bytes);
        place.table_bytes = if has_room { table_bytes } else { 0 };
        has_room.then_some(place)
    }
}

impl Drop for ThreadSlot {
    fn drop(&mut self) {
        budget::give_back_of_tables(self.program, self.table_bytes);
        N_THREADS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// [`crate::abi::wasi::THREAD_SPAWN`]: the thread's number, or a negated `errno`.
#[unsafe(export_name = "wasi_thread_x2dspawn")]
extern "C" fn spawn(argument: i32) -> i32 {
    let (program, _) = program::at(return_address());
    answer(program, argument)
}

/// As [`spawn`], for `--trace`.
#[unsafe(export_name = "w2n_trace_wasi_thread_x2dspawn")]
extern "C" fn traced_spawn(argument: i32) -> i32 {
    let (program, _) = program::at(return_address());
    let result = answer(program, argument);
    trace::thread(argument, result);
    result
}

fn answer(program: &'static Program, argument: i32) -> i32 {
    match start(program, argument) {
        Ok(number) => number,
        Err(errno) => (errno as i32).saturating_neg(),
    }
}

fn start(program: &'static Program, argument: i32) -> Result<i32, Errno> {
    if program.thread_start.is_none() {
        return Err(Errno::Nosys);
    }
    let place = ThreadSlot::take(program).ok_or(Errno::Again)?;
    let next = |number: i32| number.checked_add(1).filter(|_| number <= LAST);
    let number = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).map_err(|_| Errno::Again)?;
    let builder = Builder::new().stack_size(stack::size_of_new());
    builder.spawn(move || run(&place, number, argument)).map_err(|_| Errno::Again)?;
    Ok(number)
}

fn run(place: &ThreadSlot, number: i32, argument: i32) {
    let program = place.program;
    prepare_thread();
    let value = |number: i32| {
        let mut value = Value([0; 16]);
        value.0[..4].copy_from_slice(&number.to_le_bytes());
        value
    };
    let mut values = [value(number), value(argument)];
    // SAFETY: the compiler's functions, in the order of an instantiation. The program was checked
    // to have one module, and a function that takes these two values and returns none.
    unsafe {
        for image in program::images_of(program) {
            if let Some(initialize) = image.initialize {
                initialize();
            }
        }
        if let Some(entry) = program.thread_start {
            entry(values.as_mut_ptr());
        }
    }
    table::release_of_thread(program);
}
