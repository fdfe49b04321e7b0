//! Folders for files that have to have names for a while: those that another program reads or
//! writes.
//!
//! They are removed when they are no longer used, and also when the process is asked to end by a
//! signal. Only a signal that can't be seen, SIGKILL, leaves them.

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use tempfile::TempDir;

/// What to remove.
static FOLDERS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A new folder in the temporary directory.
pub struct Scratch(Option<TempDir>);

impl Scratch {
    /// Makes the folder. From the first one on, signals that end the process are taken by a thread.
    ///
    /// # Errors
    /// When the temporary directory can't be written, or no thread started.
    pub fn new() -> Result<Scratch> {
        static WATCH: OnceLock<bool> = OnceLock::new();
        if !WATCH.get_or_init(watch) {
            bail!("can't start a thread that waits for signals");
        }
        // The lock is held, so that a signal comes before the folder or after it is known.
        let mut folders = FOLDERS.lock().expect("no thread panics while it holds the lock");
        let folder = tempfile::tempdir().context("can't make a temporary directory")?;
        folders.insert(folder.path().to_owned());
        Ok(Scratch(Some(folder)))
    }

    pub fn path(&self) -> &Path {
        self.0.as_ref().expect("only drop takes it").path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut folders = FOLDERS.lock().expect("no thread panics while it holds the lock");
        if let Some(folder) = self.0.take() {
            folders.remove(folder.path());
        }
    }
}

/// Removes all folders, for a process that ends right now: it waits for nothing.
pub fn remove_all() {
    if let Ok(folders) = FOLDERS.try_lock() {
        folders.iter().for_each(|folder| drop(std::fs::remove_dir_all(folder)));
    }
}

/// Whether somebody watches.
fn watch() -> bool {
    let ignored = ignored_signals();
    let is_taken = |signal: &i32| ignored & 1 << (signal - 1) == 0;
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM].into_iter().filter(is_taken)) else { return true };
    let watcher = move || {
        for signal in signals.forever() {
            // Nobody gets the lock back: no folder is made from here on.
            let folders = FOLDERS.lock().expect("no thread panics while it holds the lock");
            folders.iter().for_each(|folder| remove(folder));
            // Ends the process. If not, the next signal may.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(watcher).is_ok()
}

/// Removes a folder into which others may still be writing: then it is not empty at the end, and
/// has to be emptied again.
fn remove(folder: &Path) {
    const ATTEMPTS: usize = 1000;
    let is_gone = |_: &usize| match std::fs::remove_dir_all(folder) {
        Ok(()) => true,
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    (0..ATTEMPTS).find(is_gone);
}

/// A bit for each signal that whoever started the process does not want it to see, as `nohup` does.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
