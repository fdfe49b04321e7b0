//! `--print`: lines for build systems.

use crate::ANSWER;
use libtest_mimic::Trial;
use test_kit::folder::Folder;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["print":
        imports_with_their_symbols_and_places,
        exports_as_an_object_has_them,
        link_args_and_runtime_symbols,
        questions_without_a_module_and_with_two,
    ]
}

const MODULE: &str = r#"(module
  (import "env" "puts" (func (param i64) (result i32)))
  (import "my lib" "f\t" (func (param i32 f32 f64 v128 funcref) (result i32 i64)))
  (import "x" "f" (func (param i32) (result i32)))
  (import "math" "f" (func))
  (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
  (import "env" "memory" (memory 1 2))
  (import "env" "environ" (global i64))
  (import "env" "count" (global (mut f32)))
  (import "env" "table" (table 1 funcref))
  (func (export "two words") (param i32) (result f64) f64.const 0)
  (func (export "none"))
  (func (export "pair") (result v128 externref) v128.const i64x2 0 0 ref.null extern)
  (global (export "g") (mut i32) (i32.const 0)))"#;

fn print(folder: &Folder, args: &[&str]) -> Vec<String> {
    let out = folder.wasm2native(args).succeeds();
    assert_eq!(out.stderr, "");
    out.stdout.lines().map(str::to_owned).collect()
}

fn imports_with_their_symbols_and_places() {
    let folder = Folder::with(&[("m.wat", MODULE), ("math.wat", "(module)")]);
    folder.object("x");
    let lines = print(&folder, &["--print", "imports", "m.wat", "x.o", "--module", "math=math.wat"]);
    let expected = [
        "env|puts|function|(i64) -> i32|puts|int32_t puts(int64_t);|the C library",
        "my lib|f\\t|function|(i32, f32, f64, v128, funcref) -> (i32, i64)|my_x20lib_f_x09|struct my_x20lib_f_x09_result { \
         int32_t r0; int64_t r1; }; void my_x20lib_f_x09(struct my_x20lib_f_x09_result *, int32_t, float, double, w2n_v128, \
         w2n_funcref);|-",
        "x|f|function|(i32) -> i32|x_f|int32_t x_f(int32_t);|x.o",
        "math|f|function|()|math_f|void math_f(void);|module math",
        "wasi_snapshot_preview1|sched_yield|function|() -> i32|wasi_snapshot_preview1_sched_yield|int32_t \
         wasi_snapshot_preview1_sched_yield(void);|the runtime",
        "env|table|table|1 funcref|table|-|-",
        "env|memory|memory|1 2|memory|-|the runtime",
        "env|environ|global|i64|environ|extern const int64_t environ;|the C library",
        "env|count|global|(mut f32)|count|extern float count;|-",
    ];
    assert_eq!(lines, expected.map(|line| line.replace('|', "\t")));
    folder.write(
        "m2.wat",
        r#"(module (import "env" "qsort" (func (param i32 i32 i32 i32))) (import "env" "printf" (func (param i32 i32) (result i32)))
           (memory (export "memory") 1) (table 2 funcref))"#,
    );
    let sort = "env.qsort: (base: ptr[len=n*size], n: usize, size: usize, funcptr((ptr, ptr) -> i32))";
    let declared = print(
        &folder,
        &["--print", "imports", "m2.wat", "--import", sort, "--import", "env.printf: (cstr, ...) -> i32"],
    );
    let column = |line: &String| line.split('\t').nth(5).map(str::to_owned);
    assert_eq!(
        declared.iter().filter_map(column).collect::<Vec<_>>(),
        ["void qsort(void *, uint64_t, uint64_t, int32_t (*)(void *, void *));", "int32_t printf(const char *, ...);"]
    );
    folder.write(
        "a.wat",
        r#"(module (import "x\t" "y.z" (func (result i32))) (func (export "main") (result i32) (call 0)))"#,
    );
    folder.wasm2native(&["a.wat", "-o", "a", "-q", "--import-symbol", "x\t.y.z=getpid"]).succeeds();
    assert_eq!(print(&folder, &["--print", "imports", "a"]), ["x\\t\ty.z\tfunction\t-\tgetpid\t-\t-"]);
    let chosen = print(&folder, &["--print=imports", "m.wat", "--import-symbol", "env.puts=putchar"]);
    assert_eq!(chosen[0], "env\tputs\tfunction\t(i64) -> i32\tputchar\tint32_t putchar(int64_t);\tthe C library");
}

