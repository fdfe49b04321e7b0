//! Outputs that are not files: devices, pipes, sockets, open descriptors, and links to them or to
//! files. They are written through, and never replaced.

use crate::{ANSWER, INVALID};
use anyhow::Result;
use libtest_mimic::Trial;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{FileTypeExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use test_kit::folder::Folder;
use test_kit::process::{self, Outcome, outcome, run_as_is};
use test_kit::tool;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["special":
        every_form_goes_through_links_to_standard_output,
        standard_output_is_written_where_it_is,
        other_descriptors_are_files_that_are_written_to,
        devices_pipes_and_sockets_are_written_to,
        what_fails_writes_nothing_through,
        a_link_to_a_file_stays_a_link,
        the_object_is_kept_though_nothing_lies_beside_a_device,
        a_library_without_a_file_is_called_after_the_module,
        a_c_compiler_s_program_goes_through_too,
        cot_writes_through,
    ]
}

/// Flags for every form, and how what they make begins.
const FORMS: [(&str, &str); 10] = [
    ("exe", "\x7fELF"),
    ("obj", "\x7fELF"),
    ("asm", ""),
    ("clif", "; "),
    ("wat", "(module"),
    ("header", "/*"),
    ("rust", "//"),
    ("c++", "/*"),
    ("staticlib", "!<arch>\n"),
    ("sharedlib", "\x7fELF"),
];

/// A folder with a module, a program in Cot, and what `/dev` has: here a mistake harms no machine.
fn folder() -> Folder {
    let folder = Folder::with(&[("a.wat", ANSWER), ("a.cot", "fn main() i64 { return 42 }\n"), ("below/keep", "")]);
    folder.device("dev-null");
    folder.device("dev-full");
    for (link, target) in
        [("stdout", "/proc/self/fd/1"), ("below/again", "../stdout"), ("null", "dev-null"), ("full", "dev-full")]
    {
        symlink(target, folder.path(link)).expect("links can be made");
    }
    folder
}

fn is_link(folder: &Folder, name: &str) -> bool {
    std::fs::symlink_metadata(folder.path(name)).expect("it is still there").is_symlink()
}

/// What a command writes to standard output.
#[track_caller]
fn bytes(mut command: Command) -> Vec<u8> {
    outcome(&mut command).succeeds().stdout.as_bytes().to_vec()
}

fn every_form_goes_through_links_to_standard_output() {
    let folder = folder();
    let before = folder.list(".");
    for (form, start) in FORMS {
        let expected = bytes(folder.command(&["-q", "a.wat", "--emit", form, "-o", "-"]));
        assert!(expected.starts_with(start.as_bytes()) && expected.len() > 20, "{form}");
        for output in ["stdout", "below/again", "/dev/fd/1", "/proc/self/fd/1"] {
            for args in [["--emit", form, "-o", output], ["-q", "-q", "--emit", &format!("{form}={output}")]] {
                let command = folder.command(&[&["-q", "a.wat"][..], &args].concat());
                assert!(bytes(command) == expected, "{form} to {output}");
            }
        }
        assert_eq!(folder.list("."), before, "{form}");
    }
    assert!(is_link(&folder, "stdout") && is_link(&folder, "below/again"));
    for (short, form) in [("-c", "obj"), ("-S", "asm")] {
        let command = folder.command(&["a.wat", short, "-o", "stdout"]);
        let long = folder.command(&["a.wat", "--emit", form, "-o", "-"]);
        assert!(bytes(command) == bytes(long), "{short}");
    }
}

fn standard_output_is_written_where_it_is() {
    let folder = folder();
    for output in ["stdout", "/dev/fd/1", "/proc/self/fd/1", "-"] {
        let mut file = File::options().read(true).write(true).create_new(true).open(folder.path("out")).expect("new");
        file.write_all(b"before").expect("it is ours");
        let mut command = folder.command(&["-c", "a.wat", "-o", output]);
        command.stdout(file.try_clone().expect("it can be shared"));
        // Neither has it to have a name.
        if output == "stdout" {
            std::fs::remove_file(folder.path("out")).expect("it is ours");
        }
        let status = run_as_is(&mut command).status;
        assert_eq!(status, 0, "{output}");
        file.write_all(b"after").expect("it is ours");
        let mut text = Vec::new();
        file.rewind().expect("it is a file");
        file.read_to_end(&mut text).expect("it can be read");
        assert!(text.starts_with(b"before\x7fELF") && text.ends_with(b"after"), "{output}: {} bytes", text.len());
        let _ = std::fs::remove_file(folder.path("out"));
    }
    // A socket can't be opened by a name, even as /dev/stdout.
    let (mut reader, writer) = UnixStream::pair().expect("sockets can be made");
    let mut command = folder.command(&["-S", "a.wat", "-o", "stdout"]);
    let mut child = command.stdout(Stdio::from(std::os::fd::OwnedFd::from(writer))).spawn().expect("it starts");
    drop(command);
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("assembly is text");
    let status = process::finish(&mut child).expect("it ends").status;
    assert!(status == 0 && text.contains("ret"), "{text}");
}

