//! `--dir HOST[::GUEST[::ro]]`: what a grant means, and what is said of a text that is not one. The
//! command, `run` and the program itself read the same text.

use crate::{ARGS, DIR};
use libtest_mimic::Trial;
use test_kit::folder::Folder;
use test_kit::process::{self, Outcome, outcome};
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["grants":
        what_is_not_a_grant_is_told_with_what_to_write,
        names_that_look_like_modes,
        two_directories_have_two_names,
        embedded_trees_have_no_mode,
    ]
}

/// Texts that are not grants. Then all that the message says to write instead, and a part of its
/// other words.
const REFUSED: &[(&str, &[&str], &str)] = &[
    ("data::ro", &["data::data::ro", "data::/data::ro", "data::/ro", "data::./ro"], "for a read-only grant"),
    ("data::RO", &["data::data::ro", "data::/data::ro", "data::/RO", "data::./RO"], "for a read-only grant"),
    ("data:::ro", &["data::data::ro", "data::/data::ro", "data::/ro", "data::./ro"], "for a read-only grant"),
    ("data::read-only", &["data::data::ro", "data::/data::ro"], "`read-only` is in the place of the guest's name"),
    ("/srv/data/::ro", &["/srv/data/::/srv/data/::ro", "/srv/data/::/data::ro"], "for a read-only grant"),
    ("/data::ro", &["/data::/data::ro"], "for a read-only grant"),
    ("..::ro", &["..::..::ro", "..::/::ro"], "for a read-only grant"),
    ("/::ro", &["/::/::ro"], "for a read-only grant"),
    ("ro::ro", &["ro::ro::ro", "ro::/ro::ro", "ro::/ro"], "for a read-only grant"),
    ("data::rw", &["data", "data::/data", "data::/rw", "data::./rw"], "for a read-write grant write"),
    ("data::x::rw", &["data::x"], "a grant is read-write without `rw`"),
    ("data::ro::rw", &["data::/ro"], "a grant is read-write without `rw`"),
    ("data::x::RO", &["data::x::ro"], "the mode `RO` is written `ro`"),
    ("data::x::", &["data::x", "data::x::ro"], "nothing follows the second `::`"),
    ("data::x::r", &["data::x", "data::x::ro"], "only `ro` is known, not `r`"),
    ("data::x::ro::y", &["data::x::ro"], "no name contains `::`"),
    ("data::x::ro::", &["data::x::ro"], "no name contains `::`"),
    ("data:::x", &["data::x"], "only two colons"),
    ("data:::x::ro", &["data::x::ro"], "only two colons"),
    ("data::", &["data", "data::/data"], "the name after `::` is empty"),
    ("data:::", &["data", "data::/data"], "the name after `::` is empty"),
    ("data::::ro", &["data::data::ro", "data::/data::ro"], "the name after `::` is empty"),
    ("::x", &["."], "the directory's name is empty"),
    ("::", &["."], "the directory's name is empty"),
    ("a\u{1b}b::ro", &[r"a\u{1b}b::/a\u{1b}b::ro"], "for a read-only grant"),
];

/// A text that is not a grant is an error on both command lines and when a program starts, before
/// anything is opened. What the message says to write is a grant.
fn what_is_not_a_grant_is_told_with_what_to_write() {
    let folder = Folder::with(&[("args.wat", ARGS)]);
    folder.wasm2native(&["args.wat", "-o", "app"]).succeeds();
    for (text, instead, words) in REFUSED {
        let quoted: Vec<_> = instead.iter().map(|it| format!("`{it}`")).collect();
        let expected: Vec<&str> = quoted.iter().map(String::as_str).chain([*words]).collect();
        folder.wasm2native(&["args.wat", "-o", "refused", "--dir", text]).fails(2, &expected);
        folder.wasm2native(&["run", "--dir", text, "args.wat"]).fails(2, &expected);
        start(&folder, &format!("--dir={text}")).fails(2, &expected);
        for grant in instead.iter().filter(|grant| !grant.contains('\\')) {
            folder.wasm2native(&["args.wat", "-o", "granted", "--dir", grant]).succeeds();
        }
    }
    folder.wasm2native(&["args.wat", "--dir", ""]).fails(2, &["the directory's name is empty"]);
    assert!(!folder.list(".").contains("refused"));
}

/// Starts `app` with options.
fn start(folder: &Folder, options: &str) -> Outcome {
    let mut command = process::program(folder.path("app"));
    outcome(command.current_dir(folder.path(".")).env_clear().env("WASM2NATIVE_OPTIONS", options))
}

/// Names that look like a mode can be given where they can't be taken for one.
fn names_that_look_like_modes() {
    let folder = Folder::with(&[("app.wat", DIR), ("ro/file", ""), ("data/file", "")]);
    folder.wasm2native(&["app.wat", "-o", "app"]).succeeds();
    for (text, name) in [
        ("data::/ro", "/ro"),
        ("data::./ro", "./ro"),
        ("data::ro::ro", "ro"),
        ("data::rw::ro", "rw"),
        ("ro", "ro"),
        ("data::rot", "rot"),
        ("data::ro/", "ro/"),
        ("data::x:y", "x:y"),
    ] {
        assert_eq!(start(&folder, &format!("--dir {text}")).succeeds().stdout, name, "{text}");
        assert_eq!(folder.wasm2native(&["run", "--dir", text, "app.wat"]).succeeds().stdout, name, "{text}");
    }
    start(&folder, "--dir /nowhere-at-all::b::ro").fails(1, &["cannot open directory `/nowhere-at-all`"]);
}

fn two_directories_have_two_names() {
    let folder = Folder::with(&[("args.wat", ARGS)]);
    for twice in
        [["--dir=a::/x", "--dir=b::/x::ro"], ["--dir=a::/x", "--embed=b::/x"], ["--embed=b::/x", "--embed=a::/x"]]
    {
        let message = "two directories have the name /x";
        folder.wasm2native(&[&["args.wat"], &twice[..]].concat()).fails(2, &[message]);
        folder.wasm2native(&[&["run"], &twice[..], &["args.wat"]].concat()).fails(2, &[message]);
    }
}

/// What a program carries is read-only without a word for it.
fn embedded_trees_have_no_mode() {
    let folder = Folder::with(&[("app.wat", DIR), ("data/file", "")]);
    for text in ["data::/x::ro", "data:::x", "data::", "::x", "data"] {
        let message = "expected HOST::GUEST, two names of directories";
        folder.wasm2native(&["app.wat", "--embed", text]).fails(2, &[message]);
        folder.wasm2native(&["run", "--embed", text, "app.wat"]).fails(2, &[message]);
    }
    folder.wasm2native(&["app.wat", "-o", "app", "--embed", "data::ro"]).succeeds();
    assert_eq!(start(&folder, "").succeeds().stdout, "ro");
    assert_eq!(folder.wasm2native(&["run", "--embed", "data::ro", "app.wat"]).succeeds().stdout, "ro");
}
