//! Files through which a process could reach its own memory or another's: procfs, devices of
//! memory, the kernel's probes. No grant contains them, by whatever path, link, mount or name, in
//! any call, with and without `openat2`.
//!
//! What needs mounts runs in a mount namespace of its own. Where that is not permitted, a test
//! counts as ignored and says why.

use crate::driver::{Answer, FREE, Guest, Openat2};
use crate::matrix::{calls, describe, prepare};
use crate::numbers::errno::ACCES;
use crate::numbers::oflags::TRUNCATE;
use crate::numbers::rights::{READ, WRITE};
use crate::tree::{self, Node};
use anyhow::{Result, bail};
use libtest_mimic::Trial;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use std::path::Path;
use test_kit::trial::Skip;
use test_kit::trial::trial;

const PATH: u32 = FREE;
const RESULT: u32 = FREE + 4096;

const MESSAGE: &str = "gives access to the memory of processes";

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("exposed/granted-itself", granted_itself)];
    for openat2 in Openat2::ALL {
        let end = openat2.suffix();
        trials.push(trial(format!("exposed/devices{end}"), move || devices(openat2)));
        trials.push(trial(format!("exposed/probes{end}"), move || probes(openat2)));
        for mode in ["", "::ro"] {
            let end = format!("{}{end}", if mode.is_empty() { "/read-write" } else { "/read-only" });
            trials.push(trial(format!("exposed/root{end}"), move || root(mode, openat2)));
            trials.push(trial(format!("exposed/mounts{end}"), move || mounts(mode, openat2)));
        }
    }
    trials
}

/// Paths on procfs, below the root and below a folder on which it is mounted.
const ON_PROCFS: &[&str] = &[
    "proc",
    "proc/",
    "proc/.",
    "proc/self",
    "proc/self/",
    "proc/self/mem",
    "proc/self/maps",
    "proc/self/exe",
    "proc/self/root",
    "proc/self/fd",
    "proc/self/fd/0",
    "proc/self/task",
    "proc/self/../self/mem",
    "proc/thread-self/mem",
    "proc/1",
    "proc/1/mem",
    "proc/1/maps",
    "proc/1/nothing",
    "proc/version",
    "proc/nothing",
    "proc/sys/kernel/hostname",
    "proc/../proc/self/mem",
];

/// Links to procfs, wherever the system has them; relative ones, and one to a file of another
/// process, are for `mounts`.
const SYSTEM_LINKS: &[&str] = &["dev/fd", "dev/fd/0", "dev/stdin", "dev/stdout", "dev/core"];

fn start(options: &str, openat2: Openat2) -> Guest {
    Guest::start_on(openat2, options, &|_| {})
}

/// Whether the call looks at what a link leads to.
fn follows(answer: &str) -> bool {
    answer.contains("follow 1") && !answer.starts_with("path_link")
}

/// All calls with a path on procfs: nothing succeeds. The first answers are exactly `acces`.
fn try_on_procfs(guest: &mut Guest, path: &str, is_read_only: bool) {
    prepare(guest, path);
    // A link's text may be anything, and the link would stay.
    for call in calls().iter().filter(|call| (call.name, &*call.detail) != ("path_symlink", "to")) {
        let answer = describe(guest, call, path);
        assert!(!answer.contains("errno 0"), "`{path}`: {answer}");
        let is_plain = answer.starts_with("path_open (oflags 0, rights 2,")
            || ["path_filestat_get", "path_readlink"].iter().any(|name| answer.starts_with(name))
            || (!is_read_only && !answer.starts_with("path_open") && !answer.starts_with("path_link (from, follow 1)"));
        if is_plain && ["proc/version", "proc/self/maps"].contains(&path) {
            assert!(answer.ends_with(&format!("errno {ACCES}")), "`{path}`: {answer}");
        }
    }
}

/// The calls that follow a link which leads to procfs.
fn try_link(guest: &mut Guest, path: &str) {
    prepare(guest, path);
    for call in calls() {
        if call.name == "path_open" || follows(&call.detail) && call.name.starts_with("path_filestat") {
            let answer = describe(guest, &call, path);
            assert!(!answer.contains("errno 0"), "`{path}`: {answer}");
        }
    }
}

