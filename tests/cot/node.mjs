// Runs a plain module as a JavaScript host: `env.write` is all that it gets. The exit status is what `main` returns, 134 after a trap.
import { readFileSync, writeSync } from "node:fs";

const bytes = readFileSync(process.argv[2]);
// Tests catch exceptions, which older versions of Node can't.
if (!WebAssembly.validate(bytes)) process.exit(77);
const module = new WebAssembly.Module(bytes);
const EBADF = 9n;
let memory;
const write = (fd, address, length) => {
  if (fd !== 1n && fd !== 2n) return -EBADF;
  const text = new Uint8Array(memory.buffer, Number(address), Number(length));
  for (let done = 0; done < text.length; ) done += writeSync(Number(fd), text, done);
  return length;
};
const { exports } = new WebAssembly.Instance(module, { env: { write } });
memory = exports.memory;
try {
  process.exitCode = Number(BigInt.asUintN(8, BigInt(exports.main() ?? 0)));
} catch (error) {
  if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
  process.exitCode = 134;
}
