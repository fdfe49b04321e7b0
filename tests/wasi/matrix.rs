//! The escape matrix: every way to write a path that leads out of a granted directory, in every
//! call that takes a path, with read-write and read-only grants.
//!
//! Each case runs with four different things in the place outside that the path aims at: nothing, a
//! file, a folder, a link to nowhere. After each call the files outside are as before in every
//! respect, and the answer (error number, metadata, contents) is the same whatever is there: not
//! even its existence shows. Below a read-only grant nothing has changed inside either.

use crate::driver::{FREE, Guest, Openat2};
use crate::numbers::rights::{READ, WRITE};
use crate::tree::{self, Node, Snapshot};
use anyhow::Result;
use libtest_mimic::Trial;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use test_kit::trial::trial;

/// In the files outside; no guest ever gets to see it.
const SECRET: &str = "the secret of the files outside";

/// What is in the granted directory, `box`; `@` stands for the folder in which it lies.
pub const INSIDE: &[(&str, Node)] = &[
    ("ok.txt", Node::File("fine")),
    ("sub/deep/ok.txt", Node::File("fine, too")),
    ("empty", Node::Dir),
    ("inner", Node::Link("ok.txt")),
    ("inner-slash", Node::Link("sub/")),
    ("folder", Node::Link("sub")),
    ("sub/deep/back", Node::Link("../..")),
    ("missing", Node::Link("nothing")),
    ("loop", Node::Link("loop")),
    ("out", Node::Link("../outside")),
    ("out-slash", Node::Link("../outside/")),
    ("out-absolute", Node::Link("@/outside")),
    ("last", Node::Link("../outside/target")),
    ("last-slash", Node::Link("../outside/target/")),
    ("last-absolute", Node::Link("@/outside/target")),
    ("dangling", Node::Link("../outside/nothing")),
    ("chain", Node::Link("sub/next")),
    ("sub/next", Node::Link("../last")),
    ("sub/out", Node::Link("../../outside")),
    ("sub/deep/up", Node::Link("../../..")),
    ("up", Node::Link("..")),
    ("up-slash", Node::Link("../")),
    ("root", Node::Link("/")),
    ("process-root", Node::Link("/proc/self/root")),
    ("process-folder", Node::Link("/proc/self/cwd")),
    ("process-descriptor", Node::Link("/proc/self/fd/3")),
];

/// Paths that aim at `outside/target`, or at a folder above. `@` as above.
pub const OUTWARDS: &[(&str, &str)] = &[
    ("parent", "../outside/target"),
    ("parent of a folder", "sub/../../outside/target"),
    ("parent through a dot", "./.././outside/target"),
    ("parent of parents", "../../../../../../../../@/outside/target"),
    ("parent alone", ".."),
    ("parent with a slash", "../"),
    ("parent again", "sub/../.."),
    ("back into the directory", "../box/ok.txt"),
    ("absolute", "@/outside/target"),
    ("absolute with more slashes", "//@/outside/target"),
    ("absolute root", "/"),
    ("absolute back into the directory", "@/box/ok.txt"),
    ("process root", "/proc/self/root@/outside/target"),
    ("process folder", "/proc/self/cwd/outside/target"),
    ("link first", "out/target"),
    ("link first with a slash in its target", "out-slash/target"),
    ("link first to an absolute path", "out-absolute/target"),
    ("link to the root first", "root@/outside/target"),
    ("link in the middle", "sub/out/target"),
    ("link to the parent in the middle", "sub/deep/up/outside/target"),
    ("link to the parent first", "up/outside/target"),
    ("link to the parent, and back", "up/box/ok.txt"),
    ("link last", "last"),
    ("link last with a slash", "last/"),
    ("link last with slashes and a dot", "last//."),
    ("link last with a slash in its target", "last-slash"),
    ("link last with both slashes", "last-slash/"),
    ("link last to an absolute path", "last-absolute"),
    ("link last to an absolute path with a slash", "last-absolute/"),
    ("link last to a folder", "out"),
    ("link last to a folder with a slash", "out/"),
    ("link last to the parent", "up"),
    ("link last to the parent with a slash", "up/"),
    ("link last to the parent with both slashes", "up-slash/"),
    ("link to a link", "chain"),
    ("link to a link with a slash", "chain/"),
    ("dangling link", "dangling"),
    ("dangling link with a slash", "dangling/"),
    ("link to the process root", "process-root@/outside/target"),
    ("link to the process folder", "process-folder/outside/target"),
    ("link to the process root alone", "process-root"),
    ("link to a descriptor", "process-descriptor/../outside/target"),
    ("link to a descriptor alone", "process-descriptor"),
];

