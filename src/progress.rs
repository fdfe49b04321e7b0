//! How a compilation tells the outside how far it is, and how long each stage took.
//!
//! The library knows no terminal: `src/bin/` implements [`Observer`] with a progress bar and with
//! `--timings`.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Watches a compilation. Called from several threads.
pub trait Observer: Sync {
    /// A stage begins; `total` is its number of functions, 0 where work is not counted.
    fn stage(&self, _name: &'static str, _total: u64) {}

    /// `n` more functions are done.
    fn advance(&self, _n: u64) {}

    /// Something that the user may want to know, though the output is made.
    fn warning(&self, _text: &str) {}

    /// The command line of the linker, where the user asked to be told.
    fn linked(&self, _command: &[String]) {}

    /// A stage ended.
    fn done(&self, _name: &'static str, _took: Duration) {}
}

/// The stage that began last.
static CURRENT: Mutex<Option<&str>> = Mutex::new(None);

/// The stage that is in work.
pub fn current() -> Option<&'static str> {
    CURRENT.try_lock().ok().and_then(|current| *current)
}

/// Watches nothing.
pub struct Silent;

impl Observer for Silent {}

fn enter(stage: Option<&'static str>) {
    *CURRENT.lock().expect("nothing happens with the lock") = stage;
}

/// Runs `work` as the stage `name`.
pub fn stage<T>(observer: &dyn Observer, name: &'static str, total: u64, work: impl FnOnce() -> T) -> T {
    observer.stage(name, total);
    let start = Instant::now();
    enter(Some(name));
    let result = work();
    enter(None);
    observer.done(name, start.elapsed());
    result
}
