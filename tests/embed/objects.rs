//! Libraries with garbage-collected types: objects stay between calls, and go with a reset.

use crate::host;
use anyhow::Result;
use libtest_mimic::Trial;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["objects":
        a_reset_forgets_all_objects,
        each_instance_has_its_own,
        c_holds_references,
        cxx_holds_references,
        safe_rust_holds_references,
        a_host_says_what_its_collections_took,
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

/// What the C library of a host defines for `handles.wat`.
const CHOOSE: &str = "void *choose(void *node, void *other) { return other ? node : 0; }\n";

const ROUND_OF_HANDLES: &str = "\
3
held: fine 
3
held once: fine 
dropped: fine 
get of a dropped one: handle HANDLE
drop of a dropped one: handle HANDLE
null: fine 
null: cast cast failure: found null, expected node
1
4
a node: fine 
another struct: cast cast failure: found other, expected node
null for a node: cast cast failure: found null, expected node
an i31: cast cast failure: found i31, expected node
-5
42
its type: fine 
another type: cast cast failure: found a function of another type, expected func
no function: null null function reference
4
an import: fine 
an import: cast cast failure: found other, expected node
too many: heap 
1 1
void since a reset: handle HANDLE
";

fn c_holds_references() -> Result<()> {
    let folder = host("cc", &["handles.wat", "handles.c"])?;
    let round =
        ROUND_OF_HANDLES.replace("HANDLE", "the host uses a handle of a reference that was given back, or is void");
    for flags in [&[][..], &["-O0"], &["--memory-checks"]] {
        folder.builds(&[flags, &["handles.wat", "--emit", "staticlib,header"]].concat());
        let header = String::from_utf8(folder.read("handles.h"))?;
        assert!(header.contains("extern const volatile w2n_anyref handles_list;"), "a host can't set it: {header}");
        folder.cc(&["-Wall", "-Wextra", "-Werror", "handles.c", "handles.a", "-o", "host"]);
        let out = folder.program("host", &[]);
        let expected = format!("{round}{round}0\na limit: heap \n");
        assert_eq!((out.stdout.to_string(), out.status), (expected, 0), "{flags:?} {out:#?}");
    }
    Ok(())
}

const CXX: &str = r#"
#include "handles.hpp"
#include <cstdio>

int main() {
  wasm2native::Handles library;
  library.push(3);
  const w2n_handle held = library.ref_new(library.head());
  library.clear();
  for (int i = 0; i < 1000000; i++) library.push(i), library.clear();
  std::printf("%d\n", library.value(library.ref_get(held)));
  library.ref_drop(held);
  try {
    library.ref_get(held);
  } catch (const wasm2native::trap &trap) {
    std::printf("%d\n", trap.code() == W2N_TRAP_HANDLE);
  }
}
"#;

fn cxx_holds_references() -> Result<()> {
    let folder = host("c++", &["handles.wat"])?;
    folder.write("host.cpp", CXX);
    folder.write("choose.c", CHOOSE);
    folder.cc(&["-c", "choose.c"]);
    folder.builds(&["handles.wat", "--emit", "staticlib,c++"]);
    let files = ["host.cpp", "choose.o", "handles.a", "-o", "host"];
    folder.silent_tool("c++", &[&["-std=c++17", "-Wall", "-Wextra", "-Werror"][..], &files].concat());
    folder.program("host", &[]).prints("3\n1\n");
    Ok(())
}

const RUST: &str = "\
2
true
2999999 7 -5
true
true
42
true
true
true
true
";

fn safe_rust_holds_references() -> Result<()> {
    let folder = host("rustc", &["handles.wat", "handles_host.rs"])?;
    folder.write("choose.c", CHOOSE);
    folder.cc(&["-c", "choose.c"]);
    folder.builds(&["handles.wat", "--emit", "rust,staticlib=libhandles.a"]);
    let declarations = String::from_utf8(folder.read("handles.rs"))?;
    assert!(declarations.contains("an exception, not for safe Rust"), "{declarations}");
    let flags = ["-Dwarnings", "-L.", "-lstatic=handles", "-Clink-arg=choose.o", "-o", "host", "--edition", "2024"];
    folder.silent_tool("rustc", &[&["handles_host.rs"], &flags[..]].concat());
    folder.program("host", &[]).prints(RUST);
    Ok(())
}

fn a_host_says_what_its_collections_took() -> Result<()> {
    let folder = host("cc", &["objects.wat", "objects.c", "objects_instances.c"])?;
    folder.builds(&["objects.wat", "--emit", "staticlib,sharedlib,header"]);
    folder.cc(&["objects.c", "objects.a", "-o", "static"]);
    folder.cc(&["objects.c", "objects.so", "-Wl,-rpath,$ORIGIN", "-o", "shared"]);
    folder.builds(&["objects.wat", "--instances", "--emit", "staticlib,header"]);
    folder.cc(&["objects_instances.c", "objects.a", "-o", "instances"]);
    // One line for each reset that frees objects, for each instance, and for the end.
    for (host, n_lines) in [("static", 3), ("shared", 3), ("instances", 8)] {
        let out = folder.program_with(host, &[], &[("WASM2NATIVE_OPTIONS", "--gc-stats")]);
        let lines: Vec<_> = out.stderr.lines().filter(|line| line.contains("gc: ")).collect();
        assert_eq!((lines.len(), out.status), (n_lines, 0), "{host} {out:#?}");
        assert!(lines.iter().all(|line| line.contains("99 % within")), "{host} {out:#?}");
    }
    Ok(())
}
