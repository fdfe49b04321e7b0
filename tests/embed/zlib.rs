//! A real library: zlib, compiled to Wasm by clang, then to an archive, then linked into a C
//! program.

use crate::place::Place;
use crate::toolchain;
use flate2::read::ZlibDecoder;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SOURCES: &str = "adler32 compress crc32 deflate infback inffast inflate inftrees trees uncompr zutil";
const EXPORTS: &str = "compress2 uncompress compressBound crc32 malloc free";

/// The folder with zlib's sources, which the crate `libz-sys` brings.
fn sources() -> PathBuf {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--format-version", "1", "--offline", "--locked", "--manifest-path"]);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    // Packages of other platforms may never have been downloaded here.
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = command.args(["--filter-platform", &platform]).output().expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let packages = metadata["packages"].as_array().expect("it lists packages");
    let package =
        packages.iter().find(|package| package["name"] == "libz-sys").expect("it is a dependency of the tests");
    let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
    manifest.parent().expect("a file in a folder").join("src/zlib")
}

/// The module; none where there is no compiler for it.
fn module() -> Option<Vec<u8>> {
    if !toolchain::available(false) {
        eprintln!("skipped: {}", toolchain::HINT);
        return None;
    }
    let folder = sources();
    let mut flags = vec![format!("-I{}", folder.display()), "-mexec-model=reactor".to_owned()];
    flags.extend(EXPORTS.split(' ').map(|name| format!("-Wl,--export={name}")));
    let files: Vec<PathBuf> = SOURCES.split(' ').map(|name| folder.join(format!("{name}.c"))).collect();
    Some(toolchain::compile_files(&files, &flags).expect("clang compiles zlib"))
}

#[test]
fn zlib_compresses_inside_of_a_rust_program() {
    let Some(place) = Place::with("rustc", &["zlib_host.rs"]) else { return };
    let Some(module) = module() else { return };
    place.write("zlib.wasm", module);
    place.wasm2native(&["zlib.wasm", "--emit", "rust,staticlib=libzlib.a"]);
    let flags = ["-Dwarnings", "-O", "-L.", "-lstatic=zlib", "--edition", "2024", "-o", "zlib_host"];
    place.succeeds("rustc", &[&["zlib_host.rs"], &flags[..]].concat());
    let mut expected = String::new();
    for thread in 0..4 {
        let text: Vec<u8> = (0..50_000 + thread).flat_map(|n| (n % 977).to_string().into_bytes()).collect();
        let mut crc = flate2::Crc::new();
        crc.update(&text);
        expected.push_str(&format!("{} {:08x}\n", text.len(), crc.sum()));
    }
    let outcome = place.run("zlib_host", &[]);
    let lines = outcome.stdout.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let seen: String = lines.map(|words| format!("{} {}\n", words[0], words[2])).collect();
    assert!(outcome.status == 0 && seen == expected, "{outcome:#?}");
}

#[test]
fn zlib_compresses_inside_of_a_c_program() {
    let Some(place) = Place::with("cc", &["zlib_host.c"]) else { return };
    let Some(module) = module() else { return };
    place.write("zlib.wasm", module);
    place.wasm2native(&["zlib.wasm", "--emit", "staticlib,header"]);
    place.cc(&["-O2", "zlib_host.c", "zlib.a", "-o", "zlib_host"]);

    let text: String = (0..20_000)
        .map(|i: u32| format!("{:x}{}", i.wrapping_mul(2_654_435_761) >> 20, "abc".repeat(i as usize % 5)))
        .collect();
    let mut host = Command::new(place.path("zlib_host"));
    let mut host = host.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = host.stdin.take().expect("it is piped");
    let writer = std::thread::spawn({
        let text = text.clone();
        move || stdin.write_all(text.as_bytes()).expect("it reads everything")
    });
    let output = host.wait_with_output().expect("it ends");
    writer.join().expect("it does not panic");
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));

    // What Rust's zlib makes of it.
    let end_of_line = output.stdout.iter().position(|byte| *byte == b'\n').expect("there is a line");
    let (line, packed) = output.stdout.split_at(end_of_line + 1);
    let mut crc = flate2::Crc::new();
    crc.update(text.as_bytes());
    assert_eq!(String::from_utf8_lossy(line), format!("{:08x} {}\n", crc.sum(), packed.len()));
    let mut restored = String::new();
    ZlibDecoder::new(packed).read_to_string(&mut restored).expect("it is a zlib stream");
    assert!(restored == text && packed.len() < text.len() / 2);
}
