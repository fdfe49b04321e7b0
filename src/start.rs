//! The start and the end of both commands. Each run ends with a result or with one message.
//!
//! * When memory runs out, the error names the input ([`crate::guard::memory`]). All work is done
//!   by threads, whose stacks are reserved when they start, so no stack must grow then.
//! * A panic is reported as our mistake, with the stage and the input.
//! * A write beyond the limit of file sizes fails, instead of ending the process by a signal.
//! * Standard streams that were closed at the start stay closed.

use crate::guard::memory;
use crate::options::without_password;
use crate::progress;
use crate::scratch;
use crate::stdio;
use anyhow::{Context, Result};
use rayon::ThreadPoolBuilder;
use signal_hook::consts::SIGXFSZ;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The usual size of a main thread's stack.
const STACK_BYTES: usize = 8 << 20;

/// Exit status for a mistake of ours; a panic of Rust has the same.
const MISTAKE: u8 = 101;

/// The current work: the command line at first, then an input's name.
static WORK: Mutex<String> = Mutex::new(String::new());

/// Runs a command and returns its status.
pub fn run(main: impl FnOnce() -> ExitCode + Send) -> ExitCode {
    let words: Vec<_> = std::env::args_os().map(|word| without_password(&word.to_string_lossy())).collect();
    begin(&words.join(" "));
    panic::set_hook(Box::new(report));
    stdio::keep_closed();
    // The handler has no effect; unlike an ignored signal, it is not inherited.
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

/// Sets the current work, which messages name.
pub fn begin(work: &str) {
    memory::begin(work, scratch::remove_all);
    if let Ok(mut place) = WORK.lock() {
        work.clone_into(&mut place);
    }
}

/// Does the work with `jobs` threads, but with at most eight per processor. If the system does not
/// provide that many, one thread does it.
///
/// # Errors
/// When no thread can be started.
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
    // The text is complete even if a thread panicked while it held the lock.
    WORK.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
}

/// Panic messages of Rust's standard library when there is no memory for a thread.
const OUT_OF_MEMORY: [&str; 2] = ["failed to allocate an alternative stack", "failed to spawn thread"];

/// How many calls of [`catch`] are active.
static CAUGHT: AtomicUsize = AtomicUsize::new(0);

/// Does work of a crate that panics where its input is damaged, perhaps in several threads.
///
/// # Errors
/// The text of the panic, which is not reported.
pub fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    CAUGHT.fetch_add(1, Ordering::SeqCst);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    CAUGHT.fetch_sub(1, Ordering::SeqCst);
    result.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message").to_owned()
    })
}

/// Reports the first panic. Later ones may be its consequences.
fn report(panic: &PanicHookInfo) {
    static REPORTED: AtomicBool = AtomicBool::new(false);
    if CAUGHT.load(Ordering::SeqCst) > 0 || REPORTED.swap(true, Ordering::Relaxed) {
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
