//! `--cache`: what is compiled again, and that it changes no byte.

use crate::{mount, unmount};
use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;
use std::fmt::Write;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use test_kit::fixture::{self, Fixture};
use test_kit::folder::Folder;
use test_kit::process::outcome;
use test_kit::trial::Skip;
use test_kit::trials;
use wasm2native::driver;
use wasm2native::options::{CacheOptions, Emit, Options, Output};
use wasm2native::progress::Observer;
use wasm2native::wasm::input::Input;

pub fn trials() -> Vec<Trial> {
    trials!["function_cache":
        a_changed_function_is_compiled_alone,
        what_is_known_of_other_functions_counts,
        what_is_copied_counts,
        options_share_a_directory,
        fixtures_are_the_same,
        damaged_entries_are_made_again,
        foreign_files_are_ignored,
        a_key_seals_entries,
        a_key_must_be_secret,
        others_must_not_write,
        remote_ends_need_a_feature,
        a_full_or_read_only_directory_is_a_warning,
        the_oldest_packs_make_room,
        many_packs_become_one,
        builds_may_run_at_once,
        llvm_has_no_cache,
        without_proc_there_is_a_message,
    ]
}

/// Builds with the library, and counts.
struct Builder {
    folder: Folder,
    cache: Option<CacheOptions>,
    options: Options,
}

/// What a build made.
#[derive(Debug, PartialEq)]
struct Built {
    object: Vec<u8>,
    n_found: u64,
    n_made: u64,
    n_warnings: u64,
}

#[derive(Default)]
struct Counter {
    n_found: AtomicU64,
    n_made: AtomicU64,
    n_warnings: AtomicU64,
}

impl Observer for Counter {
    fn cached(&self, n_found: u64, n_made: u64) {
        self.n_found.fetch_add(n_found, Ordering::Relaxed);
        self.n_made.fetch_add(n_made, Ordering::Relaxed);
    }

    fn warning(&self, _: &str) {
        self.n_warnings.fetch_add(1, Ordering::Relaxed);
    }
}

impl Builder {
    fn new() -> Builder {
        let folder = Folder::empty();
        let cache = Some(CacheOptions {
            place: folder.path("cache").to_str().expect("it is ours").to_owned(),
            key: None,
            limit: CacheOptions::LIMIT,
        });
        Builder { folder, cache, options: Options::default() }
    }

    fn try_build(&self, bytes: &[u8], cache: Option<CacheOptions>) -> Result<Built> {
        let input = Input { name: "module.wat".to_owned(), bytes: bytes.into() };
        let options = Options { cache, ..self.options.clone() };
        let counter = Counter::default();
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let file = self.folder.path(format!("{}.o", NUMBER.fetch_add(1, Ordering::Relaxed)));
        driver::build(&input, &options, &[Output { emit: Emit::Obj, file: file.clone() }], &counter)?;
        let object = fs::read(&file)?;
        fs::remove_file(file)?;
        let Counter { n_found, n_made, n_warnings } = counter;
        let [n_found, n_made, n_warnings] = [n_found, n_made, n_warnings].map(AtomicU64::into_inner);
        Ok(Built { object, n_found, n_made, n_warnings })
    }

    /// The object, which is what it is without a cache. How many functions were found, and how many
    /// made.
    fn counts(&self, text: impl AsRef<[u8]>) -> (u64, u64) {
        let Built { n_found, n_made, n_warnings, .. } = self.compare(text.as_ref());
        assert_eq!(n_warnings, 0);
        (n_found, n_made)
    }

    fn compare(&self, text: &[u8]) -> Built {
        let without = self.try_build(text, None).expect("it can be built");
        let with = self.try_build(text, self.cache.clone()).expect("it can be built with a cache");
        assert!(without.object == with.object, "other code for {}", String::from_utf8_lossy(text));
        with
    }