/// Paths that stay inside. They show that the calls do what they are for, and that read-only grants
/// hold for all of them.
pub const INWARDS: &[(&str, &str)] = &[
    ("file", "ok.txt"),
    ("file with a slash", "ok.txt/"),
    ("folder", "sub"),
    ("folder with a slash", "sub/"),
    ("empty folder", "empty"),
    ("empty folder with a slash", "empty/"),
    ("file in a folder", "sub/deep/ok.txt"),
    ("there and back", "sub/../ok.txt"),
    ("folder, there and back", "sub/deep/.."),
    ("the directory", "."),
    ("new name", "new"),
    ("new name with a slash", "new/"),
    ("new name in a folder", "sub/new"),
    ("link inside", "inner"),
    ("link inside with a slash", "inner-slash/"),
    ("link inside with a slash in its target", "inner-slash"),
    ("link inside with a dot", "inner-slash/."),
    ("link inside first", "inner-slash/deep/ok.txt"),
    ("link inside to a folder", "folder"),
    ("links up and down", "sub/deep/back/sub/deep/ok.txt"),
    ("new name in a link", "inner-slash/new"),
    ("folder that is a file", "ok.txt/new"),
    ("folder that is missing", "new/new"),
    ("dot below a file", "ok.txt/."),
    ("dot with a slash", "./"),
    ("dangling link inside", "missing"),
    ("link to itself", "loop"),
];

/// What lies outside where the paths aim at.
const TARGETS: [Option<Node>; 4] = [None, Some(Node::File(SECRET)), Some(Node::Dir), Some(Node::Link("nowhere"))];

/// One way to use a path.
pub struct Call {
    /// Name of WASI's function.
    pub name: &'static str,
    /// What follows the name in messages.
    pub detail: String,
    arguments: Vec<Argument>,
}

#[derive(Clone, Copy)]
enum Argument {
    Number(u64),
    /// Address and length of the path that is tried.
    Path,
    /// Address and length of a path inside: `ok.txt`, `sub`, or a new name.
    File,
    Folder,
    New,
    /// Address of room for results.
    Result,
}

const PATH: u32 = FREE;
const FILE: u32 = FREE + 4096;
const FOLDER: u32 = FILE + 64;
const NEW: u32 = FOLDER + 64;
const RESULT: u32 = NEW + 64;
/// Room for what a file holds or a folder lists.
const BUFFER: u32 = RESULT + 4096;
const BUFFER_SIZE: u32 = 4096;
/// Where an `$iovec` for it is.
const PIECE: u32 = BUFFER + BUFFER_SIZE;

/// Descriptor of the granted directory.
const DIRECTORY: u64 = 3;

