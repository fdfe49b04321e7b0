//! `--instances`: a library of which a host has as many as it likes.

use crate::{generators, host};
use anyhow::Result;
use libtest_mimic::Trial;
use std::time::Duration;
use test_kit::trial::Skip;
use test_kit::{process, target, trials};

pub fn trials() -> Vec<Trial> {
    trials!["instances":
        each_has_its_own_state,
        each_is_interrupted_alone,
        what_is_refused_takes_nothing,
        inspect_shows_what_an_instance_is_given,
        programs_and_other_languages_have_none,
        names_of_exports_are_told_from_functions_of_the_library,
    ]
}

/// Two hundred at once, on several threads, given back and taken again, and with what they are made
/// from in memory or not.
fn each_has_its_own_state() -> Result<()> {
    let folder = host("cc", &["instances.wat", "instances.c"])?;
    // An emulator takes its time to map memories.
    let n = if target::is_foreign() { "32" } else { "200" };
    for flags in generators() {
        let form = ["instances.wat", "--instances", "--prefix", "lib"];
        folder.builds(
            &[flags, &form, &["--emit", "staticlib=lib.a,sharedlib=lib.so,obj=lib.o,header=library.h"]].concat(),
        );
        folder.cc(&["instances.c", "lib.a", "-pthread", "-o", "static"]);
        folder.cc(&[
            "-Wall",
            "-Werror",
            "instances.c",
            "-rdynamic",
            "lib.so",
            "-Wl,-rpath,$ORIGIN",
            "-pthread",
            "-o",
            "shared",
        ]);
        for (host, arguments) in
            [("static", &[n][..]), ("static", &[n, "no-files"]), ("static", &[n, "small-files"]), ("shared", &[n])]
        {
            let out = folder.program(host, arguments);
            assert_eq!((out.stdout.as_str(), out.status), ("ok\n", 0), "{host} {arguments:?} {flags:?} {out:#?}");
            let messages = "library `lib`: an instance was freed twice\n\
                            library `lib`: a running instance can't be freed\n\
                            library `lib` can't be configured: it asks for something that the library's version of \
                            wasm2native does not know\n\
                            library `lib` can't be configured: its `size` is not sizeof(w2n_config)\n";
            assert_eq!(out.stderr, messages, "{host} {arguments:?} {flags:?}");
        }
    }
    Ok(())
}

fn each_is_interrupted_alone() -> Result<()> {
    let folder = host("cc", &["instances.wat", "instances_interrupt.c"])?;
    let form = ["instances.wat", "--instances", "--interruptible", "--prefix", "lib"];
    folder.builds(&[&form[..], &["--emit", "staticlib=lib.a,header=library.h"]].concat());
    folder.cc(&["instances_interrupt.c", "lib.a", "-pthread", "-o", "host"]);
    folder.program("host", &[]).prints("1 interrupted\n0 0 0\n1 0\n");
    Ok(())
}

/// By a limit, and by the system: an instance that was refused for want of memory is not given out
/// half made, nor noted twice, which was a loop without end at the next trap.
fn what_is_refused_takes_nothing() -> Result<()> {
    if process::is_emulated() {
        return Err(Skip::Reason("an emulator does not limit address space".to_owned()).into());
    }
    let folder = host("cc", &["instances.wat", "instances_refused.c"])?;
    let form = ["instances.wat", "--instances", "--prefix", "lib"];
    folder.builds(&[&form[..], &["--emit", "staticlib=lib.a,header=library.h"]].concat());
    folder.cc(&["instances_refused.c", "lib.a", "-o", "host"]);
    let outcome = process::with_time(Duration::from_secs(60), || folder.program("host", &[]));
    let whole = "b 1 19\n";
    let expected = ["none\n", "none\n", "none\n", whole, whole, "none\n", whole, whole].concat();
    assert_eq!((outcome.stdout.as_str(), outcome.status), (expected.as_str(), 0), "{outcome:#?}");
    Ok(())
}

fn inspect_shows_what_an_instance_is_given() -> Result<()> {
    let folder = host("cc", &["instances.wat"])?;
    folder.builds(&["instances.wat", "--instances", "--dir", "/tmp::/data", "--emit", "sharedlib=lib.so"]);
    let text = folder.wasm2native(&["inspect", "lib.so"]).succeeds().stdout;
    for word in ["/tmp", "/data", "fd_write", "host"] {
        assert!(text.contains(word), "no {word} in {text}");
    }
    Ok(())
}

fn programs_and_other_languages_have_none() -> Result<()> {
    let folder = host("cc", &["instances.wat"])?;
    folder
        .wasm2native(&["instances.wat", "--instances", "--invoke", "late", "-o", "it"])
        .fails(1, &["--instances is for libraries: a program is its only instance"]);
    folder
        .wasm2native(&["instances.wat", "--instances", "--profile-generate", "--emit", "obj"])
        .fails(1, &["--profile-generate counts in libraries without --instances"]);
    for form in ["rust", "c++"] {
        folder
            .wasm2native(&["instances.wat", "--instances", "--emit", form])
            .fails(1, &["a library with instances (--instances) has declarations for C alone"]);
    }
    Ok(())
}

fn names_of_exports_are_told_from_functions_of_the_library() -> Result<()> {
    let folder = host("cc", &[])?;
    let exports = ["new", "free", "instance", "init", "x"].map(|name| format!("(func (export \"{name}\"))")).concat();
    folder.write("it.wat", format!("(module {exports})").as_bytes());
    folder.builds(&["it.wat", "--instances", "--emit", "header,obj"]);
    let header = String::from_utf8(folder.read("it.h"))?;
    for line in [
        "it_instance *it_new(const w2n_config *config);",
        "void it_free(it_instance *instance);",
        "void it_export_new(it_instance *instance);",
        "void it_export_free(it_instance *instance);",
        "void it_export_instance(it_instance *instance);",
        "void it_x(it_instance *instance);",
    ] {
        assert!(header.contains(line), "no {line} in {header}");
    }
    Ok(())
}
