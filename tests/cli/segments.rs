//! What the system maps of programs and shared libraries, for each target with a runtime: nothing
//! that can be written and run, nothing at a fixed address, and nothing writable that the loader
//! alone has to write.

use anyhow::{Context, Result, ensure};
use goblin::elf::dynamic::{DF_1_NOW, DF_1_PIE, DF_BIND_NOW, DF_TEXTREL};
use goblin::elf::header::{EM_AARCH64, ET_DYN};
use goblin::elf::program_header::{PF_W, PF_X, PT_GNU_RELRO, PT_GNU_STACK, PT_INTERP, PT_LOAD, ProgramHeader};
use goblin::elf::section_header::{SHF_EXECINSTR, SHF_WRITE};
use goblin::elf::{Elf, SectionHeader};
use libtest_mimic::Trial;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use test_kit::folder::Folder;
use test_kit::process;
use test_kit::trial::Skip;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["segments": files_ask_for_no_more_than_they_need, what_runs_is_private_and_not_writable]
}

const PLAIN: &str = r#"(module (memory 1) (data (i32.const 8) "\2a")
    (func (export "main") (result i32) (i32.load8_u (i32.const 8))))"#;

/// Prints its first line, and waits for input.
const WAITING: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\10\00\00\00\02\00\00\00")
    (data (i32.const 16) "!\n")
    (func (export "_start")
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

/// Calls the C library.
const COMPLETE: &str = r#"(module
    (import "env" "putchar" (func $putchar (param i32) (result i32)))
    (func (export "main") (result i32) (call $putchar (i32.const 33))))"#;

const MODULES: [(&str, &str); 3] = [("plain", PLAIN), ("waiting", WAITING), ("complete", COMPLETE)];

fn files_ask_for_no_more_than_they_need() -> Result<()> {
    let folder = Folder::empty();
    let targets = folder.wasm2native(&["--target", "help"]).succeeds();
    let targets: Vec<_> = targets
        .stdout
        .lines()
        .filter(|line| line.contains("programs"))
        .filter_map(|line| line.split(' ').next())
        .collect();
    ensure!(!targets.is_empty(), "the compiler has no runtime");
    for target in targets {
        for (name, text) in MODULES {
            let file = format!("{name}.wat");
            folder.write(&file, text);
            let emit = "exe=program,sharedlib=library.so";
            folder.builds(&[&file, "--allow-import", "env.putchar", "--target", target, "--emit", emit]);
            for file in ["program", "library.so"] {
                let bytes = folder.read(file);
                let elf = Elf::parse(&bytes)?;
                check(&elf, file == "program").with_context(|| format!("{target}, {name}, {file}"))?;
            }
        }
    }
    Ok(())
}

fn check(elf: &Elf<'_>, is_program: bool) -> Result<()> {
    ensure!(elf.header.e_type == ET_DYN, "it has fixed addresses");
    let dynamic = &elf.dynamic.as_ref().context("it has no dynamic section")?.info;
    ensure!(dynamic.flags & DF_TEXTREL == 0 && !dynamic.textrel, "relocations are in code");
    if is_program {
        ensure!(dynamic.flags_1 & DF_1_PIE != 0, "it is not called position-independent");
        ensure!(segments(elf, PT_INTERP).count() == 0, "it needs a loader");
    } else {
        let is_bound = dynamic.flags & DF_BIND_NOW != 0 && dynamic.flags_1 & DF_1_NOW != 0;
        ensure!(is_bound, "functions are looked up while it runs, so their addresses stay writable");
    }

    let stack = segments(elf, PT_GNU_STACK).next().context("it does not speak of the stack")?;
    ensure!(stack.p_flags & PF_X == 0, "the stack can be run");
    let page = if elf.header.e_machine == EM_AARCH64 { 64 << 10 } else { 4 << 10 };
    for segment in segments(elf, PT_LOAD) {
        ensure!(segment.p_flags & (PF_W | PF_X) != PF_W | PF_X, "{segment:x?} can be written and run");
        ensure!(segment.p_align % page == 0, "{segment:x?} does not suit pages of {page} bytes");
        ensure!((segment.p_vaddr - segment.p_offset) % page == 0, "{segment:x?} can't be mapped");
    }
    let writable_code = u64::from(SHF_WRITE | SHF_EXECINSTR);
    for section in &elf.section_headers {
        ensure!(section.sh_flags & writable_code != writable_code, "{} can be written and run", name(elf, section));
    }
    check_relro(elf, page)
}

