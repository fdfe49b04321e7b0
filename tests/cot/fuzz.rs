//! No input makes the frontend panic: random bytes, random tokens, and sound programs with pieces
//! changed. What is accepted becomes a valid module.
//!
//! The targets are driven by bolero, as those of `tests/fuzz`, and take ten seconds each (with
//! `W2N_FULL=1`, 60). `BOLERO_RANDOM_TEST_TIME_MS` is another time, and `BOLERO_RANDOM_SEED=N`
//! repeats a failure. An input that makes the frontend panic stays in the folder of temporary
//! files, and belongs in `fixtures/cot/errors` afterwards.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use bolero::check;
use libtest_mimic::Trial;
use test_kit::trial::trial;
use wasm2native::cot::check;
use wasm2native::cot::load::load_bytes;
use wasm2native::cot::lower::{Host, LowerOptions, lower};
use wasm2native::cot::query::Program;
use wasm2native::cot::query::complete::{self, Place};
use wasm2native::cot::source::Sources;
use wasm2native::cot::{diagnostic, emit, library, parse, scan, ssa, with_large_stack};

use crate::source::{fixtures, options};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("fuzz-bytes", || fuzz("bytes", bytes, check_program)),
        trial("fuzz-tokens", || fuzz("tokens", tokens, check_program)),
        trial("fuzz-names", || fuzz("names", tokens, look_at_names)),
        trial("fuzz-format", || fuzz("format", spaces, check_format)),
    ]
}

/// Choices that the driver's bytes make, and, when they are used up, numbers that follow from them
/// (SplitMix64).
struct Choices<'a> {
    bytes: std::slice::ChunksExact<'a, u8>,
    state: u64,
}