pub fn calls() -> Vec<Call> {
    use Argument::{File, Folder, New, Number, Path, Result};
    let directory = Number(DIRECTORY);
    let mut calls = Vec::new();
    let mut add = |name, detail: String, arguments: &[Argument]| {
        calls.push(Call { name, detail, arguments: arguments.to_vec() });
    };
    // `$oflags`: 1 create, 2 directory, 4 exclusive, 8 truncate.
    for oflags in [0, 1, 2, 3, 5, 8, 9, 10] {
        for rights in [READ, WRITE, READ | WRITE] {
            for follow in [0, 1] {
                let numbers = [Number(oflags), Number(rights), Number(READ | WRITE), Number(0), Result];
                let detail = format!("oflags {oflags}, rights {rights}, follow {follow}");
                add("path_open", detail, &[&[directory, Number(follow), Path][..], &numbers].concat());
            }
        }
    }
    for follow in [0, 1] {
        let detail = format!("follow {follow}");
        add("path_filestat_get", detail.clone(), &[directory, Number(follow), Path, Result]);
        // Both times are set to what no file here has.
        let times = [Number(1_000_000_000), Number(2_000_000_000), Number(5)];
        add("path_filestat_set_times", detail.clone(), &[&[directory, Number(follow), Path][..], &times].concat());
        add("path_link", format!("from, {detail}"), &[directory, Number(follow), Path, directory, New]);
    }
    add("path_link", "to".to_owned(), &[directory, Number(0), File, directory, Path]);
    add("path_create_directory", String::new(), &[directory, Path]);
    add("path_readlink", String::new(), &[directory, Path, Number(BUFFER.into()), Number(256), Result]);
    add("path_remove_directory", String::new(), &[directory, Path]);
    add("path_rename", "from".to_owned(), &[directory, Path, directory, New]);
    add("path_rename", "a file over".to_owned(), &[directory, File, directory, Path]);
    add("path_rename", "a folder over".to_owned(), &[directory, Folder, directory, Path]);
    add("path_symlink", "at".to_owned(), &[File, directory, Path]);
    add("path_symlink", "to".to_owned(), &[Path, directory, New]);
    add("path_unlink_file", String::new(), &[directory, Path]);
    calls
}

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for openat2 in Openat2::ALL {
        let end = openat2.suffix();
        trials.push(trial(format!("escape/hard-link/read-only{end}"), move || hard_link(openat2)));
        for read_only in [false, true] {
            let end = format!("{}{end}", grant_name(read_only));
            for (name, path) in OUTWARDS {
                let case = Case { path, read_only, is_inside: false };
                trials.push(trial(format!("escape/{}/{end}", plain(name)), move || case.check(openat2)));
            }
            for (name, path) in INWARDS {
                let case = Case { path, read_only, is_inside: true };
                trials.push(trial(format!("inside/{}/{end}", plain(name)), move || case.check(openat2)));
            }
        }
    }
    for read_only in [false, true] {
        let name = format!("inside/without-procfs/{}", grant_name(read_only));
        trials.push(trial(name, move || without_procfs(read_only)));
    }
    trials
}

/// Where procfs is not mounted, all answers are the same.
fn without_procfs(read_only: bool) -> Result<()> {
    const SCRIPT: &str = "mount -t tmpfs tmpfs /proc";
    let start = |options: &str| Guest::start_in_namespace(Openat2::Native, SCRIPT, Path::new("/"), options);
    start("")?;
    for (_, path) in INWARDS {
        let case = Case { path, read_only, is_inside: true };
        let answers = case.answers(None, &|options, _| start(options).expect("it was permitted before"));
        assert_eq!(answers, case.answers(None, &native), "`{path}`");
    }
    Ok(())
}

fn plain(name: &str) -> String {
    name.replace(", ", "-").replace(' ', "-")
}

fn grant_name(read_only: bool) -> &'static str {
    if read_only { "read-only" } else { "read-write" }
}

/// How a guest is started, with its options.
type Start<'a> = &'a dyn Fn(&str, &dyn Fn(&mut Command)) -> Guest;

fn native(options: &str, prepare: &dyn Fn(&mut Command)) -> Guest {
    Guest::start_with(options, prepare)
}

/// One path and one kind of grant, to be tried in all calls.
#[derive(Clone, Copy)]
struct Case {
    path: &'static str,
    read_only: bool,
    /// Paths that stay inside need only keep the promises; what they do is for `grants`.
    is_inside: bool,
}

