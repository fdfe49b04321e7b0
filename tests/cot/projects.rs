//! The command line of `cot` in a project: what `init` makes can be tested, built, run and used
//! from C; exit statuses; colors.

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use std::fs;
use std::path::Path;
use test_kit::process::Outcome;
use test_kit::trial::trial;
use test_kit::{command, process, tool};

pub fn trials() -> Vec<Trial> {
    let trial = |name: &str, test: fn() -> Result<()>| trial(format!("projects/{name}"), test);
    vec![
        trial("program", a_program_from_the_start),
        trial("library", a_library_from_the_start),
        trial("statuses", statuses_and_colors),
        trial("doc", a_page_of_declarations),
    ]
}

fn cot(folder: &Path, words: &[&str]) -> Result<Outcome> {
    process::run(command::cot().args(words).current_dir(folder).env_remove("COT_STDLIB"), b"")
}

/// For the processor that programs run on.
fn build(folder: &Path) -> Result<Outcome> {
    process::run(command::cot_build().current_dir(folder).env_remove("COT_STDLIB"), b"")
}

/// As [`cot`], with the commands' folder in PATH, for tasks that call `cot`.
fn cot_task(folder: &Path, name: &str) -> Result<Outcome> {
    let mut command = command::cot();
    let own = Path::new(command.get_program()).parent().map(Path::to_owned).unwrap_or_default();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([own].into_iter().chain(std::env::split_paths(&path)))?;
    process::run(command.args(["task", name]).current_dir(folder).env("PATH", path), b"")
}

fn must(outcome: &Outcome, what: &str) -> Result<()> {
    ensure!(outcome.status == 0, "{what}: {}{}", outcome.stdout, outcome.stderr);
    Ok(())
}

fn a_program_from_the_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    must(&cot(folder.path(), &["init", "demo"])?, "init")?;
    let demo = folder.path().join("demo");
    let tested = cot_task(&demo, "test")?;
    must(&tested, "task test")?;
    ensure!(tested.stderr.to_string().contains("ok | 1 passed"), "{}", tested.stderr);
    must(&cot(&demo, &["test", "src/main_test.cot"])?, "test")?;
    must(&build(&demo)?, "build")?;
    let ran = process::run(&mut process::program(demo.join("cot-out/main")), b"")?;
    ensure!(ran.stdout == "Hello, world!\n", "it says {}", ran.stdout);
    must(&cot(&demo, &["fmt", "--check", "src"])?, "fmt")?;
    must(&cot(&demo, &["lint"])?, "lint")
}

fn a_library_from_the_start() -> Result<()> {
    tool::require("cc")?;
    let folder = tempfile::tempdir()?;
    must(&cot(folder.path(), &["init", "--lib", "demo"])?, "init")?;
    let demo = folder.path().join("demo");
    must(&cot_task(&demo, "test")?, "task test")?;
    must(&build(&demo)?, "build")?;
    fs::write(
        demo.join("host.c"),
        "#include \"cot-out/lib.h\"\n#include <stdio.h>\n\
         int main(void) { printf(\"%d\\n\", (int)greeting_length(3)); }\n",
    )?;
    let mut cc = tool::cc();
    cc.args(["host.c", "cot-out/lib.a", "-o", "host"]).current_dir(&demo);
    must(&process::run(&mut cc, b"")?, "cc")?;
    let ran = process::run(&mut process::program(demo.join("host")), b"")?;
    ensure!(ran.stdout == "11\n", "it says {}", ran.stdout);
    must(&cot(&demo, &["fmt", "--check", "src"])?, "fmt")
}

fn statuses_and_colors() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("wrong.cot"), "fn main() i64 { return \"x\" }\n")?;
    for (words, status) in [
        (&["build", "--nosuch"][..], 2),
        (&["nosuch"], 2),
        (&["--color=purple", "check", "wrong.cot"], 2),
        (&["check", "missing.cot"], 1),
        (&["check", "wrong.cot"], 1),
        (&["build", "--target=pdp11", "wrong.cot"], 1),
        (&["version"], 0),
    ] {
        let outcome = cot(folder.path(), words)?;
        ensure!(outcome.status == status, "{words:?}: {} instead of {status}", outcome.status);
    }
    fs::write(folder.path().join("tests.cot"), "test \"sum\" { @assertEq(1 + 1, 2) }\n")?;
    for (choice, is_colored) in [("always", true), ("never", false), ("auto", false)] {
        for words in [["check", "wrong.cot"], ["test", "tests.cot"]] {
            let outcome = cot(folder.path(), &[words[0], words[1], "--color", choice])?;
            let has_color = outcome.stderr.to_string().contains("\x1b[");
            ensure!(has_color == is_colored, "{words:?} {choice}: {}", outcome.stderr);
        }
    }
    Ok(())
}

fn a_page_of_declarations() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("shapes.cot"), SHAPES)?;
    let printed = cot(folder.path(), &["doc", "shapes.cot"])?;
    must(&printed, "doc")?;
    ensure!(printed.stdout == PAGE, "the page is\n{}", printed.stdout);
    must(&cot(folder.path(), &["doc", "shapes.cot", "-o", "pages"])?, "doc -o")?;
    ensure!(fs::read_to_string(folder.path().join("pages/shapes.md"))? == PAGE, "another page is written");
    Ok(())
}

const SHAPES: &str = r#"import "std/list"

/// A square.
struct Square { side: i64 }

impl Square {
    /// What it covers.
    /// Never negative.
    fn area(self: *Square) i64 { return self.side * self.side }
}

const unit: i64 = 1

test "area" { }
"#;

const PAGE: &str = r#"# shapes

## Square

```cot
struct Square { side: i64 }
```

A square.

## Square.area

```cot
fn area(self: *Square) i64
```

What it covers.
Never negative.

## unit

```cot
const unit: i64 = 1
```
"#;