    fn packs(&self) -> Vec<PathBuf> {
        let names = self.folder.list("cache").into_iter();
        names.filter(|name| name.ends_with(".pack")).map(|name| self.folder.path("cache").join(name)).collect()
    }
}

/// Function `i` calls itself, the next one and an import, loads, and divides: it has sites,
/// relocations and traps. `changed` gets another constant, and before `inserted` there is another
/// function.
pub fn functions(n: u32, changed: Option<u32>, inserted: Option<u32>) -> String {
    let mut text = "(module (import \"env\" \"f\" (func $import (param i32) (result i32))) (memory 1)
        (global $g (mut i32) (i32.const 7))"
        .to_owned();
    for i in 0..n {
        let next = (i + 1) % n;
        let constant = if changed == Some(i) { 5000 + i } else { i };
        if inserted == Some(i) {
            text.push_str("(func (export \"inserted\") (param i32) (result i32) (i32.load (i32.const 8)))");
        }
        write!(
            text,
            "(func $f{i} (export \"f{i}\") (param i32) (result i32)
                (if (i32.eqz (local.get 0)) (then (return (i32.const {constant}))))
                (global.set $g (i32.div_s (i32.load offset=4 (local.get 0)) (local.get 0)))
                (i32.add (call $f{i} (i32.sub (local.get 0) (i32.const 1)))
                    (i32.add (call $f{next} (global.get $g)) (call $import (local.get 0)))))"
        )
        .expect("a string takes everything");
    }
    text + ")"
}

fn a_changed_function_is_compiled_alone() {
    let builder = Builder::new();
    assert_eq!(builder.counts(functions(50, None, None)), (0, 50));
    assert_eq!(builder.counts(functions(50, None, None)), (50, 0));
    // The constant is longer: everything after it lies elsewhere.
    assert_eq!(builder.counts(functions(50, Some(25), None)), (49, 1));
    // All functions after it have other indices.
    assert_eq!(builder.counts(functions(50, Some(25), Some(10))), (50, 1));
    assert_eq!(builder.counts(functions(50, None, None)), (50, 0));

    // On the command line, for a program.
    let Builder { folder, .. } = builder;
    folder.write("app.wat", functions(9, None, None));
    let said = folder.wasm2native(&["app.wat", "-c", "-v", "--cache", "cache"]).succeeds();
    assert!(said.stderr.contains("cache: 0 functions found, 9 compiled"), "{}", said.stderr);
    let said = folder.wasm2native(&["app.wat", "-c", "-v", "--cache", "cache", "-o", "again.o"]).succeeds();
    assert!(said.stderr.contains("cache: 9 functions found, 0 compiled"), "{}", said.stderr);
    assert_eq!(folder.read("app.o"), folder.read("again.o"));
}

/// A module, and changes of it outside of the function `f`, each of which makes other code of `f`.
const KNOWN: &str = r#"(module
    (type $t (func (result i32)))
    (import "env" "c" (func $c (param i32) (result i32)))
    (memory (export "memory") 1)
    (global $g (mut i32) (i32.const 7))
    (table $table 3 3 funcref)
    (elem (table $table) (i32.const 0) func $a $b $a)
    (data $d "abc")
    (func $a (result i32) (i32.const 1))
    (func $b (result i32) (i32.const 2))
    (func $other (param i32))
    (func (export "f") (param i32) (result i32)
        (local i32)
        (memory.init $d (local.get 0) (i32.const 0) (i32.const 1))
        (i32.store (i32.const 16) (memory.size))
        (i32.store (i32.const 20) (global.get $g))
        (i32.store (i32.const 24) (call_indirect $table (type $t) (local.get 0)))
        (local.set 1 (i32.const 1))
        (i32.store (i32.const 28) (call_indirect $table (type $t) (local.get 1)))
        (call $other (local.get 0))
        (call $c (local.get 0)))
    (func (export "g") (param i32) (result i32)
        (i32.store (i32.const 20) (global.get $g))
        (call_indirect $table (type $t) (local.get 0)))
    (func (export "h") (param i32) (result i32)
        (call $other (local.get 0))
        (call $c (memory.size))))"#;

