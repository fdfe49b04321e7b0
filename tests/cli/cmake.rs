//! The CMake package. `docs/builds.md`, which is a test, has the common use of it.

use anyhow::Result;
use libtest_mimic::Trial;
use std::process::Command;
use test_kit::folder::Folder;
use test_kit::process::{Outcome, outcome};
use test_kit::{command, tool, trials};

pub fn trials() -> Vec<Trial> {
    trials!["cmake":
        shared_libraries_and_classes_are_made,
        another_machine_gets_its_own_code,
        what_is_included_is_watched,
        wrong_versions_and_modules_are_refused,
    ]
}

const SUM: &str = r#"(module (func (export "sum") (param i32 i32) (result i32)
  (i32.add (local.get 0) (local.get 1))))"#;

const HEAD: &str = "cmake_minimum_required(VERSION 3.21)\nproject(demo C CXX)\n";

fn folder(lists: &str) -> Result<Folder> {
    tool::require_command("cmake")?;
    let folder = Folder::with(&[("CMakeLists.txt", &format!("{HEAD}{lists}")), ("sum.wat", SUM)]);
    folder.wasm2native(&["cmake", "--out-dir", "lib/cmake/Wasm2native"]).succeeds();
    Ok(folder)
}

fn cmake(folder: &Folder, args: &[&str]) -> Outcome {
    let wasm2native = command::wasm2native();
    let program = std::path::Path::new(wasm2native.get_program()).parent().expect("it is in a folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    outcome(Command::new("cmake").args(args).current_dir(folder.path(".")).env("PATH", path))
}

#[track_caller]
fn builds(folder: &Folder, flags: &[&str]) {
    let root = folder.path(".").display().to_string();
    let root = format!("-DCMAKE_PREFIX_PATH={root}");
    cmake(folder, &[&["-B", "build", &root], flags].concat()).succeeds();
    cmake(folder, &["--build", "build"]).succeeds();
}

fn shared_libraries_and_classes_are_made() -> Result<()> {
    let folder = folder(
        "find_package(Wasm2native 0.1 REQUIRED)
         wasm2native_add_library(one SHARED sum.wat PREFIX first CXX OPTIONS -Os)
         wasm2native_add_library(two sum.wat)
         add_executable(demo main.cc)
         set_target_properties(demo PROPERTIES CXX_STANDARD 17)
         target_link_libraries(demo one two)",
    )?;
    folder.write(
        "main.cc",
        "#include \"first.hpp\"\n#include \"sum.h\"\n#include <cstdio>\n
         int main() { wasm2native::First first; std::printf(\"%d %d\\n\", first.sum(1, 2), sum_sum(3, 4)); }",
    );
    builds(&folder, &[]);
    assert_eq!(&folder.program("build/demo", &[]).succeeds().stdout[..], "3 7\n");
    assert!(folder.path("build/one.wasm2native/libone.so").exists());
    Ok(())
}

fn another_machine_gets_its_own_code() -> Result<()> {
    tool::require_command("aarch64-linux-gnu-gcc")?;
    let folder = folder("find_package(Wasm2native REQUIRED)\nwasm2native_add_executable(app main.wat)")?;
    folder.write("main.wat", crate::ANSWER);
    let flags = ["-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64"];
    let compilers = ["-DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc", "-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++"];
    builds(&folder, &[flags, compilers].concat());
    const EM_AARCH64: [u8; 2] = [183, 0];
    assert_eq!(folder.read("build/app")[18..20], EM_AARCH64);
    Ok(())
}

fn what_is_included_is_watched() -> Result<()> {
    let folder = folder(
        "find_package(Wasm2native REQUIRED)
         wasm2native_add_executable(app main.wat OPTIONS helper.c)",
    )?;
    folder
        .write("main.wat", r#"(module (import "env" "help" (func $help (result i32))) (export "main" (func $help)))"#);
    folder.write("helper.c", "#include \"number.h\"\nint help(void) { return NUMBER; }\n");
    for number in [3, 4] {
        folder.write("number.h", format!("#define NUMBER {number}\n"));
        builds(&folder, &[]);
        assert_eq!(folder.program("build/app", &[]).status, number);
    }
    Ok(())
}

fn wrong_versions_and_modules_are_refused() -> Result<()> {
    for (lists, text) in [
        ("find_package(Wasm2native 9.9 REQUIRED)", "version \"9.9\""),
        ("find_package(Wasm2native 0.0 REQUIRED)", "version \"0.0\""),
        ("find_package(Wasm2native REQUIRED)\nwasm2native_add_library(x a.wat b.wat)", "2 are named"),
    ] {
        let folder = folder(lists)?;
        let root = format!("-DCMAKE_PREFIX_PATH={}", folder.path(".").display());
        let said = cmake(&folder, &["-B", "build", &root]);
        assert!(said.status != 0 && said.stderr.contains(text), "{lists}: {said:?}");
    }
    Ok(())
}
