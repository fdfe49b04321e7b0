//! The directives of a fixture: lines at its top that begin with `;;!` (`//!` in C), several to a
//! line if need be.
//!
//! ```text
//! ;;! build = "--invoke fib"            flags of wasm2native, split as a shell would
//! ;;! run args="3"    ;;! exit = 0      one run; a fixture without any `run` is run once
//! ;;! file in.txt = "text\n"            a file in each run's fresh folder; also: link NAME = "target", dir NAME
//! ```
//!
//! Of a run: `args`, `env` (`"A=1 B=2"`), `stdin`, `options` (`WASM2NATIVE_OPTIONS`), `exit` (0 if
//! not given), `trap` (message of the trap; makes `exit` 134). Before the first `run` they hold for
//! all runs; `run args="{0..9} {a,b}"` stands for the twenty runs that a shell's braces would make
//! of it. Of the fixture: `build`, `build-env`, `input` (name of the input file), `form` (`binary`:
//! hand over the binary form), `emit` (`clif`, `listing`, `wat`: compare that text, run nothing),
//! `cc` (flags of the C compiler), `differential` (why it is not compared with wasmtime), `native`
//! (why no emulator can run it), `bench` (arguments for `benches/`, where it runs longer), `hosts`
//! (where a program in Cot can run: `native`, `wasi`, `bare`). Anything else is an error.

use anyhow::{Context, Result, bail};
use std::iter::Peekable;
use std::str::Chars;
use wasm2native::abi::words;

/// The directives. `fixtures/readme.wat` explains each.
pub const KEYS: [&str; 20] = [
    "args",
    "bench",
    "build",
    "build-env",
    "cc",
    "differential",
    "dir",
    "emit",
    "env",
    "exit",
    "file",
    "form",
    "hosts",
    "input",
    "link",
    "native",
    "options",
    "run",
    "stdin",
    "trap",
];

/// What holds for the whole fixture.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    pub build: Vec<String>,
    pub build_env: Vec<(String, String)>,
    pub input: Option<String>,
    pub binary: bool,
    pub emit: Option<String>,
    pub cc: Vec<String>,
    pub differential: Option<String>,
    pub native: Option<String>,
    pub bench: Option<Vec<String>>,
    pub hosts: Option<Vec<String>>,
    pub entries: Vec<Entry>,
}

/// Something that lies in a run's folder.
#[derive(Clone, Debug)]
pub enum Entry {
    File(String, Vec<u8>),
    Link(String, String),
    Dir(String),
}

/// One execution and what is expected of it.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// As written, for the transcript.
    pub args_text: String,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub stdin: Vec<u8>,
    pub options: Option<String>,
    pub exit: i32,
    pub trap: Option<String>,
}

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Equals,
    /// The marker of the next directive on the same line.
    Marker,
}

/// Reads the directives on `lines`.
pub fn parse<'a>(lines: impl Iterator<Item = &'a str>, marker: &str) -> Result<(Setup, Vec<Run>)> {
    let mut setup = Setup::default();
    let mut defaults = Run::default();
    let mut runs: Vec<Run> = Vec::new();
    for line in lines {
        let tokens = tokens(line, marker).with_context(|| format!("in `{line}`"))?;
        for directive in tokens.split(|token| *token == Token::Marker).filter(|tokens| !tokens.is_empty()) {
            apply(directive, &mut setup, &mut defaults, &mut runs).with_context(|| format!("in `{line}`"))?;
        }
    }
    if runs.is_empty() {
        runs.push(defaults);
    }
    let mut expanded = Vec::new();
    for run in runs {
        for args_text in braces(&run.args_text)? {
            expanded.push(Run { args: words::list(&args_text)?, args_text, ..run.clone() });
        }
    }
    Ok((setup, expanded))
}

