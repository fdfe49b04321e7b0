//! Temporary folders for files that another program reads or writes, and which therefore need
//! names.
//!
//! A folder is removed when it is dropped, and also when a signal ends the process. Only SIGKILL,
//! which can't be handled, leaves it. Programs that were started from such a folder can be made to
//! end with this process.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// The folders to remove.
static FOLDERS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Processes that end with this one.
static COMPANIONS: Mutex<Companions> = Mutex::new(Companions { ids: BTreeSet::new(), are_ending: false });

struct Companions {
    ids: BTreeSet<u32>,
    /// A signal has come: no more are started.
    are_ending: bool,
}

/// Starts a process that ends with this one, if a signal ends it. Who has waited for its end says
/// so by [`part_from`], before its number can be that of another process.
///
/// # Errors
/// The system's; or this process is about to end.
pub fn spawn_companion(command: &mut Command) -> io::Result<Child> {
    let mut companions = COMPANIONS.lock().unwrap_or_else(PoisonError::into_inner);
    if companions.are_ending {
        return Err(io::ErrorKind::Interrupted.into());
    }
    let child = command.spawn()?;
    companions.ids.insert(child.id());
    Ok(child)
}

/// The process has ended.
pub fn part_from(child: &Child) {
    COMPANIONS.lock().unwrap_or_else(PoisonError::into_inner).ids.remove(&child.id());
}

/// Passes a signal on to the companions; those that do not end soon are killed.
fn end_companions(signal: i32) {
    const ATTEMPTS: usize = 100;
    let send = |signal: Option<Signal>| {
        let mut companions = COMPANIONS.lock().unwrap_or_else(PoisonError::into_inner);
        companions.are_ending = true;
        for id in &companions.ids {
            if let Some((pid, signal)) = i32::try_from(*id).ok().and_then(Pid::from_raw).zip(signal) {
                // It may have ended.
                let _ = rustix::process::kill_process(pid, signal);
            }
        }
        companions.ids.is_empty()
    };
    if send(Signal::from_named_raw(signal)) {
        return;
    }
    // The thread that waits for them parts from those that end.
    let are_gone = |_: &usize| {
        std::thread::sleep(Duration::from_millis(10));
        COMPANIONS.lock().is_ok_and(|companions| companions.ids.is_empty())
    };
    if (0..ATTEMPTS).find(are_gone).is_none() {
        send(Some(Signal::KILL));
    }
}

/// A new folder in the temporary directory.
pub struct Scratch(Option<TempDir>);

impl Scratch {
    /// Creates the folder. The first one also starts a thread that handles signals.
    ///
    /// # Errors
    /// When the temporary directory can't be written, or the thread can't be started.
    pub fn new() -> Result<Scratch> {
        static WATCH: OnceLock<bool> = OnceLock::new();
        if !WATCH.get_or_init(watch) {
            bail!("can't start a thread that waits for signals");
        }
        // The lock is held until the folder is in the list, so that a signal can't miss it.
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

/// Removes all folders, for a process that ends now. It does not wait for the lock.
pub fn remove_all() {
    if let Ok(folders) = FOLDERS.try_lock() {
        folders.iter().for_each(|folder| drop(std::fs::remove_dir_all(folder)));
    }
}

/// Starts the thread that handles signals. Returns false if it can't be started.
fn watch() -> bool {
    let ignored = ignored_signals();
    let is_taken = |signal: &i32| ignored & 1 << (signal - 1) == 0;
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM].into_iter().filter(is_taken)) else { return true };
    let watcher = move || {
        for signal in signals.forever() {
            end_companions(signal);
            // The lock is held to the end, so no folder is created from now on.
            let folders = FOLDERS.lock().expect("no thread panics while it holds the lock");
            folders.iter().for_each(|folder| remove(folder));
            // Ends the process. If that fails, the next signal tries again.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(watcher).is_ok()
}

/// Removes a folder into which other processes may still be writing. A new file makes the removal
/// fail, and it is tried again.
fn remove(folder: &Path) {
    const ATTEMPTS: usize = 1000;
    let is_gone = |_: &usize| match std::fs::remove_dir_all(folder) {
        Ok(()) => true,
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    (0..ATTEMPTS).find(is_gone);
}

/// A bit for each signal that was ignored when the process started, as by `nohup`.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
