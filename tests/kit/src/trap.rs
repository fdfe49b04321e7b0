//! Traps by kind: what our programs and wasmtime say of one, in the words of the specification's
//! test suite.

use crate::process::Outcome;

/// The messages of `wasi-shim`, each with what wasmtime says instead.
const KINDS: [(&str, &[&str]); 24] = [
    ("unreachable", &["wasm `unreachable` instruction executed"]),
    (
        "out of bounds memory access in a WASI call",
        &["Pointer out of bounds", "Pointer overflow", "Slice length overflow"],
    ),
    ("invalid argument of a WASI call", &["Invalid enum value", "Invalid flag value"]),
    ("out of bounds memory access", &[]),
    ("undefined element: out of bounds table access", &[]),
    ("out of bounds table access", &[]),
    ("uninitialized element", &[]),
    ("indirect call type mismatch", &[]),
    ("integer overflow", &[]),
    ("integer divide by zero", &[]),
    ("invalid conversion to integer", &[]),
    ("call stack exhausted", &[]),
    ("null reference", &[]),
    ("host address outside of linear memory", &[]),
    ("uncaught exception", &["thrown Wasm exception"]),
    ("null function reference", &[]),
    ("unaligned atomic", &[]),
    ("null structure reference", &[]),
    ("null array reference", &[]),
    ("null i31 reference", &[]),
    ("cast failure", &[]),
    ("out of bounds array access", &[]),
    ("out of memory for objects", &["GC heap out of memory", "allocation size too large"]),
    ("expected shared memory", &["atomic wait on non-shared memory"]),
];

/// The kind of trap that `text` speaks of.
pub fn kind(text: &str) -> Option<&'static str> {
    let told = |words: &str| text.contains(words);
    KINDS.iter().find(|(kind, others)| told(kind) || others.iter().any(|words| told(words))).map(|(kind, _)| *kind)
}

/// The trap that ended a program of ours.
pub fn of_program(outcome: &Outcome) -> Option<&'static str> {
    if outcome.status != 134 {
        return None;
    }
    kind(&outcome.stderr)
}

/// Whether a line is a program's report of the trap `name`: the program's name precedes it, and
/// what the runtime knows beyond the kind of trap may follow.
pub fn is_reported(line: &str, name: &str) -> bool {
    let message = line.split_once("wasm trap: ").and_then(|(_, message)| message.strip_prefix(name));
    message.is_some_and(|rest| rest.is_empty() || rest.starts_with(": "))
}

/// Whether `name` is the message of a trap.
pub fn is_known(name: &str) -> bool {
    KINDS.iter().any(|(kind, _)| *kind == name)
}

/// `trap` as far as wasmtime tells traps apart: it has one message for all accesses beyond the end
/// of a table, and one for all that is null.
pub fn coarse(trap: Option<&'static str>) -> Option<&'static str> {
    trap.map(|trap| match trap {
        "null function reference" | "null structure reference" | "null array reference" | "null i31 reference" => {
            "null reference"
        }
        _ => trap.trim_start_matches("undefined element: "),
    })
}
