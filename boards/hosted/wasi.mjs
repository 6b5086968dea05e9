// Runs a WASI program under node: node wasi.mjs FOLDER PROGRAM.wasm ARGUMENT…
// The program sees FOLDER as /; all else is closed to it.
import { readFile } from "node:fs/promises";
import { argv, exit } from "node:process";
import { WASI } from "node:wasi";

const [, , folder, program, ...args] = argv;
const wasi = new WASI({ version: "preview1", args: ["hosted", ...args], preopens: { "/": folder } });
const module = await WebAssembly.compile(await readFile(program));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
exit(wasi.start(instance));
