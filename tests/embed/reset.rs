//! `PREFIX_reset`: a library is as at its start, whatever happened to it.

use crate::host;
use anyhow::Result;
use libtest_mimic::Trial;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["reset":
        all_is_as_at_the_start_and_hosts_act,
    ]
}

const EXPECTED: &str = "\
reset before init: 0
size 196608, `hello`, shown 2.5
24 rounds, 0 wrong
in a callback: 0 103
after it: 0 1
raised: 1 1 11 `of the host` 1
raised: 1 1 0 `` 1
raised: 1 1 127 `xxxxxxxxxxx` 1
3 3 -1 5 -1 -1 33095680
";

/// And the rest of what hosts do: raise traps, and let the memory grow.
fn all_is_as_at_the_start_and_hosts_act() -> Result<()> {
    let folder = host("cc", &["reset.wat", "reset.c"])?;
    folder.write("data/f", b"");
    for flags in [&[][..], &["-O0"], &["--max-memory", "100M"]] {
        folder.builds(&[flags, &["reset.wat", "--dir", "data", "--emit", "staticlib,sharedlib,header"]].concat());
        folder.cc(&["-Wall", "-Werror", "reset.c", "reset.a", "-o", "static"]);
        folder.cc(&["-Wall", "-Werror", "reset.c", "-rdynamic", "reset.so", "-Wl,-rpath,$ORIGIN", "-o", "shared"]);
        for host in ["static", "shared"] {
            let out = folder.program(host, &["24"]);
            assert_eq!((out.stdout.as_str(), out.status), (EXPECTED, 0), "{host} {flags:?} {out:#?}");
            let message = "library `reset` is running, so that it can't be reset\n";
            assert!(out.stderr.ends_with(message), "{host} {flags:?} {out:#?}");
        }
    }
    Ok(())
}
