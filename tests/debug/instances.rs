//! Libraries with instances: debuggers find the code of each, which is mapped while the host runs.

use anyhow::{Result, bail, ensure};
use test_kit::folder::Folder;
use test_kit::trial::Skip;
use test_kit::{gdb, process, target, tool};

const LIBRARY: &str = "struct pair { int a; double b; };
static struct pair kept = {3, 2.5};
static int inner(int n, struct pair *p) {
  int twice = n * 2;
  p->a += twice;
  return p->a;
}
__attribute__((export_name(\"work\"))) int work(int n) { return inner(n, &kept) + 1; }
";

const HOST: &str = "#include \"lib.h\"
int main(void) {
  lib_instance *a = lib_new(0), *b = lib_new(0);
  int sum = lib_work(a, 5) + lib_work(b, 7);
  lib_free(b);
  b = lib_new(0);
  return sum + lib_work(b, 1) == 38 ? 0 : 1;
}
";

/// Each instance has variables of its own, also one in the place of another.
pub fn session() -> Result<()> {
    if target::is_foreign() {
        bail!(Skip::Reason("an emulator tells gdb of no code that is mapped later".to_owned()));
    }
    tool::require_command("clang-19")?;
    let folder = Folder::with(&[("lib.c", LIBRARY), ("host.c", HOST)]);
    let args = ["--target=wasm32", "-nostdlib", "-g", "-O0", "-Wl,--no-entry", "lib.c", "-o", "lib.wasm"];
    folder.tool("clang-19", &args).succeeds();
    for level in ["-O0", "-O2"] {
        folder.builds(&["lib.wasm", "-g", level, "--instances", "--emit", "staticlib,sharedlib,header"]);
        for library in ["lib.a", "lib.so"] {
            folder.cc(&["-g", "host.c", library, "-Wl,-rpath,$ORIGIN", "-o", "host"]);
            let commands = [
                "set breakpoint pending on",
                "break lib.c:5",
                "run",
                "bt",
                "print kept",
                "print p->b",
                "continue",
                "print kept",
                "print twice",
                "next",
                "print kept",
                "continue",
                "print kept",
                "continue",
            ];
            let text = gdb::session(&folder.path("host"), "", &commands)?;
            let mut rest = &text[..];
            for expected in [
                "inner (n=5, p=",
                ") at lib.c:8",
                "main () at host.c:4",
                "$1 = {a = 3, b = 2.5}",
                "$2 = 2.5",
                "inner (n=7, p=",
                "$3 = {a = 3, b = 2.5}",
                "$4 = 14",
                "$5 = {a = 17, b = 2.5}",
                "inner (n=1, p=",
                "$6 = {a = 3, b = 2.5}",
                "exited normally",
            ] {
                let place = rest.find(expected);
                ensure!(place.is_some(), "{level} {library}: no `{expected}` in\n{rest}\nof\n{text}");
                rest = &rest[place.unwrap_or(0) + expected.len()..];
            }
        }
    }
    // What debuggers need is nowhere else.
    for flags in [&[][..], &["-g", "-s"]] {
        folder.builds(&[&["lib.wasm", "--instances", "--emit", "staticlib"], flags].concat());
        folder.cc(&["host.c", "lib.a", "-Wl,--gc-sections", "-o", "host"]);
        let program = folder.read("host");
        ensure!(!program.windows(14).any(|it| it == b"__jit_debug_re"), "{flags:?}");
        ensure!(process::run(&mut std::process::Command::new(folder.path("host")), b"")?.status == 0);
    }
    Ok(())
}
