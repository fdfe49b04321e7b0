//! Debug information: gdb stops at lines of the source, and shows frames and variables.
//!
//! Each program comes from another compiler, and is made at several levels. `list.c` and
//! `shapes.cpp` are compiled here; `counter.wasm` is what rustc made of `counter.rs`; `square.wat`
//! has its own lines, and those of its text form once it is a binary; `area.cot` is built by `cot`,
//! which knows one level for debuggers.

mod hostile;
mod instances;
mod lldb;
mod split;

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;
use std::path::Path;
use test_kit::folder::Folder;
use test_kit::trial::{Skip, trial};
use test_kit::{gdb, process, target, tool};

/// A program, and what gdb answers to commands: all lines of an answer, or `…` for any text.
struct Session {
    name: &'static str,
    source: Source,
    /// The exported function, and its arguments.
    invoke: &'static str,
    arguments: &'static str,
    /// Where gdb stops.
    breakpoints: &'static [&'static str],
    /// Commands and answers. An answer that starts with `?` is expected at `-O0` alone: optimized
    /// code may have lost the value, but must not show another. One that starts with `~` is
    /// expected at `-O0` alone: steps of optimized code are larger.
    answers: &'static [(&'static str, &'static str)],
}

enum Source {
    /// In C or C++, for clang, and flags for it.
    Clang(&'static str, &'static [&'static str]),
    /// A module, or its text.
    Module(&'static str),
    /// A text, made binary without anything but names.
    Binary(&'static str),
    /// For `cot build -g`, which makes the program.
    Cot(&'static str),
}

const GO: &str = "go on";

const SESSIONS: &[Session] = &[
    Session {
        name: "c",
        source: Source::Clang("list.c", &["-gdwarf-4"]),
        invoke: "run",
        arguments: "1",
        breakpoints: &["depth", "factorial if n == 1", "list.c:55"],
        answers: LIST,
    },
    Session {
        name: "c-dwarf-5",
        source: Source::Clang("list.c", &["-gdwarf-5"]),
        invoke: "run",
        arguments: "1",
        breakpoints: &["depth", "factorial if n == 1", "list.c:55"],
        answers: LIST,
    },
    Session {
        name: "c-split",
        source: Source::Clang("list.c", &["-gdwarf-4", "-gsplit-dwarf"]),
        invoke: "run",
        arguments: "1",
        breakpoints: &["depth", "factorial if n == 1", "list.c:55"],
        answers: LIST,
    },
    Session {
        name: "c-split-dwarf-5",
        source: Source::Clang("list.c", &["-gdwarf-5", "-gsplit-dwarf"]),
        invoke: "run",
        arguments: "1",
        breakpoints: &["depth", "factorial if n == 1", "list.c:55"],
        answers: LIST,
    },
    Session {
        name: "operand-stack",
        source: Source::Clang("stacked.c", &["-g", "-O2"]),
        invoke: "run",
        arguments: "5",
        breakpoints: &["stacked.c:11", "stacked.c:12"],
        answers: &[
            ("bt 1", "#0  run (argument=5) at stacked.c:11…"),
            ("print doubled", "?$1 = 10"),
            ("print sum", "…optimized out…"),
            (GO, "…stacked.c:12\n12\t  int last = twice(sum);"),
            ("print sum", "?$2 = 15"),
            ("print doubled", "…optimized out…"),
        ],
    },
    Session {
        name: "cxx",
        source: Source::Clang("shapes.cpp", &["-g", "-fno-exceptions", "-fno-rtti"]),
        invoke: "run",
        arguments: "2",
        breakpoints: &["geometry::total", "twice<double>", "shapes.cpp:27"],
        answers: &[
            ("bt 2", "#0  geometry::total (a=..., b=...) at shapes.cpp:18\n#1  0x… in run (times=2) at shapes.cpp:26"),
            ("print *a.label", "$1 = \"square\""),
            ("up", "#1  0x… in run (times=2) at shapes.cpp:26\n26\t  double all = geometry::total(one, other);"),
            ("print one.side", "$2 = 3"),
            ("print other.side", "$3 = 4"),
            ("print *two.label", "$4 = \"square\""),
            (GO, "…twice<double> (value=@0x…: 25) at shapes.cpp:13\n13\t  T result = value + value;"),
            ("next", "~14\t  return result;"),
            ("print result", "?$5 = 50"),
            (GO, "…run (times=2) at shapes.cpp:27\n27\t  return all * times;"),
            ("print all", "?$6 = 50"),
        ],
    },
    Session {
        name: "rust",
        source: Source::Module("counter.wasm"),
        invoke: "run",
        arguments: "5",
        breakpoints: &["counter.rs:21", "counter.rs:27", "counter.rs:36"],
        answers: &[
            (
                "bt 2",
                "#0  counter::Counter::bump (self=0x…, by=...) at counter.rs:21\n#1  0x… in counter::run (argument=5) at counter.rs:34",
            ),
            ("info args", "self = 0x…\nby = core::option::Option<u32>::Some(5)"),
            ("print self.n", "$2 = 1"),
            ("print self.name.length", "$3 = 4"),
            ("print old", "$4 = 1"),
            (GO, "…counter.rs:27\n27\t        self.n - old"),
            ("print self.history", "?$5 = [5, 0, 0, 0]"),
            (GO, "…counter.rs:21\n21\t        if let Some(by) = by {"),
            ("info args", "self = 0x…\nby = core::option::Option<u32>::None"),
            (GO, "…counter.rs:27\n27\t        self.n - old"),
            (GO, "…counter.rs:36\n36\t    first + second + counter.n + counter.name.len() as u32"),
            ("print first", "?$7 = 5"),
            ("print second", "?$8 = 0"),
            ("print counter.n", "?$9 = 6"),
        ],
    },
    Session {
        name: "wat",
        source: Source::Module("square.wat"),
        invoke: "twice",
        arguments: "4",
        breakpoints: &["square if x == 2", "square.wat:11 if x >= 2"],
        answers: &[
            ("bt 2", "#0  square (x=2) at square.wat:8\n#1  0x… in twice (n=4) at square.wat:17"),
            (GO, "…square (x=2) at square.wat:11\n11\t    i32.add)"),
            ("print y", "?$1 = 4"),
            (
                "up",
                "#1  0x… in twice (n=4) at square.wat:17\n17\t          (i64.extend_i32_s (call $square (local.get $i)))))",
            ),
            ("print i", "?$2 = 2"),
            ("print sum", "?$3 = 3"),
            (GO, "…square (x=3) at square.wat:11\n11\t    i32.add)"),
            ("print y", "?$4 = 9"),
        ],
    },
    Session {
        name: "cot",
        source: Source::Cot("area.cot"),
        invoke: "",
        arguments: "",
        breakpoints: &["area", "area.cot:10", "area.cot:15", "area.cot:24"],
        answers: &[
            ("bt 2", "#0  area (width=3, height=4) at area.cot:4\n#1  0x… in main () at area.cot:21"),
            ("next", "5\t    var row = 0"),
            ("next", "6\t    while (row < height) {"),
            ("next", "7\t        total += width"),
            ("next", "8\t        row += 1"),
            ("print total", "$1 = 3"),
            ("print row", "$2 = 0"),
            (GO, "…area (width=3, height=4) at area.cot:10\n10\t    return total"),
            ("print total", "$3 = 12"),
            ("print width", "$4 = 3"),
            (GO, "…scaled (p=…, factor=0.5) at area.cot:15\n15\t    return @floatFromInt(f64, sum) * factor"),
            ("print sum", "$5 = 14"),
            (GO, "…main () at area.cot:24\n24\t    println(\"${name} ${size} ${half}\")"),
            ("print size", "$6 = 12"),
            ("print half", "$7 = 7"),
            ("print name", "$8 = {ptr = 0x…, len = 5, cap = …}"),
        ],
    },
    // What Cot's types are to a debugger; a local of another scope with the same name is not shown.
    Session {
        name: "shapes",
        source: Source::Cot("shapes.cot"),
        invoke: "",
        arguments: "",
        breakpoints: &["shapes.cot:19", "shapes.cot:22"],
        answers: &[
            ("print color", "$1 = blue"),
            ("print node", "$2 = {value = 1, next = 0x0, tag = 65 'A'}"),
            ("print text", "$3 = {ptr = 0x…, len = 5, cap = …}"),
            ("info locals", "twice = 106 'j'\nitem = 104 'h'\ntotal = 1"),
            ("up", "#1  0x… in main () at shapes.cot:38\n38\t    return paint(Color.blue, first, \"hello\")"),
            ("print list", "$4 = {1, 9, 3}"),
            ("print first.tag", "$5 = 65 'A'"),
            ("print *second", "$6 = {value = 2, next = 0x0, tag = 66 'B'}"),
            ("print maybe", "$7 = {is_some = true, value = 5}"),
            ("print failed.error", "$8 = Odd"),
            ("print fine.value", "$9 = 4"),
            ("print fine.is_error", "$10 = false"),
            ("print shape.tag", "$11 = square"),
            ("print shape.square", "$12 = 17"),
            ("print pair", "$13 = {0 = 4, 1 = 2.5}"),
            ("print counter", "$14 = 8"),
            ("delete 1", ""),
            (GO, "…paint (color=blue, node=..., text=...) at shapes.cot:22\n22\t        total += item"),
            ("info locals", "item = 10\ntotal = 543"),
        ],
    },
    // In loops, what was known of a local before it is set again must not be shown after.
    Session {
        name: "loops",
        source: Source::Module("nested.wat"),
        invoke: "nested",
        arguments: "50",
        breakpoints: &["nested.wat:7", "nested.wat:16"],
        answers: &[
            ("print x", "?$ = 1"),
            ("print s", "?$ = 0"),
            ("print i", "?$ = 0"),
            (GO, "…"),
            ("print x", "?$ = 77"),
            ("print s", "?$ = 2"),
            ("print i", "?$ = 0"),
            (GO, "…"),
            ("print x", "?$ = 1"),
            ("print s", "?$ = 2"),
            ("print i", "?$ = 1"),
            (GO, "…"),
            ("print x", "?$ = 1"),
            ("print s", "?$ = 0"),
            ("print i", "?$ = 2"),
            (GO, "…"),
            ("print x", "?$ = 77"),
            ("print s", "?$ = 2"),
            ("print i", "?$ = 2"),
            (GO, "…"),
            ("print x", "?$ = 1"),
            ("print s", "?$ = 2"),
            ("print i", "?$ = 3"),
            (GO, "…"),
            ("print x", "?$ = 1"),
            ("print s", "?$ = 0"),
            ("print i", "?$ = 2"),
            (GO, "…"),
            ("print x", "?$ = 77"),
            ("print s", "?$ = 2"),
            ("print i", "?$ = 2"),
        ],
    },
    Session {
        name: "text-form",
        source: Source::Binary("square.wat"),
        invoke: "twice",
        arguments: "4",
        breakpoints: &["square if x == 2"],
        answers: &[
            ("bt 2", "#0  square (x=2) at program.debug.wat:…\n#1  0x… in twice (n=4) at program.debug.wat:…"),
            ("next", "…"),
            ("next", "…"),
            ("print y", "?$1 = 4"),
        ],
    },
];

const LIST: &[(&str, &str)] = &[
    ("bt 2", "#0  depth (n=0x…, color=GREEN, number=...) at list.c:30\n#1  0x… in run (argument=1) at list.c:53"),
    ("print *n", "$1 = {name = 0x…, weight = 4.25, next = 0x…, tags = {20, 21, 22}}"),
    ("print *n->name", "$2 = \"third\""),
    ("print *n->next", "$3 = {name = 0x…, weight = 2.5, next = 0x…, tags = {10, 11, 12}}"),
    ("print *n->next->next->name", "$4 = \"first\""),
    ("print color", "$5 = GREEN"),
    ("print number.whole", "$6 = 7"),
    ("print pool[1].weight", "$7 = 2.5"),
    ("print count", "$8 = 3"),
    ("print head == n", "$9 = 1"),
    ("print *head->name", "$10 = \"third\""),
    ("up", "#1  0x… in run (argument=1) at list.c:53\n53\t  int d = depth(last, GREEN, number);"),
    ("print half", "$11 = 0.5"),
    ("print byte", "$12 = 200 '\\310'"),
    ("print last->tags", "$13 = {20, 21, 22}"),
    (GO, "…factorial (n=1) at list.c:39\n39\t  if (n < 2) {"),
    (
        "bt 3",
        "#0  …factorial (n=1) at list.c:39\n#1  0x… in factorial (n=2) at list.c:42\n#2  0x… in factorial (n=3) at list.c:42",
    ),
    ("finish", "…list.c:42…"),
    ("next", "~43\t  return n * rest;"),
    ("print rest", "?$15 = 1"),
    (GO, "…run (argument=1) at list.c:55\n55\t  return f + d + byte + argument;"),
    ("print f", "?$16 = 720"),
    ("print d", "?$17 = 15"),
];

fn main() {
    let levels = [("O0", "-O0", ""), ("O2", "-O2", ""), ("O0-any", "-O0", "--memory-base=any")];
    let mut trials = Vec::new();
    for session in SESSIONS {
        // Of a function of three operators, optimization leaves two instructions.
        let is_text = matches!(session.source, Source::Module("square.wat") | Source::Binary(_));
        let levels = if matches!(session.source, Source::Cot(_)) { &levels[..1] } else { &levels };
        for &(level, optimize, base) in levels.iter().filter(|(level, ..)| !is_text || *level != "O2") {
            trials.push(trial(format!("{}/{level}", session.name), move || session.check(optimize, base)));
        }
    }
    trials.push(positions_by_llvm());
    trials.push(trial("lines-in-traps", lines_in_traps));
    trials.push(trial("source-map", source_map));
    trials.push(trial("external", external));
    trials.push(trial("lldb", lldb::session));
    trials.push(trial("split-files", split::files));
    trials.push(trial("instances", instances::session));
    trials.push(trial("perf", perf));
    trials.push(trial("damaged", damaged));
    trials.push(trial("bounded", hostile::bounded));
    test_kit::trial::run(trials);
}

impl Session {
    fn check(&self, optimize: &str, base: &str) -> Result<()> {
        let folder = self.source.compile()?;
        if !matches!(self.source, Source::Cot(_)) {
            let flags: Vec<&str> =
                [self.source.input(), "-g", optimize, base, "--invoke", self.invoke, "-o", "program"].into();
            let flags: Vec<&str> = flags.into_iter().filter(|flag| !flag.is_empty()).collect();
            folder.builds(&flags);
        }
        let text = self.run(&folder)?;
        let answers: Vec<&str> = text.split(MARK).skip(1).collect();
        ensure!(answers.len() == self.answers.len(), "gdb stopped early:\n{text}");
        for ((command, expected), answer) in self.answers.iter().zip(answers) {
            let answer = answer.trim();
            if optimize != "-O0" && expected.starts_with('~') {
                continue;
            }
            let expected = expected.trim_start_matches('~');
            let (expected, may_be_lost) = match expected.strip_prefix('?') {
                Some(expected) => (expected, optimize != "-O0"),
                None => (expected, false),
            };
            // On aarch64, where an access adds the memory's base, code keeps sums and not locals.
            let may_be_lost = may_be_lost || optimize != "-O0" && target::is_foreign();
            if may_be_lost && (answer.contains("optimized out") || answer.is_empty()) {
                continue;
            }
            let (mut expected, shown) = (numberless(expected), numberless(answer));
            if optimize != "-O0" {
                expected = with_lost(&expected, &shown);
            }
            ensure!(matches(&expected, &shown), "{command}: expected\n{expected}\nbut gdb says\n{answer}");
        }
        Ok(())
    }

    fn run(&self, folder: &Folder) -> Result<String> {
        let mut commands: Vec<String> = vec![format!("cd {}", folder.path("").display())];
        commands.extend(self.breakpoints.iter().map(|place| format!("break {place}")));
        commands.push(gdb::start().to_owned());
        let mark = format!("echo {MARK}\\n");
        for (command, _) in self.answers {
            commands.push(mark.clone());
            commands.push(if *command == GO { "continue".to_owned() } else { (*command).to_owned() });
        }
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        gdb::session(&folder.path("program"), self.arguments, &commands)
    }
}

/// Stands before each answer.
const MARK: &str = "@@answer@@";

/// What is expected, without the arguments of functions that gdb shows as lost.
fn with_lost(expected: &str, shown: &str) -> String {
    const LOST: &str = "<optimized out>";
    let mut text = expected.to_owned();
    for (before, _) in shown.match_indices(&format!("={LOST}")) {
        let name = shown[..before].rsplit(['(', ' ']).next().unwrap_or_default();
        let Some(at) = text.find(&format!("({name}=")).or_else(|| text.find(&format!(" {name}="))) else { continue };
        let value = at + name.len() + 2;
        let length = text[value..].find([',', ')']).unwrap_or(0);
        text.replace_range(value..value + length, LOST);
    }
    text
}

/// Values are counted; what was lost is not.
fn numberless(text: &str) -> String {
    match text.strip_prefix('$').and_then(|rest| rest.split_once(" = ")) {
        Some((_, value)) => format!("$ = {value}"),
        None => match text.rsplit_once("Value returned is $") {
            Some((before, after)) => {
                format!("{before}Value returned is $ = {}", after.split_once(" = ").map_or(after, |(_, value)| value))
            }
            None => text.to_owned(),
        },
    }
}

/// Whether a text is as expected, where `…` stands for any text.
fn matches(expected: &str, text: &str) -> bool {
    let mut parts = expected.split('…');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

impl Source {
    /// What the compiler gets.
    fn input(&self) -> &'static str {
        match self {
            Source::Module(file) => file,
            Source::Clang(..) | Source::Binary(_) | Source::Cot(_) => "module",
        }
    }

    /// A folder with the source and the module, or the program.
    fn compile(&self) -> Result<Folder> {
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/debug");
        match self {
            Source::Clang(file, flags) => {
                tool::require_command("clang-19")?;
                let folder = Folder::with_copies(&place, &[file]);
                let mut args = vec!["--target=wasm32", "-nostdlib", "-O0", "-Wl,--no-entry,--export=run", file];
                args.extend(*flags);
                args.extend(["-o", "module"]);
                folder.tool("clang-19", &args).succeeds();
                Ok(folder)
            }
            Source::Module(file) => Ok(Folder::with_copies(&place, &[file, "counter.rs"])),
            Source::Cot(file) => {
                let folder = Folder::with_copies(&place, &[file]);
                let outcome = folder.cot(&["build", "-g", file, "-o", "program"]);
                ensure!(outcome.status == 0, "{outcome:?}");
                Ok(folder)
            }
            Source::Binary(file) => {
                let folder = Folder::empty();
                folder.write("module", wat::parse_file(place.join(file))?);
                Ok(folder)
            }
        }
    }
}

/// LLVM keeps lines and inlined functions; variables may be lost.
fn positions_by_llvm() -> Trial {
    trial("llvm", || {
        let folder = Source::Clang("list.c", &["-g"]).compile()?;
        folder.builds(&["module", "-g", "-O2", "--generator", "llvm", "--invoke", "run", "-o", "program"]);
        let commands = ["break list.c:42", gdb::start(), "bt 2"];
        let text = gdb::session(&folder.path("program"), "1", &commands)?;
        ensure!(
            text.contains("factorial (n=<optimized out>) at list.c:42") || text.contains("factorial () at list.c:42"),
            "{text}"
        );
        ensure!(text.contains("run (argument=<optimized out>) at list.c:54"), "{text}");
        Ok(())
    })
}

/// The lines of a trap and of the calls that led there, also where functions are inlined.
fn lines_in_traps() -> Result<()> {
    let folder = Folder::with(&[("trap.c", TRAP)]);
    tool::require_command("clang-19")?;
    let args = ["--target=wasm32", "-nostdlib", "-g", "-O1", "-Wl,--no-entry,--export=run", "trap.c", "-o", "module"];
    folder.tool("clang-19", &args).succeeds();
    for flags in [&["-O0"][..], &["-O2"], &["-O2", "--inline"], &["--generator", "llvm"]] {
        let common = ["module", "-g", "--invoke", "run", "-o", "program"];
        folder.builds(&[&common, flags].concat());
        let outcome = process::outcome(process::program(folder.path("program")).arg("3"));
        ensure!(outcome.status == 134, "{flags:?}: {outcome:?}");
        let lines: Vec<&str> = outcome.stderr.lines().filter_map(|line| line.trim().strip_prefix("at ")).collect();
        ensure!(lines == ["trap.c:1:61", "trap.c:4:10", "trap.c:7:32"], "{flags:?}: {lines:?}\n{}", outcome.stderr);
    }
    Ok(())
}

const TRAP: &str = "__attribute__((noinline)) static int inner(int *p) { return *p; }
__attribute__((noinline)) static int outer(int n) {
  int *p = (int *)(unsigned)(n * 0x10000000);
  return inner(p) + 1;
}

int run(int argument) { return outer(argument); }
";

/// A module whose compiler wrote a source map, beside it or nowhere.
fn source_map() -> Result<()> {
    let folder = Folder::empty();
    let text = r#"(module (func $half (export "run") (param i32) (result i32)
        (i32.div_s (i32.const 84) (local.get 0)))
      (@custom "sourceMappingURL" "\0amodule.map"))"#;
    folder.write("module", wat::parse_str(text)?);
    let build = ["module", "-g", "--invoke", "run", "-o", "program"];
    let outcome = folder.wasm2native(&build);
    outcome.fails(1, &["error: module: the source map module.map: "]);
    folder.builds(&["module", "--invoke", "run", "-o", "program"]);
    let run = || process::outcome(process::program(folder.path("program")).arg("0"));
    let trap = run().stderr;
    let offset = trap.split_once("0: 0x").and_then(|(_, rest)| rest.split_once(' ')).context("a backtrace")?.0;
    let mapping = [i64::from_str_radix(offset, 16)?, 0, 41, 8].map(base64).concat();
    folder.write("module.map", format!(r#"{{"version":3,"sources":["assembly/index.ts"],"mappings":"{mapping}"}}"#));
    folder.builds(&build);
    let trap = run().stderr;
    ensure!(trap.contains("assembly/index.ts:42:9"), "{trap}");
    // A root lacks its slash, and where only the file without it is there, it is no folder, as
    // `./program` of AssemblyScript's `-o program.wasm`.
    let map = format!(r#"{{"version":3,"sourceRoot":"./root","sources":["a.ts"],"mappings":"{mapping}"}}"#);
    folder.write("module.map", map);
    folder.builds(&build);
    let trap = run().stderr;
    ensure!(trap.contains("root/a.ts:42:9"), "{trap}");
    folder.write("a.ts", "");
    folder.builds(&build);
    let trap = run().stderr;
    ensure!(trap.contains("a.ts:42:9") && !trap.contains("root"), "{trap}");
    Ok(())
}

/// A number of a source map: 5 bits a digit, the lowest first, of which the first is the sign.
fn base64(number: i64) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut rest = number << 1;
    let mut text = String::new();
    loop {
        let more = if rest > 31 { 32 } else { 0 };
        text.push(char::from(DIGITS[usize::try_from(rest & 31 | more).expect("six bits")]));
        rest >>= 5;
        if rest == 0 {
            return text;
        }
    }
}

/// Spends its time in the lines 4 and 5.
const BUSY: &str = r#"(module
  (func $busy (param $n i32) (result i32) (local $s i32)
    (loop $next
      (local.set $s (i32.xor (i32.mul (local.get $s) (i32.const 31)) (local.get $n)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))
  (func (export "main") (result i32) (i32.and (call $busy (i32.const 300000000)) (i32.const 0))))"#;

/// `perf` names functions of Wasm and lines of the source.
fn perf() -> Result<()> {
    tool::require("perf")?;
    let folder = Folder::with(&[("busy.wat", BUSY)]);
    folder.builds(&["busy.wat", "-g"]);
    let record = ["record", "-q", "-e", "cpu-clock:u", "-o", "data", "./busy"];
    let recorded = process::outcome(tool::command("perf").args(record).current_dir(folder.path("")));
    if recorded.status != 0 {
        let reason = format!("perf may not record here: {}", recorded.stderr.lines().next().unwrap_or_default());
        return Err(Skip::Reason(reason).into());
    }
    let ask = |words: &[&str]| folder.tool("perf", &[words, &["-i", "data", "--stdio"]].concat()).stdout;
    let report = ask(&["report", "-s", "symbol,srcline"]);
    let is_line = |line: &str| line.contains("[.] busy ") && line.contains("busy.wat:");
    ensure!(report.lines().any(is_line), "{report}");
    let annotated = ask(&["annotate", "-l", "busy"]);
    ensure!(annotated.contains("busy.wat:4") && annotated.contains("(local.set $s (i32.xor"), "{annotated}");
    Ok(())
}

/// The module's DWARF is in a file of its own, which the user or the module names.
fn external() -> Result<()> {
    use wasm_encoder::Section;

    let whole = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/debug/counter.wasm"))?;
    let mut stripped = whole[..8].to_vec();
    for payload in wasmparser::Parser::new(0).parse_all(&whole) {
        let payload = payload?;
        let is_debug =
            matches!(&payload, wasmparser::Payload::CustomSection(section) if section.name().starts_with(".debug_"));
        if let Some((id, range)) = payload.as_section().filter(|_| !is_debug) {
            let data = &whole[usize::try_from(range.start)?..usize::try_from(range.end)?];
            wasm_encoder::RawSection { id, data }.append_to(&mut stripped);
        }
    }
    let name = b"\x16elsewhere/counter.wasm";
    let section = wasm_encoder::CustomSection { name: "external_debug_info".into(), data: name[..].into() };
    let folder = Folder::with(&[("other.wat", "(module (func))")]);
    folder.write("stripped.wasm", &stripped);
    folder.write("whole.wasm", &whole);
    let assembly = |flags: &[&str]| {
        let out = folder.wasm2native(&[&["stripped.wasm", "-S", "-o", "-"], flags].concat()).succeeds();
        (out.stdout.contains(" counter.rs:21"), out.stderr.to_string())
    };
    let file = ["--debug-file", "whole.wasm"];
    ensure!(assembly(&file) == (true, String::new()), "{:?}", assembly(&file));
    section.append_to(&mut stripped);
    folder.write("stripped.wasm", &stripped);
    ensure!(assembly(&[]) == (false, String::new()));
    let message = |reason: &str| format!("warning: stripped.wasm: no debug information from counter.wasm: {reason}");
    let (has_lines, text) = assembly(&["-g"]);
    ensure!(!has_lines && text.starts_with(&message("can't read it: No such file")), "{text}");
    folder.write("counter.wasm", &whole);
    ensure!(assembly(&["-g"]) == (true, String::new()));
    folder.write("counter.wasm", &whole[..whole.len() - 100]);
    let (_, text) = assembly(&["-g"]);
    ensure!(text.starts_with(&message("it is damaged: ")) && text.lines().count() == 1, "{text}");
    folder.write("counter.wasm", "text");
    ensure!(assembly(&["-g"]) == (false, message("it is not a module\n")));
    folder.write("counter.wasm", wat::parse_str("(module (func))")?);
    let (_, text) = assembly(&["-g"]);
    ensure!(text.starts_with(&message("it belongs to another module: its code has ")), "{text}");
    Ok(())
}

/// Whatever the sections hold, there is a program, and one line that says what is left out.
fn damaged() -> Result<()> {
    let folder = Folder::empty();
    let module = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/debug/counter.wasm"))?;
    let sections = module.windows(7).position(|bytes| bytes == b".debug_").context("it has sections")?;
    for (number, at) in (sections..module.len()).step_by(97).enumerate() {
        let mut damaged = module.clone();
        damaged[at] ^= 0xff;
        folder.write("module", &damaged);
        let outcome = folder.wasm2native(&["module", "-g", "--invoke", "run", "-o", "program"]);
        let text = &outcome.stderr;
        if outcome.status != 0 && !text.contains("error: module: ") || text.contains("a mistake in wasm2native") {
            bail!("byte {at} ({number}): {outcome:?}");
        }
    }
    Ok(())
}
