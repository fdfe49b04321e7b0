//! A real library: zlib, compiled to Wasm by clang, then to an archive, then linked into a C
//! program.

use crate::host;
use anyhow::Result;
use flate2::read::ZlibDecoder;
use libtest_mimic::Trial;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use test_kit::process::{self, outcome};
use test_kit::{toolchain, trials};

pub fn trials() -> Vec<Trial> {
    trials!["zlib":
        zlib_compresses_inside_of_a_rust_program,
        zlib_compresses_inside_of_a_c_program,
    ]
}

const SOURCES: &str = "adler32 compress crc32 deflate infback inffast inflate inftrees trees uncompr zutil";
const EXPORTS: &str = "compress2 uncompress compressBound crc32 malloc free";

/// The folder with zlib's sources, which the crate `libz-sys` brings.
fn sources() -> PathBuf {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--format-version", "1", "--offline", "--locked", "--manifest-path"]);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    // Packages of other platforms may never have been downloaded here.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let listed = outcome(command.args(["--filter-platform", &platform])).succeeds();
    let metadata: serde_json::Value = serde_json::from_str(&listed.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("it lists packages");
    let package =
        packages.iter().find(|package| package["name"] == "libz-sys").expect("it is a dependency of the tests");
    let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
    manifest.parent().expect("a file in a folder").join("src/zlib")
}

/// The module.
fn module() -> Result<Vec<u8>> {
    toolchain::require()?;
    let folder = sources();
    let mut flags = vec![format!("-I{}", folder.display()), "-mexec-model=reactor".to_owned()];
    flags.extend(EXPORTS.split(' ').map(|name| format!("-Wl,--export={name}")));
    let files: Vec<PathBuf> = SOURCES.split(' ').map(|name| folder.join(format!("{name}.c"))).collect();
    toolchain::compile_files(&files, &flags)
}

fn zlib_compresses_inside_of_a_rust_program() -> Result<()> {
    let folder = host("rustc", &["zlib_host.rs"])?;
    let module = module()?;
    folder.write("zlib.wasm", module);
    folder.builds(&["zlib.wasm", "--emit", "rust,staticlib=libzlib.a"]);
    let flags = ["-Dwarnings", "-O", "-L.", "-lstatic=zlib", "--edition", "2024", "-o", "zlib_host"];
    folder.silent_tool("rustc", &[&["zlib_host.rs"], &flags[..]].concat());
    let mut expected = String::new();
    for thread in 0..4 {
        let text: Vec<u8> = (0..50_000 + thread).flat_map(|n| (n % 977).to_string().into_bytes()).collect();
        let mut crc = flate2::Crc::new();
        crc.update(&text);
        expected.push_str(&format!("{} {:08x}\n", text.len(), crc.sum()));
    }
    let outcome = folder.program("zlib_host", &[]);
    let lines = outcome.stdout.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let seen: String = lines.map(|words| format!("{} {}\n", words[0], words[2])).collect();
    assert!(outcome.status == 0 && seen == expected, "{outcome:#?}");
    Ok(())
}

fn zlib_compresses_inside_of_a_c_program() -> Result<()> {
    let folder = host("cc", &["zlib_host.c"])?;
    let module = module()?;
    folder.write("zlib.wasm", module);
    folder.builds(&["zlib.wasm", "--emit", "staticlib,header"]);
    folder.cc(&["-O2", "zlib_host.c", "zlib.a", "-o", "zlib_host"]);

    let text: String = (0..20_000)
        .map(|i: u32| format!("{:x}{}", i.wrapping_mul(2_654_435_761) >> 20, "abc".repeat(i as usize % 5)))
        .collect();
    let mut host = process::program(folder.path("zlib_host"));
    let packed = process::run(&mut host, text.as_bytes())?.succeeds().stdout;

    // What Rust's zlib makes of it.
    let packed = packed.as_bytes();
    let end_of_line = packed.iter().position(|byte| *byte == b'\n').expect("there is a line");
    let (line, packed) = packed.split_at(end_of_line + 1);
    let mut crc = flate2::Crc::new();
    crc.update(text.as_bytes());
    assert_eq!(String::from_utf8_lossy(line), format!("{:08x} {}\n", crc.sum(), packed.len()));
    let mut restored = String::new();
    ZlibDecoder::new(packed).read_to_string(&mut restored).expect("it is a zlib stream");
    assert!(restored == text && packed.len() < text.len() / 2);
    Ok(())
}
