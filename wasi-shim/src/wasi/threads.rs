//! Threads of the guest (wasi-threads): each runs [`crate::abi::wasi::THREAD_START`] in an instance of its own, on the shared memory.
//!
//! What an instance has for itself is thread-local data of the program. The initial values are there when the thread begins, and
//! `initialize` does the rest of the instantiation. A thread that returns has ended; a trap or `proc_exit` in any of them ends the
//! program, and so does the return of the first.

use crate::abi::{Program, Value};
use crate::program;
use crate::stack;
use crate::table;
use crate::wasi::calls::return_address;
use crate::wasi::errno::Errno;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread::Builder;

/// Numbers of threads have 29 bits: guests keep flags in the others. None is given twice.
const LAST: i32 = (1 << 29) - 1;

static NEXT: AtomicI32 = AtomicI32::new(1);

/// [`crate::abi::wasi::THREAD_SPAWN`]: the thread's number, or a negated `errno`.
#[unsafe(export_name = "wasi_thread_x2dspawn")]
extern "C" fn spawn(argument: i32) -> i32 {
    let (program, _) = program::at(return_address());
    match start(program, argument) {
        Ok(number) => number,
        Err(errno) => -(errno as i32),
    }
}

fn start(program: &'static Program, argument: i32) -> Result<i32, Errno> {
    if program.thread_start.is_none() {
        return Err(Errno::Nosys);
    }
    let next = |number| if number <= LAST { Some(number + 1) } else { None };
    let number = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).map_err(|_| Errno::Again)?;
    let builder = Builder::new().stack_size(stack::size_of_new());
    builder.spawn(move || run(program, number, argument)).map_err(|_| Errno::Again)?;
    Ok(number)
}

fn run(program: &'static Program, number: i32, argument: i32) {
    stack::prepare_thread();
    let value = |number: i32| {
        let mut value = Value([0; 16]);
        value.0[..4].copy_from_slice(&number.to_le_bytes());
        value
    };
    let mut values = [value(number), value(argument)];
    // SAFETY: the compiler's functions, in the order of an instantiation. The program was checked to have one module, and a function
    // that takes these two values and returns none.
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
    table::release_of_thread();
}
