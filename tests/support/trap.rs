//! Traps by kind: what our programs and wasmtime say of one, in the words of the specification's test suite.

use super::process::Outcome;

/// The messages of `wasi-shim/src/abi.rs`. Where wasmtime says it in other words, these follow.
const KINDS: [(&str, &[&str]); 12] = [
    ("unreachable", &["wasm `unreachable` instruction executed"]),
    ("out of bounds memory access", &[]),
    ("out of bounds table access", &["undefined element: out of bounds table access"]),
    ("uninitialized element", &[]),
    ("indirect call type mismatch", &[]),
    ("integer overflow", &[]),
    ("integer divide by zero", &[]),
    ("invalid conversion to integer", &[]),
    ("call stack exhausted", &[]),
    ("null reference", &[]),
    ("unaligned atomic", &[]),
    ("out of bounds segment", &[]),
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
    kind(&String::from_utf8_lossy(&outcome.stderr))
}

/// Whether `name` is the message of a trap.
pub fn is_known(name: &str) -> bool {
    KINDS.iter().any(|(kind, _)| *kind == name)
}

/// Whether both are the same trap. Ours tells a segment that does not fit from an access that does not; wasmtime does not.
pub fn alike(ours: Option<&str>, theirs: Option<&str>) -> bool {
    let segment = ours == Some("out of bounds segment");
    ours == theirs || (segment && theirs.is_some_and(|kind| kind.starts_with("out of bounds")))
}
