// Compiles a MoonBit program to a module with garbage-collected types.
//
//   node moonbit.cjs FOLDER PROGRAM.mbt OUTPUT.wasm
//
// FOLDER is `dist` of the npm package @moonbit/moonpad-monaco: `moonc-worker.js` is the compiler for a
// browser's worker, `moonpad-monaco.js` holds the sources of MoonBit's core, as base64. Of these the
// program gets `builtin` and what `prelude` uses of it.
const fs = require('fs');
const path = require('path');
const [folder, program, output] = process.argv.slice(2);
const TARGET = 'wasm-gc';
const SOURCES = ['moonbitlang/core:/core', 'program/main:/program'];
// Files for tests and for other targets, and those that a file `…_wasm.mbt` replaces.
const OTHER = /_(test|wbtest|js|native|concat|debug)\.mbt$/;

function loadCompiler() {
  Object.assign(globalThis, { self: globalThis, postMessage() {}, addEventListener() {} });
  const text = fs.readFileSync(path.join(folder, 'moonc-worker.js'), 'utf8');
  // The last statement starts the worker: `start(compiler);`.
  const name = [...text.matchAll(/;[\w$]+\(([\w$]+)\);/g)].at(-1)[1];
  const loaded = new Function('require', `${text}\nreturn ${name};`)(require);
  return loaded.default ?? loaded;
}

// The files of core, by path: `files["/lib/core/PATH"] = NAME;` where `NAME = decode("BASE64")`.
function coreFiles() {
  const text = fs.readFileSync(path.join(folder, 'moonpad-monaco.js'), 'utf8');
  const constants = new Map();
  for (const [, name, data] of text.matchAll(/([\w$]+) = [\w$]+\("([A-Za-z0-9+/]{8,}=*)"\)/g)) {
    constants.set(name, data);
  }
  const files = new Map();
  for (const [, file, name] of text.matchAll(/\["\/lib\/core\/([^"]+)"\] = ([\w$]+)/g)) {
    files.set(file, Buffer.from(constants.get(name) ?? '', 'base64').toString());
  }
  return files;
}

const compiler = loadCompiler();
const core = coreFiles();
const built = new Map();

function filesOf(name) {
  const here = [...core.keys()].filter(file => path.dirname(file) === name && file.endsWith('.mbt'));
  const replaced = file => here.includes(file.replace(/\.mbt$/, '_wasm.mbt'));
  const used = here.filter(file => !OTHER.test(file) && !replaced(file));
  return used.map(file => [path.basename(file), core.get(file)]);
}

function build(name, mbtFiles, dependencies, pkg = `moonbitlang/core/${name}`) {
  const interface_ = other => [`moonbitlang/core/${other}:${other}`, built.get(other).mi];
  const result = compiler.buildPackage({
    mbtFiles,
    miFiles: dependencies.map(interface_),
    indirectImportMiFiles: [],
    stdMiFiles: dependencies.includes('prelude') ? ['prelude', 'builtin'].map(interface_) : [],
    target: TARGET,
    pkg,
    pkgSources: SOURCES,
    isMain: name === 'main',
    errorFormat: 'human',
    enableValueTracing: false,
    noOpt: false,
  });
  if (!result.core) {
    throw new Error(`${name}:\n${(result.diagnostics ?? []).join('\n')}`);
  }
  built.set(name, result);
}

build('abort', filesOf('abort'), []);
build('builtin', filesOf('builtin'), ['abort']);
const uses = core.get('prelude/prelude.mbt').match(/(#warnings.*\n)?pub using @builtin \{[^}]*\}/g);
build('prelude', [['prelude.mbt', uses.join('\n')]], ['builtin', 'abort']);
const main = [['main.mbt', fs.readFileSync(program, 'utf8')]];
build('main', main, ['builtin', 'abort', 'prelude'], 'program/main');
const linked = compiler.linkCore({
  coreFiles: ['abort', 'builtin', 'prelude', 'main'].map(name => built.get(name).core),
  main: 'program/main',
  pkgSources: SOURCES,
  target: TARGET,
  exportedFunctions: [],
  outputFormat: 'wasm',
  testMode: false,
  debug: false,
  noOpt: false,
  sourceMap: false,
  sources: {},
  stopOnMain: false,
});
fs.writeFileSync(output, linked.result);