fn exports_as_an_object_has_them() {
    let folder = Folder::with(&[("m.wat", MODULE)]);
    let expected = [
        "-|function|-|p_init|int p_init(void);",
        "-|function|-|p_configure|int p_configure(const w2n_config *);",
        "-|function|-|p_reset|int p_reset(void);",
        "-|memory|1 2|p_memory|void *p_memory(void);",
        "-|memory|1 2|p_memory_size|size_t p_memory_size(void);",
        "-|memory|1 2|p_memory_grow|int64_t p_memory_grow(uint64_t);",
        "two words|function|(i32) -> f64|p_two_x20words|double p_two_x20words(int32_t);",
        "none|function|()|p_none|void p_none(void);",
        "pair|function|() -> (v128, externref)|p_pair|struct p_pair_result { w2n_v128 r0; w2n_externref r1; }; void p_pair(struct \
         p_pair_result *);",
        "g|global|(mut i32)|p_g|extern int32_t p_g;",
    ];
    assert_eq!(
        print(&folder, &["--print", "exports", "m.wat", "--prefix", "p"]),
        expected.map(|line| line.replace('|', "\t"))
    );
    // The header says the same of them, with names for the parameters.
    folder.wasm2native(&["m.wat", "--prefix", "p", "--emit", "header"]).succeeds();
    let header = std::fs::read_to_string(folder.path("m.h")).expect("it was written");
    let header = header.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in print(&folder, &["--print", "exports", "m.wat", "--prefix", "p"]) {
        let declaration = line.split('\t').nth(4).expect("it is the last column").replace("(int32_t)", "(int32_t p0)");
        let declaration = declaration.replace("_result *)", "_result *result)").replace("config *)", "config *config)");
        assert!(header.contains(&declaration), "{declaration}: {header}");
    }
    let object = folder.wasm2native(&["-c", "m.wat", "--prefix", "p", "-o", "-"]).stdout;
    for symbol in [
        "p_init",
        "p_configure",
        "p_reset",
        "p_memory",
        "p_memory_size",
        "p_memory_grow",
        "p_two_x20words",
        "p_none",
        "p_g",
    ] {
        assert!(object.contains(&format!("\0{symbol}\0")), "{symbol}");
    }
}

fn link_args_and_runtime_symbols() {
    let folder = Folder::with(&[("a.wat", ANSWER)]);
    let line = print(
        &folder,
        &["--print", "link-args", "a.wat", "-o", "b.o", "-L", "my libs", "-lz", "-Wl,-z,now", "dir/-x.o", "./a.c"],
    );
    assert_eq!(line, ["dir/-x.o ./a.c '-Lmy libs' -lz -Wl,-z,now -lpthread -ldl -lm"]);
    let symbols = print(&folder, &["--print", "runtime-symbols"]);
    for symbol in
        ["w2n_memory_grow\tthe runtime", "wasi_snapshot_preview1_fd_write\tthe runtime", "memcpy\tthe C library"]
    {
        assert!(symbols.iter().any(|line| line == symbol), "{symbol}");
    }
    // Every object's needs are among them.
    folder.wasm2native(&["-c", "a.wat"]).succeeds();
    let bytes = std::fs::read(folder.path("a.o")).expect("it was made");
    let elf = goblin::elf::Elf::parse(&bytes).expect("it is an ELF file");
    for symbol in elf.syms.iter().filter(|it| it.st_shndx == 0) {
        let name = elf.strtab.get_at(symbol.st_name).expect("it has a name");
        assert!(name.is_empty() || symbols.iter().any(|line| line.starts_with(&format!("{name}\t"))), "{name}");
    }
}

fn questions_without_a_module_and_with_two() {
    let folder = Folder::with(&[("a.wat", ANSWER), ("b.wat", ANSWER)]);
    folder.wasm2native(&["--print", "exports"]).fails(2, &["need a module"]);
    folder.wasm2native(&["--print", "imports", "a.wat", "b.wat"]).fails(2, &["takes one module; b.wat is another"]);
    folder.wasm2native(&["--print", "what", "a.wat"]).fails(2, &["imports, exports, link-args, runtime-symbols"]);
    folder
        .wasm2native(&["--print", "imports,exports", "a.wat"])
        .fails(2, &["expected one of these at a time: imports, exports"]);
}