const CHANGES: [(&str, &str); 14] = [
    ("(global $g (mut i32) (i32.const 7))", "(global $g (mut i32) (i32.const 8))"),
    ("(global $g (mut i32) (i32.const 7))", "(global $g i32 (i32.const 7))"),
    ("(global $g (mut i32)", "(global $g (export \"global\") (mut i32)"),
    ("(func $other (param i32))", "(func $other (param i32) (global.set $g (local.get 0)))"),
    ("(func $other (param i32))", "(func $other (param i32) (drop (memory.grow (local.get 0))))"),
    ("(func $other (param i32))", "(func $other (param i32) (table.set $table (local.get 0) (ref.null func)))"),
    ("(func $other (param i32))", "(func $other (param i32) (drop (table.grow $table (ref.null func) (local.get 0))))"),
    ("(memory (export \"memory\") 1)", "(memory (export \"memory\") 2)"),
    ("(memory (export \"memory\") 1)", "(memory 3)"),
    ("func $a $b $a)", "func $b $a $a)"),
    ("func $a $b $a)", "func $a $b)"),
    ("func $a $b $a)", "func $a $b $other)"),
    ("(data $d \"abc\")", "(data $d (memory 0) (i32.const 0) \"abc\")"),
    ("(table $table 3 3 funcref)", "(table $table 3 4 funcref)"),
];

fn what_is_known_of_other_functions_counts() {
    let builder = Builder::new();
    let mut texts = vec![KNOWN.to_owned()];
    for (from, to) in CHANGES {
        assert!(KNOWN.contains(from), "{from}");
        texts.push(KNOWN.replace(from, to));
    }
    // A callee of another type, of another kind, and hints.
    texts.push(
        KNOWN.replace("(param i32) (result i32)))", "(param i32) (result i32)))\n(import \"env\" \"x\" (func $x))"),
    );
    texts.push(KNOWN.replace("(func $other (param i32))", "(func $other (param i32) (unreachable))"));
    texts.push(
        KNOWN
            .replace("(import \"env\" \"c\" (func $c (param i32) (result i32)))", "")
            .replace("(func $a (result", "(func $c (param i32) (result i32) (i32.const 3)) (func $a (result"),
    );
    for text in &texts {
        builder.compare(text.as_bytes());
    }
    // And from the other side.
    for text in texts.iter().rev() {
        builder.compare(text.as_bytes());
    }
    assert!(builder.counts(KNOWN).0 > 0);

    // Branch hints stand outside of the body.
    let branch = |hint: &str| {
        format!(
            "(module (func (export \"f\") (param i32) (result i32) {hint} (if (local.get 0) (then unreachable)) (i32.const 1)))"
        )
    };
    for hint in ["", "(@metadata.code.branch_hint \"\\00\")", "(@metadata.code.branch_hint \"\\01\")"] {
        assert_eq!(builder.counts(branch(hint)), (0, 1), "{hint}");
    }
}

/// `leaf` is copied into `middle`, and both into `f`.
const COPIED: &str = r#"(module
    (import "env" "c" (func $c (param i32) (result i32)))
    (memory 1)
    (global $g (mut i32) (i32.const 7))
    (func $leaf (param i32) (result i32) (i32.load offset=8 (local.get 0)))
    (func $middle (param i32) (result i32) (i32.add (call $leaf (local.get 0)) (call $c (global.get $g))))
    (func (export "f") (param i32) (result i32) (i32.div_u (call $middle (local.get 0)) (call $leaf (i32.const 4))))
    (func (export "other") (param i32) (result i32) (i32.load (i32.add (local.get 0) (i32.const 100)))))"#;

