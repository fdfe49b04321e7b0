//! Progress of a compilation, and the time that each stage took.
//!
//! The library does not print: `src/bin/` implements [`Observer`] with a progress bar and with
//! `--timings`.

use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How much is told beyond the names of stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// What a stage made as a whole.
    Stage,
    /// Each function.
    Function,
}

/// Watches a compilation. Called from several threads.
pub trait Observer: Sync {
    /// A stage begins; `total` is its number of functions, 0 if work is not counted.
    fn stage(&self, _name: &'static str, _total: u64) {}

    /// `n` more functions are done.
    fn advance(&self, _n: u64) {}

    /// What a stage found or made, for those who asked for as much. The text is made on demand.
    fn detail(&self, _detail: Detail, _text: &dyn Fn() -> String) {}

    /// A warning: the output is made, but the user may want to know this.
    fn warning(&self, _text: &str) {}

    /// How many functions a cache had, and how many were compiled in its sight.
    fn cached(&self, _n_found: u64, _n_made: u64) {}

    /// The command line of the linker, if the user asked for it.
    fn linked(&self, _command: &[String]) {}

    /// The output depends on this file or directory.
    fn reads(&self, _path: &Path) {}

    /// Whether [`Observer::compiled`] is of use: it costs a name for each function.
    fn wants_functions(&self) -> bool {
        false
    }

    /// A thread has compiled a function, in this time up to now.
    fn compiled(&self, _name: String, _took: Duration) {}

    /// A stage ended.
    fn done(&self, _name: &'static str, _took: Duration) {}
}

/// The stage that began last.
static CURRENT: Mutex<Option<&str>> = Mutex::new(None);

/// The current stage.
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
