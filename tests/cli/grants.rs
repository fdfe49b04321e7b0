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
        names_that_contain_the_separator,
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
    ("data::x::ro::y", &["data::x::ro"], "a name with `::` in it is written between quotation marks"),
    ("data::x::ro::", &["data::x::ro"], "a name with `::` in it is written between quotation marks"),
    (r#""a::b"::ro"#, &[r#""a::b"::"a::b"::ro"#, r#""a::b"::"/a::b"::ro"#], "for a read-only grant"),
    (r#""a::b"::x::rw"#, &[r#""a::b"::x"#], "a grant is read-write without `rw`"),
    (r#"data::"x:"::rw"#, &[r#"data::"x:""#], "a grant is read-write without `rw`"),
    (r#"data::":x"::"#, &[r#"data::/:x"#], "nothing follows the second `::`"),
    (r#""a::b"#, &["./NAME"], "a quotation mark has no end"),
    (r#""a"b::c"#, &["./NAME"], "a quotation mark has no end"),
    (r#"a::'b"#, &["./NAME"], "a quotation mark has no end"),
    (r#""""#, &["."], "the directory's name is empty"),
    (r#"data::"""#, &["data", "data::/data"], "the name after `::` is empty"),
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
        start(&folder, &format!("'--dir={}'", text.replace('\'', r"'\''"))).fails(2, &expected);
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

/// Quotation marks of either kind keep `::` in a name, of the host and of the guest, on both
/// command lines and when a program starts.
fn names_that_contain_the_separator() {
    const NAMES: [&str; 5] = ["a::b", "a:", "::", "\"q", "it's::\"x"];
    let files = NAMES.map(|name| (format!("{name}/{name}"), ""));
    let mut files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    files.push(("app.wat", DIR));
    let folder = Folder::with(&files);
    folder.wasm2native(&["app.wat", "-o", "app"]).succeeds();
    for (text, name) in [
        (r#""a::b""#, "a::b"),
        ("'a::b'", "a::b"),
        (r#""a::b"::/x"#, "/x"),
        (r#"'a::b'::x::ro"#, "x"),
        (r#""a::b"::"c::d"::ro"#, "c::d"),
        (r#""a::b"::"ro""#, "ro"),
        (r#""a:"::/x"#, "/x"),
        (r#""::"::":""#, ":"),
        (r#"'"q'"#, "\"q"),
        (r#"./"q"#, "./\"q"),
        (r#"'it's::"x'::/x"#, "/x"),
    ] {
        let word = format!("'{}'", text.replace('\'', r"'\''"));
        assert_eq!(start(&folder, &format!("--dir {word}")).succeeds().stdout, name, "{text}");
        assert_eq!(folder.wasm2native(&["run", "--dir", text, "app.wat"]).succeeds().stdout, name, "{text}");
        folder.wasm2native(&["app.wat", "-o", "granted", "--dir", text]).succeeds();
        let mut granted = process::program(folder.path("granted"));
        let granted = outcome(granted.current_dir(folder.path(".")).env_clear());
        assert_eq!(granted.succeeds().stdout, name, "{text}");
    }
    let embed = ["--embed", r#""a::b"::"c::d""#, "app.wat"];
    folder.wasm2native(&[&["-o", "app"][..], &embed].concat()).succeeds();
    assert_eq!(start(&folder, "").succeeds().stdout, "c::d");
    assert_eq!(folder.wasm2native(&[&["run"][..], &embed].concat()).succeeds().stdout, "c::d");
}

fn two_directories_have_two_names() {
    let folder = Folder::with(&[("args.wat", ARGS)]);
    for (twice, name) in [
        (["--dir=a::/x", "--dir=b::/x::ro"], "/x"),
        (["--dir=a::/x", "--embed=b::/x"], "/x"),
        (["--embed=b::/x", "--embed=a::/x"], "/x"),
        (["--dir=a::/tmp", "--tmp"], "/tmp"),
        (["--dev", "--embed=a::/dev"], "/dev"),
    ] {
        let message = &format!("two directories have the name {name}")[..];
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