fn apply(mut tokens: &[Token], setup: &mut Setup, defaults: &mut Run, runs: &mut Vec<Run>) -> Result<()> {
    use Token::{Equals, Text, Word};
    match tokens {
        [Word(kind), Word(name)] if kind == "dir" => {
            setup.entries.push(Entry::Dir(name.clone()));
            return Ok(());
        }
        [Word(kind), Word(name), Equals, Text(text)] if kind == "file" => {
            setup.entries.push(Entry::File(name.clone(), text.clone().into_bytes()));
            return Ok(());
        }
        [Word(kind), Word(name), Equals, Text(target)] if kind == "link" => {
            setup.entries.push(Entry::Link(name.clone(), target.clone()));
            return Ok(());
        }
        [Word(kind), rest @ ..] if kind == "run" => {
            runs.push(defaults.clone());
            tokens = rest;
        }
        _ => {}
    }
    while !tokens.is_empty() {
        let [Word(key), Equals, Word(value) | Text(value), rest @ ..] = tokens else {
            bail!(
                "a directive is `key = value`, `run key=value ...`, `file NAME = \"text\"`, `link NAME = \"target\"` or `dir NAME`"
            );
        };
        if !KEYS.contains(&key.as_str()) {
            bail!("unknown directive `{key}`; there are {}", KEYS.join(", "));
        }
        if !setting(setup, key, value)? {
            let run = runs.last_mut().unwrap_or(defaults);
            run_setting(run, key, value)?;
        }
        tokens = rest;
    }
    Ok(())
}

/// Sets what belongs to the fixture; false if `key` does not.
fn setting(setup: &mut Setup, key: &str, value: &str) -> Result<bool> {
    match key {
        "build" => setup.build = words::list(value)?,
        "build-env" => setup.build_env = variables(value)?,
        "input" => setup.input = Some(value.to_owned()),
        "form" if value == "binary" => setup.binary = true,
        "emit" => setup.emit = Some(value.to_owned()),
        "cc" => setup.cc = words::list(value)?,
        "bench" => setup.bench = Some(words::list(value)?),
        "hosts" => setup.hosts = Some(words::list(value)?),
        "native" => setup.native = Some(value.to_owned()),
        "differential" => setup.differential = Some(value.to_owned()),
        _ => return Ok(false),
    }
    Ok(true)
}

fn run_setting(run: &mut Run, key: &str, value: &str) -> Result<()> {
    match key {
        "args" => run.args_text = value.to_owned(),
        "env" => run.env = variables(value)?,
        "stdin" => run.stdin = value.as_bytes().to_vec(),
        "options" => run.options = Some(value.to_owned()),
        "exit" => run.exit = value.parse().context("the exit status is a number")?,
        "trap" => {
            run.trap = Some(value.to_owned());
            run.exit = 134;
        }
        _ => bail!("unknown directive `{key}`"),
    }
    Ok(())
}

fn variables(text: &str) -> Result<Vec<(String, String)>> {
    let pair = |word: String| {
        let (name, value) = word.split_once('=').with_context(|| format!("`{word}` is not NAME=VALUE"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    words::list(text)?.into_iter().map(pair).collect()
}

/// Writes out `{a,b}` and `{0..9}`, the first group varying slowest.
fn braces(text: &str) -> Result<Vec<String>> {
    let Some((before, rest)) = text.split_once('{') else { return Ok(vec![text.to_owned()]) };
    let (group, after) = rest.split_once('}').context("`{` without `}`")?;
    let choices: Vec<String> = match group.split_once("..") {
        Some((first, last)) => (first.parse::<u64>()?..=last.parse()?).map(|number| number.to_string()).collect(),
        None => group.split(',').map(str::to_owned).collect(),
    };
    let after = braces(after)?;
    let with = |choice: String| after.iter().map(move |after| format!("{before}{choice}{after}")).collect::<Vec<_>>();
    Ok(choices.into_iter().flat_map(with).collect())
}

fn tokens(line: &str, marker: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(tokens);
        }
        if let Some(after) = rest.strip_prefix(marker) {
            tokens.push(Token::Marker);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('=') {
            tokens.push(Token::Equals);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('"') {
            let mut chars = after.chars().peekable();
            tokens.push(Token::Text(quoted(&mut chars)?));
            let left: usize = chars.map(char::len_utf8).sum();
            rest = &rest[rest.len() - left..];
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || c == '=' || c == '"').unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
}

/// The text up to the closing quote, with `\n`, `\t`, `\0`, `\\` and `\"` taken as in Rust.
fn quoted(chars: &mut Peekable<Chars>) -> Result<String> {
    let mut text = String::new();
    loop {
        match chars.next().context("a string is not closed")? {
            '"' => return Ok(text),
            '\\' => text.push(match chars.next().context("a string is not closed")? {
                'n' => '\n',
                't' => '\t',
                '0' => '\0',
                c @ ('\\' | '"') => c,
                c => bail!("unknown escape `\\{c}`"),
            }),
            c => text.push(c),
        }
    }
}