fn what_is_copied_counts() {
    let mut builder = Builder::new();
    builder.options.inline = true;
    assert_eq!(builder.counts(COPIED), (0, 4));
    assert_eq!(builder.counts(COPIED), (4, 0));
    let changed = |from: &str, to: &str| {
        assert!(COPIED.contains(from), "{from}");
        builder.counts(COPIED.replace(from, to))
    };
    // The bodies lie elsewhere, and have other indices.
    assert_eq!(
        changed("(func $leaf", "(func (export \"new\") (param i32) (result i32) (i32.const 5)) (func $leaf"),
        (4, 1)
    );
    assert_eq!(changed("i32.load offset=8", "i32.load offset=12"), (1, 3));
    assert_eq!(changed("i32.add (call $leaf", "i32.sub (call $leaf"), (2, 2));
    assert_eq!(changed("(call $c (global.get $g))", "(call $c (i32.const 7))"), (2, 2));
    // What the copied bodies name.
    assert_eq!(changed("(mut i32) (i32.const 7)", "(mut i32) (i32.const 8)"), (2, 2));
    // It has a loop: it is called.
    assert_eq!(changed("(i32.load offset=8 (local.get 0))", "(loop) (i32.load offset=8 (local.get 0))"), (1, 3));
    assert_eq!(builder.counts(COPIED), (4, 0));
}

/// The same module with other options: for another processor, level and target.
fn options_share_a_directory() {
    let folder = Folder::with(&[
        ("m.wat", KNOWN),
        ("c.wat", "(module (func (export \"c\") (param i32) (result i32) (i32.const 9)))"),
    ]);
    let options: [&[&str]; 16] = [
        &[],
        &["-g"],
        &["-g", "-O0"],
        &["-g", "--inline"],
        &["--inline"],
        &["-O0"],
        &["-Os"],
        &["--spectre-masks"],
        &["--cpu", "x86-64-v3"],
        &["--cpu", "x86-64-v4"],
        &["--target", "aarch64-unknown-linux-gnu"],
        &["--target", "aarch64-unknown-linux-gnu", "--cpu", "neoverse-n1"],
        &["--target", "riscv64gc-unknown-linux-gnu"],
        &["--target", "x86_64-pc-windows-msvc"],
        &["--import", "env.c: (u8) -> i8"],
        &["--import", "env.c: (ptr) -> i32"],
    ];
    for _ in 0..2 {
        for options in options {
            folder.builds(&[&["m.wat", "-c", "-o", "without.o"], options].concat());
            folder.builds(&[&["m.wat", "-c", "-o", "with.o", "--cache", "cache"], options].concat());
            assert!(folder.read("without.o") == folder.read("with.o"), "other code with {options:?}");
        }
    }
    // A program knows more than an object, and where its memory lies.
    let programs: [&[&str]; 3] = [&[], &["--memory-base", "any"], &["--invoke", "f"]];
    for _ in 0..2 {
        for options in programs {
            let options = [&["m.wat", "--module", "env=c.wat"], options].concat();
            let options = [&options[..], if options.contains(&"--invoke") { &[] } else { &["--invoke", "g"] }].concat();
            folder.builds(&[&options[..], &["-o", "without"]].concat());
            folder.builds(&[&options[..], &["-o", "with", "--cache", "cache"]].concat());
            assert!(folder.read("without") == folder.read("with"), "another program with {options:?}");
        }
    }
}

fn fixtures_are_the_same() -> Result<()> {
    let mut builder = Builder::new();
    let (mut n_built, mut n_found) = (0, 0);
    for path in fixture::all()?.into_iter().filter(|path| path.extension().is_some_and(|it| it == "wat")) {
        let fixture = Fixture::read(&path)?;
        // Every other one for debuggers.
        builder.options.debug = n_built % 2 == 1;
        let text = fixture.source.as_bytes();
        // Some are there for their error, or need flags.
        let Ok(without) = builder.try_build(text, None) else { continue };
        let cold = builder.try_build(text, builder.cache.clone()).with_context(|| fixture.name.clone())?;
        let warm = builder.try_build(text, builder.cache.clone()).with_context(|| fixture.name.clone())?;
        ensure!(without.object == cold.object && cold.object == warm.object, "{}: other code", fixture.name);
        ensure!(cold.n_made == 0 || warm.n_found > 0 || warm.n_made == cold.n_made, "{}: nothing found", fixture.name);
        n_built += 1;
        n_found += warm.n_found;
    }
    ensure!(n_built > 150 && n_found > 500, "{n_built} fixtures, {n_found} functions found");
    Ok(())
}