fn other_descriptors_are_files_that_are_written_to() {
    let folder = folder();
    let binary = env!("CARGO_BIN_EXE_wasm2native");
    let shell = |script: &str| {
        outcome(Command::new("sh").args(["-c", script, binary]).current_dir(folder.path(".")).env_clear())
    };
    folder.write("three", "x".repeat(100_000));
    shell("exec \"$0\" -S a.wat -o /dev/fd/3 3<>three").succeeds();
    let text = std::fs::read_to_string(folder.path("three")).expect("assembly is text");
    assert!(text.contains("ret") && !text.contains("xxx"), "{text}");
    shell("exec \"$0\" -S a.wat -o /dev/fd/9").fails(1, &["error: a.wat: can't write /dev/fd/9: "]);
    shell("exec \"$0\" -S a.wat -o stdout >&-").fails(1, &["can't write to standard output: Bad file descriptor"]);
    let error = shell("exec \"$0\" -S a.wat -o /proc/self/fd/2");
    assert!(error.status == 0 && error.stderr.contains("ret"), "{error:?}");
}

fn devices_pipes_and_sockets_are_written_to() {
    let folder = folder();
    let one_message = |out: Outcome, text: &str| {
        let out = out.fails(1, &["error: ", text]);
        assert_eq!(out.stderr.lines().count(), 1, "{out:?}");
    };
    for (form, _) in FORMS {
        folder.wasm2native(&["-q", "a.wat", "--emit", form, "-o", "null"]).succeeds();
        folder.wasm2native(&["-q", "a.wat", "--emit", form, "-o", "dev-null"]).succeeds();
        one_message(folder.wasm2native(&["a.wat", "--emit", form, "-o", "full"]), "can't write full: No space left");
    }
    one_message(
        outcome(folder.command(&["-S", "a.wat", "-o", "dev-full", "-q"]).stdin(Stdio::null())),
        "can't write dev-full: No space left",
    );
    let socket = UnixListener::bind(folder.path("socket")).expect("sockets can be made");
    symlink("socket", folder.path("to-socket")).expect("links can be made");
    for name in ["socket", "to-socket"] {
        one_message(folder.wasm2native(&["a.wat", "-o", name]), &format!("can't write {name}: No such device"));
    }
    drop(socket);
    assert_eq!(outcome(Command::new("mkfifo").arg(folder.path("pipe"))).status, 0);
    symlink("pipe", folder.path("to-pipe")).expect("links can be made");
    for name in ["pipe", "to-pipe"] {
        for command in [folder.command(&["a.wat", "-o", name]), folder.cot_command(&["build", "a.cot", "-o", name])] {
            let pipe = folder.path("pipe");
            let reader = std::thread::spawn(move || std::fs::read(pipe).expect("it can be read"));
            outcome(&mut { command }).succeeds();
            let program = reader.join().expect("it reads");
            assert!(program.starts_with(b"\x7fELF"), "{name}");
        }
    }
    for (name, is_kind) in
        [("pipe", FileTypeExt::is_fifo as fn(&std::fs::FileType) -> bool), ("socket", FileTypeExt::is_socket)]
    {
        assert!(
            is_kind(&std::fs::symlink_metadata(folder.path(name)).expect("it is still there").file_type()),
            "{name}"
        );
    }
    for device in ["dev-null", "dev-full"] {
        assert!(std::fs::metadata(folder.path(device)).expect("it is still there").file_type().is_char_device());
    }
    for link in ["null", "full", "to-pipe", "to-socket"] {
        assert!(is_link(&folder, link), "{link}");
    }
}

fn what_fails_writes_nothing_through() {
    let folder = folder();
    folder.write("a.wat", INVALID);
    let out = folder.wasm2native(&["a.wat", "-o", "stdout"]).fails(1, &["error: a.wat: "]);
    assert_eq!(out.stdout, "");
}