/// A grant of everything. Calls that could change the machine are made with paths on procfs alone.
fn root(mode: &str, openat2: Openat2) {
    let mut guest = start(&format!("--dir /::/{mode}"), openat2);
    for path in ON_PROCFS {
        try_on_procfs(&mut guest, path, !mode.is_empty());
    }
    for path in SYSTEM_LINKS.iter().filter(|path| Path::new("/").join(path).symlink_metadata().is_ok()) {
        try_link(&mut guest, path);
    }
    // Everything else is there.
    prepare(&mut guest, "dev/null");
    let answers: String = calls().iter().take(6).map(|call| describe(&mut guest, call, "dev/null")).collect();
    assert!(answers.contains("errno 0"), "{answers}");
}

/// A grant of a folder on procfs is refused before the program starts.
fn granted_itself() {
    for place in
        ["/proc", "/proc/", "/proc/self", "/proc/self/fd", "/proc/self/task", "/proc/sys", "/dev/fd", "/proc/1"]
    {
        for mode in ["", "::/x", "::/x::ro"] {
            let options = format!("--dir {place}{mode}");
            match Guest::start(&options).call("sched_yield", &[]) {
                Answer::Ended(1, text) => {
                    assert!(
                        text.contains(&format!("cannot grant directory `{place}`")) && text.contains(MESSAGE),
                        "{text}"
                    );
                }
                answer => panic!("{options}: {answer:?}"),
            }
        }
    }
    // This one leads elsewhere.
    assert_eq!(Guest::start("--dir /proc/self/cwd::/x").call("sched_yield", &[]), Answer::Errno(0));
}

/// Links in the granted folder that lead to procfs, which is mounted below it.
const LINKS: &[(&str, &str)] = &[
    ("fd", "proc/self/fd"),
    ("stdin", "proc/self/fd/0"),
    ("mem", "proc/self/mem"),
    ("thread", "proc/thread-self/mem"),
    ("one", "proc/1/maps"),
    ("sub/mem", "../proc/self/mem"),
    ("sub/far", "../bound/self/mem"),
    ("sub/chain", "../mem"),
    ("sub/proc", "../proc"),
    ("file", "version"),
];

/// Procfs mounted below a grant, a second time by a bind mount, and parts of it.
fn mounts(mode: &str, openat2: Openat2) -> Result<()> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let root = folder.path();
    let entries = [
        ("ok.txt", Node::File("fine")),
        ("sub/ok.txt", Node::File("fine")),
        ("proc", Node::Dir),
        ("bound", Node::Dir),
        ("sys", Node::Dir),
        ("version", Node::File("")),
    ];
    tree::make(root, &entries);
    tree::make(root, &LINKS.iter().map(|(name, target)| (*name, Node::Link(target))).collect::<Vec<_>>());
    // Without being root, a new procfs can't be mounted, but the one that there is.
    let script = "mount -t proc proc proc 2>/dev/null || mount --rbind /proc proc\n\
                  mount --rbind /proc bound; mount --rbind /proc/sys sys; mount --bind /proc/version version\n\
                  test -r proc/self/mem; test -r bound/self/mem; test -r sys/kernel/hostname; grep -q Linux version";
    let options = format!("--dir .::/{mode}");
    let mut guest = Guest::start_in_namespace(openat2, script, root, &options)?;
    for path in ON_PROCFS {
        try_on_procfs(&mut guest, path, !mode.is_empty());
        let elsewhere = path.replace("proc", "bound");
        try_on_procfs(&mut guest, &elsewhere, !mode.is_empty());
    }
    for path in ["sys", "sys/kernel", "sys/kernel/hostname", "sub/../sys/kernel/hostname", "sub/proc/self/mem", "fd/0"]
    {
        try_on_procfs(&mut guest, path, !mode.is_empty());
    }
    for (path, _) in LINKS {
        try_link(&mut guest, path);
    }
    // One file, as a mount. Names of mounts don't change.
    try_link(&mut guest, "version");
    prepare(&mut guest, "version");
    for call in calls().iter().filter(|call| call.name != "path_symlink") {
        let answer = describe(&mut guest, call, "version");
        assert!(!answer.contains("errno 0"), "{answer}");
    }
    // The file system around them is granted.
    assert_eq!(open(&mut guest, "sub/../ok.txt", 0, READ), 0);
    assert_eq!(guest.end(), Answer::Ended(0, String::new()));
    Ok(())
}

fn open(guest: &mut Guest, path: &str, oflags: u64, rights: u64) -> u32 {
    guest.load(PATH, path.as_bytes());
    let arguments = [3, 1, PATH.into(), path.len() as u64, oflags, rights, READ | WRITE, 0, RESULT.into()];
    guest.call("path_open", &arguments).errno()
}