fn damaged_entries_are_made_again() {
    let builder = Builder::new();
    let text = functions(2, None, None);
    let Built { object, .. } = builder.compare(text.as_bytes());
    let [pack] = &builder.packs()[..] else { panic!("one build makes one pack") };
    let sound = fs::read(pack).expect("it is ours");
    let check = |damaged: &[u8], what: &str| {
        for other in builder.packs() {
            fs::remove_file(other).expect("it is ours");
        }
        fs::write(pack, damaged).expect("it is ours");
        let built = builder.try_build(text.as_bytes(), builder.cache.clone()).expect("damage is no error");
        assert!(built.object == object, "other code with {what}");
        assert_eq!((built.n_found + built.n_made, built.n_warnings), (2, 0), "{what}");
        built.n_found
    };
    assert_eq!(check(&sound, "nothing damaged"), 2);
    // Every part has a meaning.
    for at in (0..sound.len()).step_by(3) {
        let mut damaged = sound.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(check(&damaged, &format!("another byte {at}")) < 2);
    }
    for length in (0..sound.len()).step_by(7) {
        assert!(check(&sound[..length], &format!("{length} bytes")) < 2);
    }
}

fn foreign_files_are_ignored() {
    let builder = Builder::new();
    let text = functions(3, None, None);
    builder.counts(&text);
    let [pack] = &builder.packs()[..] else { panic!("one build makes one pack") };
    let name = pack.to_str().expect("it is ours");
    let other = |number: u32| name.replace(".pack", &format!("{number}.pack"));
    fs::create_dir(other(1)).expect("the folder is ours");
    fs::write(other(2), b"").expect("the folder is ours");
    fs::write(other(3), [0xff; 1000]).expect("the folder is ours");
    std::os::unix::fs::symlink("/dev/zero", other(4)).expect("the folder is ours");
    let pipe = std::process::Command::new("mkfifo").arg(other(5)).status();
    assert!(pipe.expect("there is mkfifo").success());
    assert_eq!(builder.counts(&text), (3, 0));
}

fn a_key_seals_entries() {
    let mut builder = Builder::new();
    let text = functions(3, None, None);
    let key = |name: &str, contents: &str| {
        builder.folder.write(name, contents);
        fs::set_permissions(builder.folder.path(name), Permissions::from_mode(0o600)).expect("it is ours");
        Some(builder.folder.path(name))
    };
    let keys = [key("a", "0123456789abcdef"), key("b", "0123456789abcdeg"), None];
    for (number, key) in keys.into_iter().enumerate() {
        builder.cache.as_mut().expect("there is one").key = key;
        // What the others put there does not count.
        assert_eq!(builder.counts(&text), (0, 3), "{number}");
        assert_eq!(builder.counts(&text), (3, 0), "{number}");
    }
}

fn a_key_must_be_secret() {
    let folder = Folder::with(&[("m.wat", "(module)"), ("short", "0123456789abcde"), ("open", "0123456789abcdef")]);
    let fails = |key: &str, texts: &[&str]| {
        folder.wasm2native(&["m.wat", "-c", "--cache", "cache", "--cache-key", key]).fails(2, texts);
    };
    for name in ["short", "open"] {
        fs::set_permissions(folder.path(name), Permissions::from_mode(0o640)).expect("it is ours");
    }
    fails("short", &["--cache-key short: the key has less than 16 bytes", "head -c 32 /dev/urandom >short"]);
    fails("absent", &["--cache-key absent: "]);
    folder.builds(&["m.wat", "-c", "--cache", "cache", "--cache-key", "open"]);
    fs::set_permissions(folder.path("open"), Permissions::from_mode(0o644)).expect("it is ours");
    fails("open", &["--cache-key open: all users may use the key", "chmod o= open"]);
    folder.wasm2native(&["m.wat", "-c", "--cache-key", "open"]).fails(2, &["--cache"]);
}

