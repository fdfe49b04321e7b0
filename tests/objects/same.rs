//! The same module becomes the same bytes: in another folder, by another user, with another
//! language and clock, with any number of threads. And from one revision to the next, unless the
//! CHANGELOG says so.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use test_kit::fixture::{self, Fixture};
use test_kit::folder::Folder;
use test_kit::process;
use test_kit::trial::trial;
use test_kit::{command, tool};
use wasm2native::options::Options;

pub fn trials() -> Vec<Trial> {
    vec![trial("same/ways", ways), trial("same/manifest", manifest)]
}

/// A module for each area of the compiler.
pub const MODULES: [&str; 20] = [
    "atomic/every-operator",
    "bench/dispatch",
    "bulk/memory-copy",
    "call/many-arguments",
    "ctl/br-table-large",
    "exn/values",
    "fref/signatures",
    "gc/richards",
    "gc/strings",
    "global/mutable",
    "import/memory",
    "mem/widths",
    "mem64/bulk",
    "num/i64-arith",
    "simd/int-arith",
    "simd/memory",
    "table/fill-copy",
    "tail/vectors-on-the-stack",
    "trap/inline",
    "wasi/path-operations",
];

/// Forms that are made of each module, with flags.
const FORMS: [&[&str]; 5] = [
    &["-c"],
    &["-c", "-O0"],
    &["-c", "--target", "aarch64-unknown-linux-gnu"],
    &["--emit", "staticlib"],
    &["--emit", "exe"],
];

/// Fixtures that make a program, three of which become all forms, in two surroundings that differ
/// in everything that is not the input.
fn ways() -> Result<()> {
    let is_root = rustix::process::getuid().is_root();
    if is_root {
        tool::require("setpriv")?;
    }
    let nobody: &[&str] = match is_root {
        true => &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
        false => &["env"],
    };
    let compiler = command::wasm2native();
    for name in ["gc/richards", "wasi/path-operations", "trap/inline"] {
        let fixture = read(name)?;
        for form in FORMS {
            let args = |jobs: &str| -> Vec<String> {
                let entry = match form.contains(&"exe") {
                    true => fixture.setup.build.clone(),
                    false => Vec::new(),
                };
                let words = ["m.wat", jobs, "-o", "made"].map(str::to_owned).into_iter();
                words.chain(form.iter().map(|it| (*it).to_owned())).chain(entry).collect()
            };
            let (one, two) = (Folder::empty(), Folder::empty());
            one.write("m.wat", &fixture.source);
            let mut first = Command::new(compiler.get_program());
            first.args(args("-j1")).current_dir(one.path(".")).env_clear();
            process::run(&mut first, b"")?.succeeds_silently();

            let place = "a longer name/of a folder, with ä";
            two.write(&format!("{place}/m.wat"), &fixture.source);
            std::fs::copy(compiler.get_program(), two.path(place).join("compiler"))?;
            open_to_all(&two.path(place))?;
            let mut second = Command::new(nobody[0]);
            second.args(&nobody[1..]).args(["sh", "-c", "umask 077; exec ./compiler \"$@\"", "sh"]).args(args("-j16"));
            second.current_dir(two.path(place)).env_clear().env("PATH", "/usr/bin:/bin");
            second.envs([("LC_ALL", "de_DE.UTF-8"), ("LANG", "ja_JP"), ("TZ", "Asia/Tokyo"), ("USER", "somebody")]);
            second.envs([("HOME", "/nonexistent"), ("COLUMNS", "40"), ("SOURCE_DATE_EPOCH", "1")]);
            process::run(&mut second, b"")?.succeeds_silently();
            ensure!(one.read("made") == two.read(&format!("{place}/made")), "{name}, {form:?}: they differ");
        }
    }
    Ok(())
}

/// Lets every user write in a folder, which lies in one that only its owner may pass.
fn open_to_all(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777))?;
    std::fs::set_permissions(folder.join("m.wat"), std::fs::Permissions::from_mode(0o644))?;
    Ok(())
}

/// The fixture of this name.
pub fn read(name: &str) -> Result<Fixture> {
    let paths = fixture::all()?;
    let path = paths.into_iter().find(|path| fixture::name_of(path) == name);
    Fixture::read(&path.with_context(|| format!("there is no fixture {name}"))?)
}

const MANIFEST: &str = "tests/objects/manifest.txt";

/// Hashes of objects. What changes them is worth a sentence to users, who build again: the
/// manifest begins with that of the CHANGELOG.
fn manifest() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join(MANIFEST)).unwrap_or_default();
    let sentence = text.lines().next().unwrap_or_default();
    let changes = std::fs::read_to_string(root.join("CHANGELOG.md"))?;
    let in_one_line = changes.split_whitespace().collect::<Vec<_>>().join(" ");
    ensure!(
        !sentence.is_empty() && in_one_line.contains(sentence),
        "{MANIFEST} begins with `{sentence}`, which is not in CHANGELOG.md"
    );
    let mut actual = format!("{sentence}\n");
    for name in MODULES {
        let fixture = read(name)?;
        for target in [crate::HERE, "aarch64-unknown-linux-gnu"] {
            let kind = crate::KINDS.into_iter().find(|kind| kind.target == target).expect("it is one of them");
            let object = crate::object(kind, "it.wat", fixture.source.as_bytes(), &Options::default())?;
            let hash = Sha256::digest(&object).iter().fold(String::new(), |mut text, byte| {
                write!(text, "{byte:02x}").expect("a string takes everything");
                text
            });
            writeln!(actual, "{hash}  {name}  {target}")?;
        }
    }
    if std::env::var_os("BLESS").is_some_and(|value| value != "0") {
        std::fs::write(root.join(MANIFEST), &actual)?;
        return Ok(());
    }
    ensure!(
        actual == text,
        "other objects than before:\n{}\nIf that is meant, say so in CHANGELOG.md, write the sentence into the first line \
         of {MANIFEST}, and run this with BLESS=1",
        test_kit::text::difference(&text, &actual)
    );
    Ok(())
}
