//! `--watch`: a command again and again, each time that a file of the program has changed. A
//! program that still runs then is ended first.

use crate::flags::Source;
use crate::project::{self, Project};
use crate::run::{Running, status_number};
use anyhow::Result;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use wasm2native::cot::load::{self, LoadOptions, Loaded};
use wasm2native::cot::token::TokenKind;
use wasm2native::cot::{scan, with_large_stack};
use wasm2native::{scratch, stdio};

/// How often files are looked at.
const PAUSE: Duration = Duration::from_millis(100);

/// For how long a file that was changed must stay as it is: editors write in several steps.
const SETTLED: Duration = Duration::from_millis(40);

/// How long a file that is gone may take to come back.
const MOST_GONE: Duration = Duration::from_millis(500);

/// How long a program may take to end before it is killed.
const MOST_ENDING: Duration = Duration::from_secs(2);

/// Does it now and after each change. Ends by a signal only.
///
/// # Errors
/// None of a round: those are reported.
pub fn watch(source: &Source, mut round: impl FnMut() -> Result<Option<Running>>) -> Result<ExitCode> {
    loop {
        let files = Files::of(source);
        // A mistake of ours is not the end either.
        let started = catch_unwind(AssertUnwindSafe(&mut round)).unwrap_or(Ok(None));
        let running = started.unwrap_or_else(|error| {
            crate::report(&error);
            None
        });
        // What is imported may have changed in the meantime.
        if Files::of(source).has_same_names(&files) {
            stdio::message(format!("watching {} for changes\n", files.describe()));
            let changed = wait(&files, running);
            stdio::message(format!("{} changed\n", changed.display()));
        } else if let Some(running) = running {
            end(running);
        }
    }
}

/// Waits for a change, and then for the end of the program, which is told to end.
fn wait(files: &Files, mut running: Option<Running>) -> PathBuf {
    let changed = loop {
        if let Some(status) = running.as_mut().and_then(|it| it.child.try_wait().ok().flatten()) {
            running.iter().for_each(|it| scratch::part_from(&it.child));
            running = None;
            stdio::message(format!("the program ended with status {}\n", status_number(status)));
        }
        if let Some(changed) = files.changed() {
            break changed;
        }
        std::thread::sleep(PAUSE);
    };
    settle(files);
    if let Some(running) = running {
        end(running);
    }
    changed
}

/// Waits until files stay as they are, and are all there again, if that does not take too long.
fn settle(files: &Files) {
    let start = Instant::now();
    let mut before = files.again();
    loop {
        std::thread::sleep(SETTLED);
        let now = files.again();
        let is_gone = now.stamps.iter().any(|(path, stamp)| stamp.is_none() && files.stamps[path].is_some());
        if now.stamps == before.stamps && !is_gone || start.elapsed() > MOST_GONE {
            return;
        }
        before = now;
    }
}

fn end(mut running: Running) {
    let start = Instant::now();
    if let Some(pid) = i32::try_from(running.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // It may have ended just now; its number is still its own.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    while matches!(running.child.try_wait(), Ok(None)) {
        if start.elapsed() > MOST_ENDING {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    scratch::part_from(&running.child);
}

/// Changed when the file is: time and number of the file, its length.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: (i64, i64),
    changed: (i64, i64),
    file: (u64, u64),
    length: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let it = std::fs::metadata(path).ok()?;
        Some(Stamp {
            modified: (it.mtime(), it.mtime_nsec()),
            changed: (it.ctime(), it.ctime_nsec()),
            file: (it.dev(), it.ino()),
            length: it.len(),
        })
    }
}

/// The files of a program, and those that it would have; none for those that are not there.
struct Files {
    main: PathBuf,
    stamps: BTreeMap<PathBuf, Option<Stamp>>,
}

impl Files {
    fn of(source: &Source) -> Files {
        // It may get one, or one may change.
        let mut paths = vec![PathBuf::from(project::NAME)];
        let main = project::main_file(source.file.as_deref()).ok();
        if let Some(main) = &main {
            paths.push(main.clone());
            if let Ok(project) = Project::of(main) {
                paths.extend(project.file().map(Path::to_owned));
                paths.extend(project.c_sources().unwrap_or_default());
            }
            paths.extend(with_large_stack(|| files_of(main)));
        }
        let stamps = paths.into_iter().map(|path| (path.clone(), Stamp::of(&path)));
        Files { main: main.unwrap_or_else(|| PathBuf::from(project::NAME)), stamps: stamps.collect() }
    }

    fn again(&self) -> Files {
        let stamps = self.stamps.keys().map(|path| (path.clone(), Stamp::of(path)));
        Files { main: self.main.clone(), stamps: stamps.collect() }
    }

    fn changed(&self) -> Option<PathBuf> {
        self.stamps.iter().find(|(path, stamp)| Stamp::of(path) != **stamp).map(|(path, _)| path.clone())
    }

    fn has_same_names(&self, other: &Files) -> bool {
        self.stamps.keys().eq(other.stamps.keys())
    }

    fn describe(&self) -> String {
        let there = self.stamps.iter().filter(|(path, stamp)| stamp.is_some() && **path != self.main);
        match there.count() {
            0 => self.main.display().to_string(),
            1 => format!("{} and another file", self.main.display()),
            n => format!("{} and {n} other files", self.main.display()),
        }
    }
}

/// Files that a program is made of, beside the one that was named.
fn files_of(main: &Path) -> Vec<PathBuf> {
    let standard_library = std::env::var_os("COT_STDLIB").filter(|it| !it.is_empty()).map(PathBuf::from);
    let options = LoadOptions { standard_library, ..LoadOptions::default() };
    let Ok(Loaded { sources, missing, .. }) = load::load(main, &options) else { return Vec::new() };
    let mut paths = missing;
    let real = main.canonicalize().ok();
    for (id, source) in sources.iter() {
        let Some(path) = &source.path else { continue };
        if Some(path) != real.as_ref() {
            paths.push(path.clone());
        }
        // `@embedFile("…")`
        for tokens in scan::scan(id, source).tokens.windows(3) {
            let is_string = tokens[2].kind == TokenKind::String && tokens[1].kind == TokenKind::OpenParenthesis;
            if is_string && sources.text(tokens[0].span) == b"@embedFile" {
                let text = sources.text(tokens[2].span);
                let name = scan::string_value(text.get(1..text.len() - 1).unwrap_or_default());
                paths.push(source.folder().join(String::from_utf8_lossy(&name).as_ref()));
            }
        }
    }
    paths
}