fn others_must_not_write() {
    let folder = Folder::with(&[("m.wat", ANY), ("key", "0123456789abcdef")]);
    fs::set_permissions(folder.path("key"), Permissions::from_mode(0o600)).expect("it is ours");
    let args = ["m.wat", "-c", "--cache", "cache"];
    folder.builds(&args);
    let mode = fs::metadata(folder.path("cache")).expect("it was made").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let allow = |mode| fs::set_permissions(folder.path("cache"), Permissions::from_mode(mode)).expect("it is ours");
    for mode in [0o720, 0o702, 0o777] {
        allow(mode);
        let texts = ["--cache cache: others may write to the directory", "--cache-key FILE, or chmod go-w cache"];
        folder.wasm2native(&args).fails(2, &texts);
        folder.builds(&[&args[..], &["--cache-key", "key"]].concat());
    }
    allow(0o755);
    folder.builds(&args);
    // Only root can give a directory away.
    if rustix::process::geteuid().is_root() {
        chown(folder.path("cache"), Some(65534), None).expect("root may");
        folder
            .wasm2native(&args)
            .fails(2, &["--cache cache: the directory belongs to another user", "--cache-key FILE"]);
        folder.builds(&[&args[..], &["--cache-key", "key"]].concat());
    }
    folder.wasm2native(&["m.wat", "-c", "--cache", "key"]).fails(2, &["--cache key: not a directory"]);
}

/// Other files test what happens with the feature.
fn remote_ends_need_a_feature() {
    let folder = Folder::with(&[("m.wat", ANY)]);
    let fails = |address: &str, texts: &[&str]| {
        folder.wasm2native(&["m.wat", "-c", "--cache", address]).fails(2, texts);
    };
    let kinds = "help: a cache is a directory, or one of redis://, rediss://, s3://";
    fails("ftp://u:secret@host", &["--cache ftp://***@host: there is no kind of cache `ftp`", kinds]);
    if !cfg!(feature = "remote-cache") {
        for address in ["redis://host", "rediss://host/0/team", "s3://bucket/prefix"] {
            let text = format!("--cache {address}: this wasm2native was built without remote caches");
            fails(address, &[&text, "cargo build --release --features remote-cache"]);
        }
    }
    assert_eq!(folder.list("."), ["m.wat".to_owned()].into());
}

const ANY: &str = "(module (func (export \"f\") (result i32) (i32.const 1)))";

fn a_full_or_read_only_directory_is_a_warning() -> Result<()> {
    let builder = Builder::new();
    let text = functions(100, None, None);
    let cache = builder.folder.path("cache");
    fs::create_dir(&cache)?;
    mount(&cache, "size=4k,mode=700")?;
    let full = builder.compare(text.as_bytes());
    let left = builder.folder.list("cache").len();
    unmount(&cache);
    ensure!((full.n_found, full.n_made, full.n_warnings) == (0, 100, 1), "full: {full:?}");
    ensure!(left == 0, "{left} files are left");

    mount(&cache, "ro,mode=700")?;
    let read_only = builder.compare(text.as_bytes());
    unmount(&cache);
    ensure!((read_only.n_made, read_only.n_warnings) == (100, 1), "read only: {read_only:?}");

    let said = {
        mount(&cache, "ro,mode=700")?;
        builder.folder.write("m.wat", ANY);
        let said = builder.folder.wasm2native(&["m.wat", "-c", "--cache", "cache"]);
        unmount(&cache);
        said.succeeds()
    };
    let warning = "warning: functions of this build are not in the cache: cache: ";
    ensure!(said.stderr.starts_with(warning) && said.stderr.lines().count() == 1, "{}", said.stderr);
    Ok(())
}

