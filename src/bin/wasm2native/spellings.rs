//! Flags as C compilers spell them: what they mean here, or why they mean nothing.
//!
//! clap would read `-shared` as `-s -h -a …`. Here a word with one hyphen is a flag of one letter
//! with its value, a flag of this list, or an error that names the whole word.

use crate::Usage;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// What a word means.
enum Meaning {
    /// These words, of our own.
    Words(&'static [&'static str]),
    /// Nothing, for it is so anyway.
    Nothing,
    /// What to write instead, or why it is not available.
    Refused(&'static str),
}

use Meaning::{Nothing, Refused, Words};

/// Whole words.
const SPELLINGS: &[(&[&str], Meaning)] = &[
    (&["-O"], Words(&["-O1"])),
    (&["-shared", "-dynamiclib"], Words(&["--emit", "sharedlib"])),
    (&["-static", "-static-pie", "-pie", "-fPIC", "-fpic", "-fPIE", "-fpie", "-pthread", "-pipe"], Nothing),
    (&["-g1", "-g2", "-g3", "-ggdb", "-ggdb3", "-glldb", "-gfull", "-gline-tables-only"], Words(&["-g"])),
    // The version is that of the module's own.
    (&["-gdwarf", "-gdwarf-4", "-gdwarf-5"], Words(&["-g"])),
    (&["-g0"], Nothing),
    (&["-help"], Words(&["--help"])),
    (&["-version"], Words(&["--version"])),
    (&["-no-pie", "-fno-pic", "-fno-PIC", "-fno-pie", "-fno-PIE"], Refused("code is position-independent, always")),
    (&["-emit-llvm"], Refused("--generator llvm --emit llvm-ir prints what clang gets")),
    (&["-target"], Refused("write --target TRIPLE")),
    (&["-E", "-fsyntax-only"], Refused("modules are not preprocessed; --print exports reads one without compiling it")),
    (&["-rdynamic"], Refused("programs export nothing; --emit sharedlib makes a library")),
];

/// Beginnings of words.
const PREFIXES: &[(&str, &str)] = &[
    ("-march=", "write --cpu CPU"),
    ("-mcpu=", "write --cpu CPU"),
    ("-mtune=", "write --cpu CPU"),
    ("-std=", "flags for C sources are read from the variable CFLAGS"),
    ("-isystem", "-I DIR names a folder with headers; other flags for C sources are read from the variable CFLAGS"),
    ("-include", "flags for C sources are read from the variable CFLAGS"),
    ("-U", "flags for C sources are read from the variable CFLAGS"),
    ("-gsplit-dwarf", "debug information is in the program; `objcopy --only-keep-debug` takes it out"),
    ("-Wl,", ""),
    ("-W", "warnings of C sources are chosen by the variable CFLAGS; -Wl,WORDS passes words to the linker"),
    ("-flto", "the module is compiled as a whole, always"),
    ("-f", "flags for C sources are read from the variable CFLAGS"),
    ("-m", "features of the processor are added to --cpu: --cpu x86-64-v2+avx"),
    ("-X", "-Wl,WORDS passes words to the linker"),
    ("-nostd", "--linker 'cc -nostdlib' links without what a C compiler adds"),
    ("-nostart", "--linker 'cc -nostartfiles' links without what a C compiler adds"),
    ("-x", "the kind of a file is found by what it contains"),
];

/// Short flags whose value may follow in the same word.
const WITH_VALUE: &[u8] = b"oOlLIDWj";

/// The words that a word of the command line means.
///
/// # Errors
/// When it is a flag that has no meaning here.
pub fn understand(word: OsString) -> Result<Vec<OsString>, Usage> {
    let bytes = word.as_bytes();
    let [b'-', letter, rest @ ..] = bytes else { return Ok(vec![word]) };
    if *letter == b'-' {
        return Ok(vec![word]);
    }
    let text = word.to_string_lossy();
    if let Some((_, meaning)) = SPELLINGS.iter().find(|(words, _)| words.contains(&&text[..])) {
        return match meaning {
            Words(words) => Ok(words.iter().map(OsString::from).collect()),
            Nothing => Ok(Vec::new()),
            Refused(help) => Err(refuse(&text, help)),
        };
    }
    let prefix = PREFIXES.iter().find(|(prefix, _)| text.starts_with(prefix));
    if let Some((_, help)) = prefix.filter(|(_, help)| !help.is_empty()) {
        return Err(refuse(&text, help));
    }
    let is_repeated = rest.iter().all(|next| next == letter);
    if is_repeated || WITH_VALUE.contains(letter) {
        return Ok(vec![word]);
    }
    Err(Usage(format!(
        "there is no flag {text}: flags of one letter are written one by one\nhelp: --help lists all flags"
    )))
}

fn refuse(word: &str, help: &str) -> Usage {
    Usage(format!("{word} is a flag of C compilers that has no meaning here\nhelp: {help}"))
}