/// Relocated once, read-only ever after: the protected part has all sections of that kind, its
/// segment alone, and no page that is left out at an end because only a part of it is to be
/// protected.
fn check_relro(elf: &Elf<'_>, page: u64) -> Result<()> {
    const RELOCATED: [&str; 6] = [".data.rel.ro", ".dynamic", ".got", ".got.plt", ".init_array", ".fini_array"];
    let relro = segments(elf, PT_GNU_RELRO).next().context("nothing is protected after relocation")?;
    let protected = relro.p_vaddr..relro.p_vaddr + relro.p_memsz;
    for section in &elf.section_headers {
        let is_inside = protected.contains(&section.sh_addr) && section.sh_addr + section.sh_size <= protected.end;
        let (name, is_writable) = (name(elf, section), section.sh_flags & u64::from(SHF_WRITE) != 0);
        ensure!(is_inside || !(is_writable && RELOCATED.contains(&name)), "{name} stays writable");
    }
    ensure!(protected.end.is_multiple_of(page), "the last page, up to {:#x}, stays writable", protected.end);
    let holder = segments(elf, PT_LOAD).find(|it| it.p_vaddr == protected.start);
    let holder = holder.context("the protected part does not begin with its segment")?;
    ensure!(holder.p_vaddr + holder.p_memsz <= protected.end, "other data is in the segment");
    Ok(())
}

fn segments<'a>(elf: &'a Elf<'_>, kind: u32) -> impl Iterator<Item = &'a ProgramHeader> {
    elf.program_headers.iter().filter(move |it| it.p_type == kind)
}

fn name<'a>(elf: &Elf<'a>, section: &SectionHeader) -> &'a str {
    elf.shdr_strtab.get_at(section.sh_name).unwrap_or_default()
}

/// Of a program that runs, by what the system says about it.
fn what_runs_is_private_and_not_writable() -> Result<()> {
    if std::env::var_os("W2N_EMULATOR").is_some() {
        return Err(Skip::Reason("the emulator's memory would be looked at".to_owned()).into());
    }
    let folder = Folder::with(&[("waiting.wat", WAITING)]);
    folder.builds(&["waiting.wat", "-o", "program"]);
    let bytes = folder.read("program");
    let elf = Elf::parse(&bytes)?;
    let relro = segments(&elf, PT_GNU_RELRO).next().context("nothing is protected after relocation")?;

    let mut command = process::program(folder.path("program"));
    let mut child = process::spawn(command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()))?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("it is piped")?).read_line(&mut line)?;
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", child.id()))?;
    child.stdin.take().context("it is piped")?.write_all(b"\n")?;
    ensure!(child.wait()?.success() && line == "!\n", "it printed {line:?}");

    let mappings: Vec<_> = maps.lines().map(mapping).collect::<Option<_>>().context("a line has another form")?;
    for (range, rights, line) in &mappings {
        ensure!(!(rights.contains('w') && rights.contains('x')), "it can be written and run: {line}");
        ensure!(rights.ends_with('p') || line.ends_with(']'), "it is shared: {line}");
        ensure!(!range.is_empty(), "{line}");
    }
    let is_head = |line: &str| line.ends_with("program") && line.contains(" 00000000 ");
    let load = mappings.iter().find(|(.., line)| is_head(line)).context("its head is not mapped")?.0.start;
    let protected = load + relro.p_vaddr..load + relro.p_vaddr + relro.p_memsz;
    let overlapping = mappings.iter().filter(|(range, ..)| range.start < protected.end && protected.start < range.end);
    for (_, rights, line) in overlapping {
        ensure!(*rights == "r--p", "it is writable after relocation: {line}");
    }
    Ok(())
}

/// Addresses and rights of a line of `/proc/PID/maps`, and the line.
fn mapping(line: &str) -> Option<(std::ops::Range<u64>, &str, &str)> {
    let mut words = line.split(' ');
    let (start, end) = words.next()?.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some((number(start)?..number(end)?, words.next()?, line))
}
