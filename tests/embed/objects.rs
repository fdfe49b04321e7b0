//! Libraries with garbage-collected types: objects stay between calls, and go with a reset.

use crate::host;
use anyhow::Result;
use libtest_mimic::Trial;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["objects":
        a_reset_forgets_all_objects,
        each_instance_has_its_own,
    ]
}

const ROUND: &str = "44999850000 299999\n0 1\n";

const INSTANCES: &str = "\
19999800000 399996
19999900000 399997
20000000000 399998
20000100000 399999
";

const LIMIT: [(&str, &str); 1] = [("WASM2NATIVE_OPTIONS", "--max-heap 64M")];

fn a_reset_forgets_all_objects() -> Result<()> {
    let folder = host("cc", &["objects.wat", "objects.c"])?;
    for flags in [&[][..], &["-O0"]] {
        folder.builds(&[flags, &["objects.wat", "--emit", "staticlib,sharedlib,header"]].concat());
        folder.cc(&["-Wall", "-Werror", "objects.c", "objects.a", "-o", "static"]);
        folder.cc(&["-Wall", "-Werror", "objects.c", "objects.so", "-Wl,-rpath,$ORIGIN", "-o", "shared"]);
        for host in ["static", "shared"] {
            let out = folder.program_with(host, &[], &LIMIT);
            assert_eq!((out.stdout.to_string(), out.status), (ROUND.repeat(3), 0), "{host} {flags:?} {out:#?}");
        }
    }
    Ok(())
}

fn each_instance_has_its_own() -> Result<()> {
    let folder = host("cc", &["objects.wat", "objects_instances.c"])?;
    folder.builds(&["objects.wat", "--instances", "--emit", "staticlib,header"]);
    folder.cc(&["-Wall", "-Werror", "objects_instances.c", "objects.a", "-o", "static"]);
    let out = folder.program("static", &[]);
    assert_eq!((out.stdout.to_string(), out.status), (INSTANCES.repeat(2), 0), "{out:#?}");
    Ok(())
}
