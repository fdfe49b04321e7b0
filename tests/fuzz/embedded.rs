//! Random trees of files that a program carries: it reads what the compiler packed.

use crate::{time, with_stack};
use bolero::{TypeGenerator, check};
use std::path::{Path, PathBuf};
use std::process::Command;
use wasm2native::abi::setting::Setting;
use wasm2native::driver;
use wasm2native::embed;
use wasm2native::options::{Emit, Options, Output};
use wasm2native::progress::Silent;
use wasm2native::wasm::input::Input;

/// What a tree has: the first part of a number chooses a folder that is already there.
#[derive(Clone, Debug, TypeGenerator)]
struct Tree([Entry; 12]);

#[derive(Clone, Debug, TypeGenerator)]
enum Entry {
    Folder { within: u8, name: Name },
    File { within: u8, name: Name, length: Length, byte: u8 },
    Link { within: u8, name: Name, target: Name },
}

#[derive(Copy, Clone, Debug, TypeGenerator)]
enum Name {
    A,
    B,
    Long,
    Dotted,
    Accented,
    Blank,
    Numbered(u8),
}

/// Around the sizes of the blocks that are compressed.
#[derive(Copy, Clone, Debug, TypeGenerator)]
enum Length {
    Empty,
    Short(u8),
    BelowBlock,
    Block,
    AboveBlock,
    Blocks(u8),
}

impl Name {
    fn text(self) -> String {
        match self {
            Name::A => "a".to_owned(),
            Name::B => "b".to_owned(),
            Name::Long => "n".repeat(200),
            Name::Dotted => "..a.b".to_owned(),
            Name::Accented => "é".to_owned(),
            Name::Blank => " ".to_owned(),
            Name::Numbered(number) => number.to_string(),
        }
    }
}

impl Length {
    fn bytes(self) -> usize {
        let block = wasm2native::abi::wasi::embedded::BLOCK;
        match self {
            Length::Empty => 0,
            Length::Short(n) => usize::from(n),
            Length::BelowBlock => block - 1,
            Length::Block => block,
            Length::AboveBlock => block + 1,
            Length::Blocks(n) => block * usize::from(n % 4) + 3,
        }
    }
}

/// Prints the file that its argument names, below the embedded tree.
const CAT: &str = r#"(module
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 4)
  (func (export "_start") (local $length i32)
    (drop (call $args (i32.const 1024) (i32.const 2048)))
    (loop $next
      (if (i32.load8_u (i32.add (i32.load (i32.const 1028)) (local.get $length)))
        (then (local.set $length (i32.add (local.get $length) (i32.const 1))) (br $next))))
    (if (call $open (i32.const 3) (i32.const 1) (i32.load (i32.const 1028)) (local.get $length) (i32.const 0)
          (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 12))
      (then (call $exit (i32.const 3))))
    (loop $more
      (i32.store (i32.const 0) (i32.const 65536))
      (i32.store (i32.const 4) (i32.const 5000))
      (if (call $read (i32.load (i32.const 12)) (i32.const 0) (i32.const 1) (i32.const 8))
        (then (call $exit (i32.const 4))))
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (if (i32.load (i32.const 8)) (then
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (br $more))))))"#;

pub fn embedded() {
    with_stack(|| {
        check!().with_test_time(time()).with_type::<Tree>().for_each(|tree| {
            let folder = tempfile::tempdir().expect("a folder can be made");
            let root = folder.path().join("tree");
            let files = tree.write(&root);
            let trees = vec![(root.clone(), "/".to_owned())];
            let packed = embed::pack(&trees, &Silent).expect("all names are UTF-8");
            assert_eq!(packed, embed::pack(&trees, &Silent).expect("as before"), "the same tree, other bytes");
            let program = folder.path().join("cat");
            let input = Input { name: "cat.wat".to_owned(), bytes: CAT.as_bytes().to_vec() };
            let program_options = Setting::Embed(b"/").words();
            let options = Options { embedded: trees, program_options, ..Options::default() };
            let output = Output { emit: Emit::Exe, file: program.clone() };
            driver::build(&input, &options, &[output], &Silent).expect("the module is sound");
            for file in files {
                let name = file.strip_prefix(&root).expect("it is inside");
                let outcome = Command::new(&program).arg(name).env_clear().output().expect("it starts");
                let expected = std::fs::read(&file).ok();
                let actual = outcome.status.success().then_some(outcome.stdout);
                assert!(expected == actual, "{}: {:?}", name.display(), outcome.status);
            }
        });
    });
}

impl Tree {
    /// Makes the tree; the paths of files and links.
    fn write(&self, root: &Path) -> Vec<PathBuf> {
        std::fs::create_dir(root).expect("folders can be made");
        let mut folders = vec![root.to_owned()];
        let mut files = Vec::new();
        for entry in &self.0 {
            let (Entry::Folder { within, name } | Entry::File { within, name, .. } | Entry::Link { within, name, .. }) =
                entry;
            let path = folders[usize::from(*within) % folders.len()].join(name.text());
            if path.symlink_metadata().is_ok() {
                continue;
            }
            match entry {
                Entry::Folder { .. } => {
                    std::fs::create_dir(&path).expect("folders can be made");
                    folders.push(path);
                }
                Entry::File { length, byte, .. } => {
                    let bytes: Vec<u8> = (0..length.bytes()).map(|it| (it as u8).wrapping_mul(*byte)).collect();
                    std::fs::write(&path, bytes).expect("files can be written");
                    files.push(path);
                }
                Entry::Link { target, .. } => {
                    std::os::unix::fs::symlink(target.text(), &path).expect("links can be made");
                    files.push(path);
                }
            }
        }
        files
    }
}
