//! Commands of documents that this suite does not run, each with the reason.

use crate::document::{Block, Document};

/// Document, beginning of the command, reason.
const EXEMPT: [(&str, &str, &str); 14] = [
    ("README", "CARGO_TARGET_WASM32_WASIP1_RUNNER", "needs a package; `builds` has one"),
    ("cache", "cargo build", "compiles the compiler for minutes"),
    ("cache", "wasm2native app.wasm --cache redis:", "needs a server; `cargo test --test cli -- remote_cache` has one"),
    ("debugging", "wasm2native -g", "ends in gdb; `cargo test --test debug` has sessions"),
    ("debugging", "cot build -g", "likewise"),
    ("gallery", "", "needs packages of PyPI and npm; `benches/gallery.py` has them, and runs it"),
    ("gc", "python3 benches/objects", "needs packages of PyPI and npm, and takes minutes"),
    ("generators", "W2N_GENERATOR=llvm cargo test", "takes minutes; `.ci/run` runs it"),
    (
        "profile",
        "wasm2native json.wasm",
        "needs a clang; `cargo test --test cli -- profile` tries it where there is one",
    ),
    (
        "generators",
        "wasm2native mod.wasm",
        "needs a clang; `cargo test --test cli -- generator` tries it where there is one",
    ),
    ("speed", "cargo bench", "takes an hour"),
    (
        "targets",
        "wasm2native app.wasm helper.o",
        "needs another machine's libraries; `cargo test --test cli -- target` makes some",
    ),
    (
        "targets",
        "zig cc -target",
        "needs a host's file in C; `cargo test --test objects` runs objects for these processors",
    ),
    ("targets", "cargo rustc", "compiles the compiler for minutes"),
];

/// Why a command is not run, if it is not.
pub fn reason(document: &str, command: &str) -> Option<&'static str> {
    let is_it = |(name, begins, _): &&(&str, &str, &str)| *name == document && command.starts_with(begins);
    EXEMPT.iter().find(is_it).map(|(.., reason)| *reason)
}

/// Each exemption is for a command that a document still shows.
pub fn check(documents: &[Document]) {
    for (name, begins, _) in EXEMPT {
        let document = documents.iter().find(|document| document.name == name);
        let blocks = document.into_iter().flat_map(|document| &document.blocks);
        let mut commands = blocks.flat_map(|block| match block {
            Block::Console(commands) => &commands[..],
            _ => &[],
        });
        assert!(commands.any(|command| command.text.starts_with(begins)), "{name}: `{begins}` is not shown any more");
    }
}
