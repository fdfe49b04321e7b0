//! Libraries in Rust programs, through the generated declarations.

use crate::host;
use anyhow::Result;
use libtest_mimic::Trial;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["rust":
        rust_calls_through_generated_declarations,
        a_shared_library_serves_rust,
        types_need_no_unsafe,
        clippy_finds_nothing,
    ]
}

const LINES: &str = "\
init 0
add 5
memory hello 65536
divmod 3 2
count 8 8
count 101
constants -5 0.5
log 42
ask 4.25
apply 42
trap true 0 \"integer divide by zero\"
text true
frames 1 true
panic true
thread 7
";

fn rust_calls_through_generated_declarations() -> Result<()> {
    let folder = host("rustc", &["values.wat", "host.rs"])?;
    folder.builds(&["values.wat", "--emit", "rust,staticlib=libvalues.a"]);
    // The standard library is in the program and in the runtime; neither may get in the other's
    // way.
    for edition in ["2021", "2024"] {
        for flags in [&["-O"][..], &["-Cpanic=abort", "-Copt-level=0"]] {
            let program = ["host.rs", "-Dwarnings", "-L.", "-lstatic=values", "-o", "host", "--edition", edition];
            folder.silent_tool("rustc", &[&program[..], flags].concat());
            let out = folder.program("host", &[]);
            let aborts = flags.len() > 1;
            match aborts {
                // The host's panic ends it.
                true => assert!(LINES.starts_with(&*out.stdout) && out.stdout.ends_with("frames 1 true\n"), "{out:#?}"),
                false => {
                    assert_eq!(out.stdout, LINES);
                    assert!(out.stderr.contains("of the host"), "{out:#?}");
                }
            }
        }
    }
    Ok(())
}

fn a_shared_library_serves_rust() -> Result<()> {
    let folder = host("rustc", &["values.wat", "host.rs"])?;
    folder.builds(&["values.wat", "--emit", "rust,sharedlib=libvalues.so"]);
    let link = ["-Clink-arg=-Wl,-rpath,$ORIGIN", "-Clink-arg=-rdynamic", "-L.", "-ldylib=values", "--edition", "2024"];
    folder.silent_tool("rustc", &[&["host.rs", "-Dwarnings", "-o", "host"][..], &link].concat());
    let out = folder.program("host", &[]);
    assert_eq!(out.stdout, LINES);
    Ok(())
}

const SAFE: &str = "\
taken true
sum 42
size 65536 Some(1) None 131072
Trap(7, \"integer divide by zero\") true None
wasm trap: integer divide by zero
wasm backtrace:
    0: OFFSET - divide
Some(\"divide\") 3 true
pair (7, -1)
global 5 0.5
global 9 10
function true Ok(42)
null uninitialized element
host true
Some(3)
reset 5 65536
thread call stack exhausted 32
callback, library taken: true
both true
trap wasm trap: unreachable
wasm backtrace:
    0: OFFSET - stop
again true
";

/// Two libraries, of which one has the runtime's part, and a host that has no `unsafe` of its own.
fn types_need_no_unsafe() -> Result<()> {
    let folder = host("rustc", &["sum.wat", "reset.wat", "safe.rs"])?;
    folder.builds(&["sum.wat", "--emit", "rust,staticlib=libsum.a"]);
    folder.builds(&["reset.wat", "--emit", "rust,staticlib=libreset.a", "--rust-runtime", "crate::sum"]);
    for edition in ["2021", "2024"] {
        for flags in [&["-O"][..], &["-Cpanic=abort", "-Copt-level=0"]] {
            let program = ["safe.rs", "-Dwarnings", "-L.", "-lstatic=sum", "-lstatic=reset", "-o", "host"];
            folder.silent_tool("rustc", &[&program[..], flags, &["--edition", edition]].concat());
            let out = folder.program("host", &[]);
            let offset = |word: &str| {
                if word.starts_with("0x") { "OFFSET".to_owned() } else { word.to_owned() }
            };
            let text = out.stdout.split(' ').map(offset).collect::<Vec<_>>().join(" ");
            assert_eq!(text, SAFE, "{edition} {flags:?} {out:#?}");
        }
    }
    Ok(())
}

fn clippy_finds_nothing() -> Result<()> {
    let folder = host("clippy-driver", &["sum.wat", "reset.wat", "values.wat", "safe.rs"])?;
    folder.builds(&["sum.wat", "--emit", "rust"]);
    folder.builds(&["reset.wat", "--emit", "rust", "--rust-runtime", "crate::sum"]);
    folder.builds(&["values.wat", "--emit", "rust"]);
    folder.write("values_too.rs", "#![deny(clippy::all)]\nmod values;\nfn main() {}\n");
    for file in ["safe.rs", "values_too.rs"] {
        for edition in ["2021", "2024"] {
            folder.silent_tool("clippy-driver", &[file, "-Dwarnings", "--emit=metadata", "--edition", edition]);
        }
    }
    Ok(())
}