fn the_oldest_packs_make_room() {
    let mut builder = Builder::new();
    let version =
        |number: u32| functions(5 + number, None, None).replace("(memory 1)", &format!("(memory {})", number + 1));
    for number in 0..3 {
        builder.counts(version(number));
    }
    let mut packs = builder.packs();
    assert_eq!(packs.len(), 3);
    packs.sort_by_key(|pack| fs::metadata(pack).and_then(|it| it.modified()).expect("it is ours"));
    for (hours, pack) in [3, 2, 1].into_iter().zip(&packs) {
        let file = fs::File::open(pack).expect("it is ours");
        file.set_modified(SystemTime::now() - Duration::from_secs(3600 * hours)).expect("it is ours");
    }
    // Use makes young again.
    assert_eq!(builder.counts(version(0)), (5, 0));
    let total: u64 = packs.iter().map(|pack| fs::metadata(pack).expect("it is ours").len()).sum();
    builder.cache.as_mut().expect("there is one").limit = total;
    builder.counts(version(3));
    let left = builder.packs();
    assert!(left.contains(&packs[0]) && !left.contains(&packs[1]), "{left:?}");
    assert_eq!(builder.counts(version(0)), (5, 0));
}

fn many_packs_become_one() {
    let builder = Builder::new();
    builder.counts(functions(40, None, None));
    for changed in 0..40 {
        // The pack for all has the functions of its build, so not the one that had changed.
        let (n_found, n_made) = builder.counts(functions(40, Some(changed), None));
        assert!((n_found, n_made) == (39, 1) || (n_found, n_made) == (38, 2), "{n_found} found, {n_made} compiled");
        assert!(builder.packs().len() <= 17);
    }
    assert!(builder.packs().len() < 17);
    assert!(builder.counts(functions(40, None, None)).0 >= 38);
}

fn builds_may_run_at_once() {
    let builder = &Builder::new();
    let versions: Vec<_> = (0..12).map(|number| functions(30, Some(number % 6), None)).collect();
    std::thread::scope(|scope| {
        for version in &versions {
            scope.spawn(move || {
                for _ in 0..3 {
                    builder.compare(version.as_bytes());
                }
            });
        }
    });
    for version in &versions {
        let (n_found, n_made) = builder.counts(version);
        assert!(n_found >= 29, "{n_found} found, {n_made} compiled");
    }
}

fn llvm_has_no_cache() {
    let folder = Folder::with(&[("m.wat", ANY)]);
    let args = ["m.wat", "-c", "--cache", "cache", "--generator", "llvm"];
    folder.wasm2native(&args).fails(2, &["--cache keeps functions of Cranelift"]);
}

/// Without it the compiler does not know which one it is.
fn without_proc_there_is_a_message() -> Result<()> {
    let folder = Folder::with(&[("m.wat", ANY)]);
    let hidden = |args: &[&str]| {
        let mut command = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        let script = "mount -t tmpfs none /proc && exec \"$@\"";
        command.args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"]).args(args);
        outcome(command.current_dir(folder.path(".")))
    };
    if hidden(&["true"]).status != 0 {
        bail!(Skip::Reason("mounts in a namespace are not permitted here".to_owned()));
    }
    let program = env!("CARGO_BIN_EXE_wasm2native");
    hidden(&[program, "m.wat", "-c", "-o", "m.o"]).succeeds();
    hidden(&[program, "m.wat", "-c", "-o", "n.o", "--cache", "cache"])
        .fails(2, &["help: mount /proc, or leave out --cache"]);
    assert!(!folder.path("n.o").exists());
    Ok(())
}