fn a_link_to_a_file_stays_a_link() {
    let folder = folder();
    folder.write("below/file", "old");
    folder.write("hard", "kept");
    std::fs::remove_file(folder.path("below/file")).expect("it is ours");
    std::fs::hard_link(folder.path("hard"), folder.path("below/file")).expect("links can be made");
    for (link, target) in [("one", "below/two"), ("below/two", "file"), ("dangling", "below/new"), ("loop", "loop")] {
        symlink(target, folder.path(link)).expect("links can be made");
    }
    symlink(folder.path("below/absolute"), folder.path("to-absolute")).expect("links can be made");
    symlink("nowhere/file", folder.path("to-nowhere")).expect("links can be made");
    for (link, file) in [("one", "below/file"), ("dangling", "below/new"), ("to-absolute", "below/absolute")] {
        folder.wasm2native(&["a.wat", "-o", link]).succeeds();
        assert!(is_link(&folder, link) && !is_link(&folder, file));
        assert_eq!(folder.program(file, &[]).status, 42, "{link}");
    }
    // It was replaced, not written to: others have what they had.
    assert_eq!(std::fs::read_to_string(folder.path("hard")).expect("it is there"), "kept");
    folder.wasm2native(&["a.wat", "-o", "loop"]).fails(1, &["error: a.wat: can't write loop: Too many levels"]);
    folder
        .wasm2native(&["a.wat", "-o", "to-nowhere"])
        .fails(1, &["can't write to-nowhere: there is no folder nowhere"]);
    symlink("a.wat", folder.path("to-input")).expect("links can be made");
    folder.wasm2native(&["a.wat", "-o", "to-input"]).fails(2, &["to-input is the input"]);
    // `cot fmt` writes to the file as well.
    symlink("a.cot", folder.path("link.cot")).expect("links can be made");
    outcome(&mut folder.cot_command(&["fmt", "link.cot"])).succeeds();
    assert!(is_link(&folder, "link.cot"));
}

fn the_object_is_kept_though_nothing_lies_beside_a_device() {
    let folder = folder();
    let before = folder.list(".");
    let out = folder.wasm2native(&["a.wat", "--keep", "-o", "stdout"]).succeeds();
    assert!(out.stdout.starts_with("\x7fELF") && out.stderr.starts_with("ld "), "{}", out.stderr);
    let mut expected = before;
    expected.insert("a.o".to_owned());
    assert_eq!(folder.list("."), expected);
    // It takes the place of nothing that is read or written.
    for args in [["a.wat", "a.o", "-o", "a"], ["a.wat", "a.o", "-o", "stdout"]] {
        folder.wasm2native(&[&["--keep"][..], &args].concat()).fails(2, &["a.o is the input"]);
    }
    folder.wasm2native(&["a.wat", "--keep", "--emit", "exe=a,obj=a.o"]).fails(2, &["would both become a.o"]);
}

fn a_library_without_a_file_is_called_after_the_module() {
    let folder = folder();
    let library = bytes(folder.command(&["a.wat", "--emit", "sharedlib", "-o", "stdout"]));
    let elf = goblin::elf::Elf::parse(&library).expect("it is an ELF file");
    assert_eq!(elf.soname, Some("a.so"));
}

fn a_c_compiler_s_program_goes_through_too() -> Result<()> {
    let folder = folder();
    tool::require("cc")?;
    let out = folder.wasm2native(&["-q", "a.wat", "--linker", "cc", "-o", "stdout"]).succeeds();
    assert!(out.stdout.starts_with("\x7fELF") && is_link(&folder, "stdout"));
    Ok(())
}

fn cot_writes_through() {
    let folder = folder();
    let cot = |args: &[&str]| folder.cot_command(args);
    for form in ["tokens", "ast", "ir", "ssa", "wat", "wasm"] {
        let expected = bytes(cot(&["build", "a.cot", "--emit", form]));
        assert!(!expected.is_empty(), "{form}");
        for output in ["stdout", "below/again", "/dev/fd/1", "-"] {
            assert!(bytes(cot(&["build", "a.cot", "--emit", form, "-o", output])) == expected, "{form} to {output}");
        }
    }
    for args in
        [&["a.cot", "-o", "stdout"][..], &["a.cot", "-o", "-"], &["build", "--target=wasi", "a.cot", "-o", "stdout"]]
    {
        assert!(bytes(cot(args)).starts_with(if args.len() == 3 { b"\x7fELF" } else { b"\0asm" }), "{args:?}");
    }
    assert!(is_link(&folder, "stdout") && !folder.path("-").exists());
    let full =
        outcome(&mut folder.cot_command(&["a.cot", "-o", "full"])).fails(1, &["can't write full: No space left"]);
    assert_eq!(full.stderr.lines().count(), 1);
    assert!(is_link(&folder, "full"));
}
