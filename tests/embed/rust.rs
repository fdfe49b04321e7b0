//! Libraries in Rust programs, through the generated declarations.

use crate::host;
use anyhow::Result;
use libtest_mimic::Trial;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["rust":
        rust_calls_through_generated_declarations,
        a_shared_library_serves_rust,
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
