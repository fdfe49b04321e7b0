//! Shared libraries as files: opened at run time, and as linkers and loaders see them.

use crate::host;
use anyhow::Result;
use goblin::elf::Elf;
use libtest_mimic::Trial;
use std::collections::BTreeSet;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["dynamic":
        libraries_are_opened_at_run_time,
        a_shared_library_shows_its_interface_and_no_more,
        a_shared_library_tells_its_powers,
        an_archive_shows_only_what_is_ours,
    ]
}

const MODULE: &str = r#"(module (memory (export "memory") 3)
    (func (export "divide") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1))))"#;

fn libraries_are_opened_at_run_time() -> Result<()> {
    let folder = host("cc", &["values.wat", "dynamic.c"])?;
    folder.builds(&["values.wat", "--emit", "header"]);
    folder.write("m.wat", MODULE);
    folder.builds(&["m.wat", "--prefix", "one", "--emit", "sharedlib=one.so"]);
    folder.builds(&["m.wat", "--prefix", "two", "-s", "--emit", "sharedlib=two.so"]);
    folder.cc(&["dynamic.c", "-ldl", "-o", "dynamic"]);
    let lines = |name: &str| format!("{name} 0 196608 3 7 integer divide by zero\nagain 3 7\n");
    folder.program("dynamic", &[]).prints(&[lines("one"), lines("two"), lines("one")].concat());
    Ok(())
}

fn a_shared_library_shows_its_interface_and_no_more() -> Result<()> {
    let folder = host("cc", &[])?;
    folder.write("m.wat", MODULE);
    folder.builds(&["m.wat", "--emit", "sharedlib=libm1.so,staticlib"]);
    let bytes = std::fs::read(folder.path("libm1.so")).expect("it was built");
    let elf = Elf::parse(&bytes).expect("it is ELF");
    assert_eq!(elf.soname, Some("libm1.so"));
    let needed: BTreeSet<_> = elf.libraries.iter().copied().collect();
    assert!(needed.is_subset(&["libc.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"].into()), "{needed:?}");
    assert!(needed.contains("libc.so.6"));
    let name = |symbol: &goblin::elf::Sym| elf.dynstrtab.get_at(symbol.st_name).expect("it has a name").to_owned();
    let defined: BTreeSet<_> = elf.dynsyms.iter().filter(|symbol| symbol.st_shndx != 0).map(|it| name(&it)).collect();
    let expected = ["m_configure", "m_divide", "m_init", "m_memory", "m_memory_grow", "m_memory_size", "m_reset"];
    let runtime = ["w2n_handle_signal", "w2n_raise_message", "w2n_shared", "w2n_trap_text", "w2n_try"];
    assert_eq!(defined, expected.into_iter().chain(runtime).map(String::from).collect());
    // Not one function of the C library is inside.
    assert!(!elf.syms.iter().any(|symbol| symbol.st_shndx != 0 && elf.strtab.get_at(symbol.st_name) == Some("malloc")));
    Ok(())
}

fn a_shared_library_tells_its_powers() -> Result<()> {
    let folder = host("cc", &[])?;
    folder.write("m.wat", MODULE);
    for flags in [&[][..], &["-s"]] {
        folder.builds(&[&["m.wat", "--dir", "x::/y", "--emit", "sharedlib=m.so"], flags].concat());
        let text = folder.wasm2native(&["inspect", "m.so"]).succeeds().stdout;
        assert!(text.contains("nothing by itself: a library, m_*") && text.contains("x as /y"), "{flags:?} {text}");
    }
    Ok(())
}

fn an_archive_shows_only_what_is_ours() -> Result<()> {
    let folder = host("cc", &[])?;
    folder.write("m.wat", MODULE);
    folder.builds(&["m.wat", "--emit", "staticlib"]);
    let bytes = std::fs::read(folder.path("m.a")).expect("it was built");
    let archive = goblin::archive::Archive::parse(&bytes).expect("it is an archive");
    assert_eq!(archive.members(), ["module.o", "runtime.o"]);
    let ours = |name: &&str| ["m_", "w2n_", "w2n.", "wasi_"].iter().any(|start| name.starts_with(start));
    for (member, symbols) in archive.summarize().iter().map(|(name, _, symbols)| (name, symbols)) {
        let others: Vec<_> = symbols.iter().filter(|name| !ours(name)).collect();
        assert!(others.is_empty(), "{member}: {others:?}");
        assert!(symbols.contains(if *member == "module.o" { &"m_divide" } else { &"w2n_try" }), "{member}");
    }
    Ok(())
}
