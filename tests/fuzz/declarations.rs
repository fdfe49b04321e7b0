//! Damaged declarations of C functions, as texts and as a custom section.

use crate::edit::Damaged;
use crate::{time, with_stack};
use bolero::check;
use std::borrow::Cow;
use std::sync::LazyLock;
use wasm_encoder::{
    CustomSection, EntityType, ExportKind, ExportSection, ImportSection, MemorySection, MemoryType, Module,
    TypeSection, ValType,
};
use wasm2native::driver;
use wasm2native::options::{Emit, Options, Origin, Output, Source};
use wasm2native::progress::Silent;
use wasm2native::wasm::input::Input;

/// Declarations of what [`module`] imports.
static DECLARATIONS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let texts = [
        "env.f: (i32, ptr[len=2], usize) -> isize",
        "env.f: (cstr, u8, i64) -> u32",
        "env.f=other: (funcptr(i32, ptr) -> i32, ulong, ...) -> i32",
        "env.f: (ptr[len=3], opaque, usize) -> void",
        "env.f: (bool, i16, long) -> opaque",
        "env.f: (printf, i32, i64) -> i32 # comment",
        "env.g: (f64, f32) -> f64\nenv.f: (i32, i32, u64) -> i32",
        "env.f: (ptr[len=2*4+1], usize, i64) -> ptr\n\nenv.g: (f64, f32) -> f64",
        "env.g: (f64, f32) -> f64; env.f: (handle(file), i32, i64)",
        "env.f: (ptr[memory], ptr[len=1,memory=0], isize) -> cstr",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
});

pub fn declarations() {
    with_stack(|| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let outputs =
            [Emit::Obj, Emit::Header].map(|emit| Output { emit, file: folder.path().join(format!("out.{emit:?}")) });
        check!().with_test_time(time()).with_type::<Damaged>().for_each(|damaged| {
            let text = damaged.of(&DECLARATIONS);
            let (section, imports) = match damaged.choice % 4 {
                0 => (Some(text), Vec::new()),
                kind => {
                    let origin = if kind == 1 { Origin::Line } else { Origin::File("c.imports".to_owned()) };
                    (None, vec![Source { origin, text: String::from_utf8_lossy(&text).into_owned() }])
                }
            };
            let input = Input { name: "fuzz.wasm".to_owned(), bytes: module(section.as_deref()) };
            let _ = driver::build(&input, &Options { imports, ..Options::default() }, &outputs, &Silent);
        });
    });
}

/// Two imports and a memory, with declarations in the section.
fn module(declarations: Option<&[u8]>) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32, ValType::I32, ValType::I64], [ValType::I32]);
    types.ty().function([ValType::F64, ValType::F32], [ValType::F64]);
    let mut imports = ImportSection::new();
    imports.import("env", "f", EntityType::Function(0)).import("env", "g", EntityType::Function(1));
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, 0).export("g", ExportKind::Func, 1);
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&memories).section(&exports);
    if let Some(data) = declarations {
        module.section(&CustomSection { name: Cow::Borrowed("wasm2native.imports"), data: Cow::Borrowed(data) });
    }
    module.finish()
}