impl Choices<'_> {
    fn new(bytes: &[u8]) -> Choices<'_> {
        let state = bytes.iter().fold(0, |state: u64, byte| state.wrapping_mul(257).wrapping_add(u64::from(*byte)));
        Choices { bytes: bytes.chunks_exact(2), state }
    }

    fn next(&mut self) -> u64 {
        if let Some(&[low, high]) = self.bytes.next() {
            return u16::from_le_bytes([low, high]).into();
        }
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Less than `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

fn corpus() -> Vec<Vec<u8>> {
    let files = ["errors", "check", "ast", "run"].into_iter().flat_map(fixtures);
    let files = files.map(|path| std::fs::read(&path).expect("fixtures can be read"));
    files.chain(library::MODULES.iter().map(|(_, source)| source.as_bytes().to_vec())).collect()
}

type Make = fn(&mut Choices, &[Vec<u8>]) -> Vec<u8>;

fn fuzz(kind: &'static str, make: Make, run: fn(&[u8])) -> Result<()> {
    let time = Duration::from_secs(if test_kit::trial::is_full() { 60 } else { 10 });
    let place = std::env::temp_dir().join(format!("cot-fuzz-{kind}-{}.cot", std::process::id()));
    let corpus = corpus();
    with_large_stack(|| {
        check!().with_test_time(time).for_each(|choices: &[u8]| {
            let input = make(&mut Choices::new(choices), &corpus);
            // Written before, since an overflow of the stack can't be caught.
            std::fs::write(&place, &input).expect("there is space for an input");
            run(&input);
        });
    });
    Ok(std::fs::remove_file(&place)?)
}

fn check_program(input: &[u8]) {
    let loaded = load_bytes("fuzz.cot", Some(Path::new("fuzz.cot")), input.to_vec(), &Default::default());
    match check::check(&loaded, &options()) {
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty(), "a program was refused without a reason");
            diagnostic::render(&loaded.sources, &diagnostics, false);
        }
        Ok(program) => {
            let lowering = LowerOptions {
                host: Host::Native,
                release: false,
                debug: false,
                fail_fast: false,
                leaks: false,
                is_styled: false,
                iterations: 0,
                has_shims: true,
            };
            // What is too large for a memory is refused.
            let Ok(mut module) = lower(&program, &loaded.sources, &lowering) else { return };
            ssa::build(&mut module);
            let emit::Emitted { wasm, .. } = emit::emit(&module);
            wasmparser::validate(&wasm).expect("the module of a sound program is valid");
        }
    }
}

/// What editors ask: each name what it is, one place what could stand there.
fn look_at_names(input: &[u8]) {
    let load = |text: Vec<u8>| load_bytes("fuzz.cot", Some(Path::new("fuzz.cot")), text, &Default::default());
    let loaded = load(input.to_vec());
    let Some(file) = loaded.files.last().map(|it| it.id) else { return };
    let program = Program::new(loaded, &options(), None);
    let tokens = scan::scan(file, program.source(file)).tokens;
    for name in tokens.iter().map(|it| it.span) {
        program.hover(name);
        program.definitions(name);
    }
    for token in tokens.iter().step_by(tokens.len() / 4 + 1) {
        let _ = program.rename(token.span, "other");
    }
    let offset = tokens[input.len() % tokens.len()].span.end;
    if let Some(Place::Name { start, end, kind }) = complete::place(file, program.source(file), offset) {
        let loaded = load(complete::marked(input, start, end));
        Program::new(loaded, &options(), Some(complete::MARKER)).completions(kind);
    }
}

/// What parses can be formatted.
fn check_format(input: &[u8]) {
    let mut sources = Sources::default();
    let id = sources.add("fuzz.cot".to_owned(), None, input.to_vec());
    if parse::parse(id, sources.get(id)).1.is_empty() {
        crate::format::check(input).unwrap_or_else(|fault| panic!("{fault}"));
    }
}

/// Declarations of a program, with other spaces, line breaks and comments between their tokens, and
/// a few tokens changed.
fn spaces(random: &mut Choices, corpus: &[Vec<u8>]) -> Vec<u8> {
    let pieces = pieces_of(&corpus[random.below(corpus.len())]);
    let start = random.below(pieces.len());
    let begins = |piece: &Vec<u8>| [&b"\nfn"[..], b"\nimpl", b"\nconst", b"\ntest"].contains(&piece.as_slice());
    let start = pieces[start..].iter().position(begins).map_or(0, |ahead| start + ahead);
    let end = pieces[start..].iter().skip(1 + random.below(200)).position(begins);
    let mut pieces = pieces[start..].to_vec();
    pieces.truncate(end.map_or(400, |ahead| ahead + 1));
    let rate = 3 + random.below(40);
    let mut input = Vec::new();
    for piece in pieces {
        let is_first = piece.first() == Some(&b'\n');
        let between: &[u8] = match random.below(rate) {
            0 => b"\n",
            1 => b" // note\n",
            2 if !is_first => b" ",
            3 => b"/* a\n b */",
            4 if is_first => b";",
            5 if is_first => b"\n\n\n// own\n",
            _ => b" ",
        };
        input.extend(between);
        let drops_break = is_first && random.below(rate) == 0;
        input.extend(if drops_break { &piece[1..] } else { &piece });
    }
    input
}

fn bytes(random: &mut Choices, corpus: &[Vec<u8>]) -> Vec<u8> {
    if random.below(8) == 0 {
        let length = random.below(300);
        return (0..length).map(|_| random.next() as u8).collect();
    }
    let mut input = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(8) {
        if input.is_empty() {
            break;
        }
        let at = random.below(input.len());
        let end = (at + random.below(20)).min(input.len());
        match random.below(5) {
            0 => input[at] = random.next() as u8,
            1 => input[at] = b"{}()[]\"'|&*!?.,:;=<>-+@$\\\n"[random.below(26)],
            2 => drop(input.drain(at..end)),
            3 => {
                let piece = input[at..end].to_vec();
                let to = random.below(input.len());
                input.splice(to..to, piece);
            }
            _ => input.truncate(at),
        }
    }
    input
}

/// Tokens that are put in or replaced.
const WORDS: &str = "fn var const struct enum union error impl trait for in while if else switch return break continue defer \
    errdefer try catch orelse new null undefined comptime inline import test extern export static type and or not weak unreachable \
    i64 u8 f32 bool string void noreturn a b x T self main Point Node List .Red .{ .x error.A @sizeOf @intCast @as @TypeOf @panic \
    @enumFromInt @min @field 0 1 -1 255 18446744073709551615 1.5 \"s\" \"${x}\" 'c' + - * / % ++ & | ^ ~ << >> == != < <= && || ! = += \
    => -> . .. .* .? ?. ? ( ) [ ] { } , : ; \n \n |v| |*v| _ 3..5 *T ?T []T [3]u8 E!T !void fn(i64) print( println( len( append(";

fn tokens(random: &mut Choices, corpus: &[Vec<u8>]) -> Vec<u8> {
    let words: Vec<&[u8]> = WORDS.split(' ').filter(|word| !word.is_empty()).map(str::as_bytes).collect();
    let mut pieces: Vec<Vec<u8>> = if random.below(6) == 0 {
        let length = random.below(120);
        (0..length).map(|_| words[random.below(words.len())].to_vec()).collect()
    } else {
        pieces_of(&corpus[random.below(corpus.len())])
    };
    for _ in 0..=random.below(6) {
        if pieces.is_empty() {
            break;
        }
        let (at, other) = (random.below(pieces.len()), random.below(pieces.len()));
        let end = (at + random.below(12)).min(pieces.len());
        match random.below(5) {
            0 => drop(pieces.remove(at)),
            1 => pieces[at] = words[random.below(words.len())].to_vec(),
            2 => pieces.insert(at, words[random.below(words.len())].to_vec()),
            3 => pieces.swap(at, other),
            _ => {
                let copy = pieces[at..end].to_vec();
                pieces.splice(other..other, copy);
            }
        }
    }
    pieces.join(&b' ')
}

/// Tokens as text, with a line break before those that begin a line.
fn pieces_of(text: &[u8]) -> Vec<Vec<u8>> {
    with_large_stack(|| {
        let loaded = load_bytes("corpus.cot", None, text.to_vec(), &Default::default());
        let id = loaded.files.last().expect("the file was loaded").id;
        let tokens = scan::scan(id, loaded.sources.get(id)).tokens;
        let piece = |token: &wasm2native::cot::token::Token| {
            let start = if token.newline_before { "\n" } else { "" };
            [start.as_bytes(), loaded.sources.text(token.span)].concat()
        };
        tokens.iter().map(piece).collect()
    })
}