impl Case {
    fn check(self, openat2: Openat2) {
        let start = |options: &str, prepare: &dyn Fn(&mut Command)| Guest::start_on(openat2, options, prepare);
        // Inside, the way alone makes a difference.
        let targets = if self.is_inside && openat2 != Openat2::Native { &TARGETS[..1] } else { &TARGETS };
        let answers: Vec<_> = targets.iter().map(|target| self.answers(*target, &start)).collect();
        for (other, target) in answers[1..].iter().zip(&TARGETS[1..]) {
            let what = format!("`{}`: the answer tells that outside there is {target:?}", self.path);
            assert_same(&answers[0], other, &what);
        }
        if !self.is_inside && !is_a_name(self.path) {
            for answer in &answers[0] {
                let succeeded = answer.contains(": errno 0") && !answer.starts_with("path_symlink (to)");
                assert!(!succeeded, "`{}` leads out: {answer}", self.path);
            }
        }
        if openat2 != Openat2::Native {
            let what = format!("`{}`: the answer tells how the path was followed", self.path);
            assert_same(&self.answers(None, &native), &answers[0], &what);
        }
    }
}

fn assert_same(first: &[String], second: &[String], what: &str) {
    let differences: Vec<_> = first.iter().zip(second).filter(|(first, second)| first != second).collect();
    assert!(differences.is_empty(), "{what}\n{differences:#?}");
}

/// Whether the path names something inside, if its last step is not followed.
fn is_a_name(path: &str) -> bool {
    !path.contains('/') && path != ".."
}

impl Case {
    /// All calls with one thing outside: a line for each answer.
    fn answers(self, target: Option<Node>, start: Start) -> Vec<String> {
        let Case { path, read_only, .. } = self;
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        // A link may lead to the temporary folder.
        let root = folder.path().canonicalize().expect("it is there");
        let place = |text: &str| text.replace('@', root.to_str().expect("temporary folders have plain names"));
        tree::make(&root, &[("box", Node::Dir), ("outside/neighbour.txt", Node::File(SECRET))]);
        if let Some(target) = target {
            tree::make(&root, &[("outside/target", target)]);
        }
        if target == Some(Node::Dir) {
            tree::make(&root, &[("outside/target/inner.txt", Node::File(SECRET))]);
        }
        let granted = root.join("box");
        fill(&granted, &place);
        let (outside, mut inside) = (tree::snapshot(&root, "box"), tree::snapshot(&granted, ""));
        let options = format!("--dir {}::/data{}", granted.display(), if read_only { "::ro" } else { "" });
        let mut guest = start(&options, &|command| {
            command.current_dir(&root);
        });
        prepare(&mut guest, &place(path));
        let mut answers = Vec::new();
        for call in calls() {
            let answer = describe(&mut guest, &call, &place(path));
            let after = tree::snapshot(&root, "box");
            assert_unchanged(&outside, &after, &format!("`{path}`, outside: {answer}"));
            assert!(
                !answer.contains(SECRET) && !answer.contains("neighbour"),
                "`{path}` shows what is outside: {answer}"
            );
            let after = tree::snapshot(&granted, "");
            if read_only {
                assert_unchanged(&inside, &after, &format!("`{path}`, inside: {answer}"));
            } else if inside != after {
                tree::clear(&granted);
                fill(&granted, &place);
                inside = tree::snapshot(&granted, "");
            }
            answers.push(answer);
        }
        answers
    }
}

/// A file that has names outside and inside is inside, too: it can be read. Below a read-only grant
/// neither it nor its names change.
fn hard_link(openat2: Openat2) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let root = folder.path().canonicalize().expect("it is there");
    tree::make(&root, &[("box/ok.txt", Node::File("fine")), ("box/sub", Node::Dir), ("outside", Node::File("shared"))]);
    std::fs::hard_link(root.join("outside"), root.join("box/hard")).expect("links can be made");
    let before = tree::snapshot(&root, "");
    let options = format!("--dir {}::/data::ro", root.join("box").display());
    let mut guest = Guest::start_on(openat2, &options, &|_| {});
    for path in ["hard", "sub/../hard"] {
        prepare(&mut guest, path);
        let mut n_read = 0;
        for call in calls() {
            let answer = describe(&mut guest, &call, path);
            assert_unchanged(&before, &tree::snapshot(&root, ""), &answer);
            n_read += usize::from(answer.contains("\"shared\""));
        }
        assert!(n_read > 0, "`{path}` can't be read");
    }
}