fn stat(guest: &mut Guest, path: &str) -> u32 {
    guest.load(PATH, path.as_bytes());
    guest.call("path_filestat_get", &[3, 1, PATH.into(), path.len() as u64, RESULT.into()]).errno()
}

/// Nodes of devices by other names: memory, kernel memory, ports, memory of a crashed kernel,
/// registers of a processor.
fn devices(openat2: Openat2) -> Result<()> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let root = folder.path();
    let node = |name: &str, major, minor| {
        let mode = Mode::from_raw_mode(0o600);
        mknodat(CWD, root.join(name), FileType::CharacterDevice, mode, makedev(major, minor)).is_ok()
    };
    if !node("null", 1, 3) {
        bail!(Skip::Reason("device nodes can't be made here".to_owned()));
    }
    // Memory, and neighbors of it.
    let refused = [("a", 1, 1), ("b", 1, 2), ("c", 1, 4), ("d", 1, 12), ("e", 202, 0), ("f", 202, 1)];
    let granted = [("null", 1, 3), ("zero", 1, 5), ("log", 1, 11), ("console", 5, 1), ("id", 203, 0)];
    for (name, major, minor) in refused.into_iter().chain(granted) {
        assert!(name == "null" || node(name, major, minor), "{name}");
        std::os::unix::fs::symlink(name, root.join(format!("link-{name}"))).expect("links can be made");
    }
    for mode in ["", "::ro"] {
        let mut guest = start(&format!("--dir {}::/{mode}", root.display()), openat2);
        for (name, ..) in refused {
            for path in [name.to_owned(), format!("link-{name}")] {
                assert_eq!(stat(&mut guest, &path), ACCES, "{path}");
                for (oflags, rights) in [(0, READ), (0, WRITE), (0, READ | WRITE), (TRUNCATE, WRITE)] {
                    let errno = open(&mut guest, &path, oflags, rights);
                    // Where the kernel has no such device, it says so first.
                    let is_there = std::fs::File::open(root.join(name)).is_ok();
                    assert!(errno != 0 && (errno == ACCES || !is_there), "{path}: {errno}");
                }
            }
        }
        for (name, ..) in granted {
            assert_eq!(stat(&mut guest, name), 0, "{name}");
            assert_eq!(stat(&mut guest, &format!("link-{name}")), 0, "{name}");
        }
        let native = std::fs::File::open(root.join("null")).is_ok();
        assert_eq!(open(&mut guest, "null", 0, READ) == 0, native);
    }
    Ok(())
}

/// Debugfs and tracefs, through which a program could have the kernel read memory. Not even what
/// opening alone would do is done.
fn probes(openat2: Openat2) -> Result<()> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let root = folder.path();
    tree::make(root, &[("trace", Node::Dir), ("debug", Node::Dir), ("register", Node::Dir)]);
    // An instance is a buffer of its own, so that the machine's is left alone. To open it with
    // `TRUNCATE` empties it.
    let instance = format!("trace/instances/w2n-test-{}-{openat2:?}", std::process::id());
    let script = format!(
        "mount -t tracefs tracefs trace; mount -t debugfs debugfs debug; mount -t binfmt_misc binfmt register\n\
         mkdir -p {instance}; echo kept > {instance}/trace_marker"
    );
    let Ok(mut guest) = Guest::start_in_namespace(openat2, &script, root, "--dir .::/") else {
        bail!(Skip::Reason("tracefs and debugfs can't be mounted here".to_owned()));
    };
    assert_eq!(guest.call("sched_yield", &[]), Answer::Errno(0));
    // The guest's folder, with what is mounted for the guest alone.
    let place = |guest: &Guest, path: &str| format!("/proc/{}/cwd/{path}", guest.id());
    let lines = format!("{instance}/trace");
    let paths =
        ["trace", "trace/README", "trace/uprobe_events", "trace/kprobe_events", "debug", "register/status", &lines];
    for path in paths {
        // Not every kernel has all of them.
        if !Path::new(&place(&guest, path)).exists() {
            continue;
        }
        assert_eq!((open(&mut guest, path, 0, READ), stat(&mut guest, path)), (ACCES, ACCES), "{path}");
    }
    for (path, oflags) in [("trace/set_event", 0), ("register/register", 0), (&*lines, TRUNCATE)] {
        assert_eq!(open(&mut guest, path, oflags, WRITE), ACCES, "{path}");
    }
    let text = std::fs::read_to_string(place(&guest, &lines)).expect("the guest runs");
    std::fs::remove_dir(place(&guest, &instance)).expect("the test made it");
    assert!(text.contains("kept"), "{text}");
    Ok(())
}
