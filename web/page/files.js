// `cargo xtask web` writes this file: all files of the page and their bytes, and a name for them.
self.FILES = { version: "none", total: 0, wasm: 0, files: [] };