fn fill(granted: &Path, place: &impl Fn(&str) -> String) {
    for (name, node) in INSIDE {
        match node {
            Node::Link(target) => tree::make(granted, &[(name, Node::Link(&place(target)))]),
            node => tree::make(granted, &[(name, *node)]),
        }
    }
}

fn assert_unchanged(before: &Snapshot, after: &Snapshot, what: &str) {
    let differences = tree::differences(before, after);
    assert!(differences.is_empty(), "{what}\n{}", differences.join("\n"));
}

/// Puts the paths into the guest's memory.
pub fn prepare(guest: &mut Guest, path: &str) {
    guest.load(PATH, path.as_bytes());
    guest.load(FILE, b"ok.txt");
    guest.load(FOLDER, b"sub");
    guest.load(NEW, b"made");
    guest.load(PIECE, &[BUFFER.to_le_bytes(), BUFFER_SIZE.to_le_bytes()].concat());
}

/// Makes a call; what the guest learns from it.
pub fn describe(guest: &mut Guest, call: &Call, path: &str) -> String {
    let mut arguments = Vec::new();
    for argument in &call.arguments {
        match argument {
            Argument::Number(number) => arguments.push(*number),
            Argument::Path => arguments.extend([PATH.into(), path.len() as u64]),
            Argument::File => arguments.extend([FILE.into(), 6]),
            Argument::Folder => arguments.extend([FOLDER.into(), 3]),
            Argument::New => arguments.extend([NEW.into(), 4]),
            Argument::Result => arguments.push(RESULT.into()),
        }
    }
    let errno = guest.call(call.name, &arguments).errno();
    let mut text = format!("{} ({}): errno {errno}", call.name, call.detail);
    match call.name {
        _ if errno != 0 => {}
        "path_open" => show_opened(guest, &mut text),
        "path_filestat_get" => {
            let stat = guest.dump(RESULT, 64);
            write!(text, ", type {}, size {:?}", stat[16], &stat[32..40]).expect("a string takes everything");
        }
        "path_readlink" => {
            let length = guest.dump_u32(RESULT);
            let target = guest.dump(BUFFER, length);
            // The folder of the test is another one every time.
            let length = if target.starts_with(b"/tmp") { "some" } else { "that" };
            write!(text, ", {length} target").expect("a string takes everything");
        }
        _ => {}
    }
    text
}

/// Reads what was opened, both as a file and as a folder, and closes it.
fn show_opened(guest: &mut Guest, text: &mut String) {
    let descriptor = guest.dump_u32(RESULT).into();
    guest.load(BUFFER, &vec![0; BUFFER_SIZE as usize]);
    let read = guest.call("fd_read", &[descriptor, PIECE.into(), 1, RESULT.into()]).errno();
    let contents = guest.dump(BUFFER, 64);
    let contents = String::from_utf8_lossy(&contents);
    write!(text, ", read: errno {read}, {:?}", contents.trim_end_matches('\0')).expect("a string takes everything");
    let buffer = [descriptor, BUFFER.into(), BUFFER_SIZE.into(), 0, RESULT.into()];
    let listed = guest.call("fd_readdir", &buffer).errno();
    write!(text, ", list: errno {listed}").expect("a string takes everything");
    if listed == 0 {
        let length = guest.dump_u32(RESULT);
        let bytes = guest.dump(BUFFER, length);
        write!(text, ", {:?}", names(&bytes)).expect("a string takes everything");
    }
    assert_eq!(guest.call("fd_close", &[descriptor]).errno(), 0);
}

/// The names in a list of `$dirent`s, sorted.
pub fn names(mut bytes: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(24) {
        let length = u32::from_le_bytes(head[16..20].try_into().expect("four bytes")) as usize;
        let Some((name, rest)) = rest.split_at_checked(length) else { break };
        names.push(String::from_utf8_lossy(name).into_owned());
        bytes = rest;
    }
    names.sort();
    names
}
