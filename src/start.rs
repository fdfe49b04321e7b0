//! What both commands do around their work, so that each run ends with a result or with one
//! message.
//!
//! * Memory that runs out is an error that names the input ([`crate::guard::memory`]). So that no
//!   stack has to grow then, the work is done by threads, whose stacks are reserved when they
//!   start.
//! * A panic is our mistake, and is reported as one: with the stage and the input.
//! * A write beyond the limit of file sizes fails, instead of ending the process by a signal.
//! * Streams that were closed from the start stay closed.

use crate::guard::memory;
use crate::progress;
use crate::scratch;
use crate::stdio;
use anyhow::{Context, Result};
use rayon::ThreadPoolBuilder;
use signal_hook::consts::SIGXFSZ;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// As that of a main thread usually is.
const STACK_BYTES: usize = 8 << 20;

/// Exit status for a mistake of ours, as Rust has it.
const MISTAKE: u8 = 101;

/// What is in work: the command line at first, then an input's name.
static WORK: Mutex<String> = Mutex::new(String::new());

/// Runs all that a command does, and ends as it says.
pub fn run(main: impl FnOnce() -> ExitCode + Send) -> ExitCode {
    let words: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    begin(&words.join(" "));
    panic::set_hook(Box::new(report));
    stdio::keep_closed();
    // A handler that does nothing of note; unlike an ignored signal, it is not inherited.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
    let thread = std::thread::Builder::new().name("main".to_owned()).stack_size(STACK_BYTES);
    std::thread::scope(|scope| match thread.spawn_scoped(scope, main) {
        Ok(thread) => thread.join().unwrap_or(ExitCode::from(MISTAKE)),
        Err(error) => {
            stdio::message(format!("error: {}: can't start a thread: {error}\n", work()));
            ExitCode::FAILURE
        }
    })
}

/// Says what is in work from here on.
pub fn begin(work: &str) {
    memory::begin(work, scratch::remove_all);
    if let Ok(mut place) = WORK.lock() {
        work.clone_into(&mut place);
    }
}

/// Does the work with as many threads as asked for, within what makes sense: far more of them than
/// processors only get in each other's way. Where the system does not give so many, one has to do.
///
/// # Errors
/// When not even one can be started.
pub fn with_threads<T: Send>(jobs: Option<usize>, work: impl FnOnce() -> T + Send) -> Result<T> {
    const PER_PROCESSOR: usize = 8;
    let n_processors = std::thread::available_parallelism().map_or(1, usize::from);
    let variable = || std::env::var("RAYON_NUM_THREADS").ok()?.parse().ok();
    let number = jobs.or_else(variable).unwrap_or(n_processors).clamp(1, n_processors * PER_PROCESSOR);
    let build = |number| ThreadPoolBuilder::new().num_threads(number).stack_size(STACK_BYTES).build();
    let pool = build(number).or_else(|_| build(1));
    Ok(pool.with_context(|| format!("{}: can't start threads", self::work()))?.install(work))
}

fn work() -> String {
    // The text is whole even if a thread panicked meanwhile.
    WORK.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
}

/// What Rust's standard library panics with when there is no memory for a thread.
const OUT_OF_MEMORY: [&str; 2] = ["failed to allocate an alternative stack", "failed to spawn thread"];

/// Reports the first panic; others may follow from it.
fn report(panic: &PanicHookInfo) {
    static REPORTED: AtomicBool = AtomicBool::new(false);
    if REPORTED.swap(true, Ordering::Relaxed) {
        return;
    }
    let text = panic.payload_as_str().unwrap_or("a panic without a message");
    if OUT_OF_MEMORY.iter().any(|start| text.starts_with(start)) {
        memory::end();
    }
    let name = std::env::current_exe().ok();
    let name = name.as_deref().and_then(|name| name.file_stem()).unwrap_or("wasm2native".as_ref()).display();
    let stage = progress::current().map_or(String::new(), |stage| format!(", in the stage `{stage}`"));
    let place = panic.location().map_or(String::new(), |place| format!(" ({place})"));
    let mut message = format!("error: {}: this is a mistake in {name}{stage}: {text}{place}\n", work());
    message.push_str("help: please report it, with the input and the command line\n");
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        message.push_str(&backtrace.to_string());
    }
    stdio::message(message);
}
