//! The Cot frontend: source files come in, the bytes of a WebAssembly module go out. It knows nothing of native code.
//!
//! Modules stand in pipeline order and import only from those above them.

pub mod source;

pub mod diagnostic;

pub mod types;

pub mod typed;

pub mod token;

pub mod scan;

pub mod ast;

pub mod parse;

pub mod print;

pub mod library;

pub mod load;

pub mod check;

/// Stack for passes that recurse over trees, which are at most [`typed::MAX_DEPTH`] deep. Only what is used of it takes memory.
const STACK_BYTES: usize = 512 << 20;

/// Runs the frontend, or a part of it, with enough stack for the deepest tree that is accepted.
pub fn with_large_stack<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    let thread = std::thread::Builder::new().name("cot".to_owned()).stack_size(STACK_BYTES);
    std::thread::scope(|scope| {
        let thread = thread.spawn_scoped(scope, run).expect("a thread can be started");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
