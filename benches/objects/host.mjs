// Runs a module that prints as host.c does: node host.mjs FILE. Other imports end with an error.
import fs from 'fs';
let printed = '';
const character = code => void (printed += String.fromCharCode(code));
const decimal = value => void (printed += value);
const print = {
  spectest: { print_char: character },
  env: { write_char: character, write_i32: decimal, write_i64: decimal },
};
const module = new WebAssembly.Module(fs.readFileSync(process.argv[2]));
const imports = {};
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  const missing = () => { throw new Error(`${from}.${name} is not defined`); };
  (imports[from] ??= {})[name] = print[from]?.[name] ?? missing;
}
new WebAssembly.Instance(module, imports).exports._start();
process.stdout.write(printed);
