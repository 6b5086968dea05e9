//! `cargo xtask web`: the page that runs a model, as static files.

use crate::{firmware, root, toolchain};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

const TRIPLE: &str = "wasm32-unknown-unknown";
/// What a browser needs is stated in `web/README.md`.
const FLAGS: &str = "-Ctarget-feature=+simd128";
const PROGRAM: &str = "heedful_web.wasm";
/// What the list of all files is called, and what no list needs: the browser fetches it by itself.
const LIST: &str = "files.js";
const SERVICE: &str = "sw.js";

/// Where the page is written.
pub fn folder() -> PathBuf {
    root().join("target/web")
}

/// Builds the page, and says what it takes.
pub fn build() -> Result<()> {
    toolchain::ensure_target(TRIPLE)?;
    let program = compile()?;
    // Beside it, then renamed: nobody is served half a page.
    let (page, partial) = (folder(), folder().with_extension("partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial).with_context(|| partial.display().to_string())?;
    }
    let files = files(program)?;
    for (name, path) in &files {
        let to = partial.join(name);
        fs::create_dir_all(to.parent().context("a folder")?)?;
        fs::copy(path, &to).with_context(|| format!("{} to {}", path.display(), to.display()))?;
    }
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let total = list(&partial, &names)?;
    if page.exists() {
        fs::remove_dir_all(&page).with_context(|| page.display().to_string())?;
    }
    fs::rename(&partial, &page).with_context(|| page.display().to_string())?;
    println!("\n{total:>9} bytes in all, in {}", page.display());
    println!("          python3 -m http.server --directory {} 8000", page.display());
    Ok(())
}

/// The program.
fn compile() -> Result<PathBuf> {
    let target = firmware::target_folder(&root().join("web"))?;
    let status = toolchain::cargo()
        .current_dir(root().join("web"))
        .args(["build", "--release", "--locked", "--target", TRIPLE, "--target-dir"])
        .arg(&target)
        // The size must not depend on flags that happen to be set.
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "the page's program does not build");
    Ok(target.join(TRIPLE).join("release").join(PROGRAM))
}

/// All files of the page but the list: their names there, and where they are.
fn files(program: PathBuf) -> Result<Vec<(String, PathBuf)>> {
    let web = root().join("web");
    let mut files = vec![(PROGRAM.into(), program)];
    for entry in fs::read_dir(web.join("page"))? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().context("a name of a file of the page")?;
        if name != LIST {
            files.push((name, entry.path()));
        }
    }
    let golden = web.join("golden.json");
    let text = fs::read_to_string(&golden).with_context(|| golden.display().to_string())?;
    let said: serde_json::Value = serde_json::from_str(&text).with_context(|| golden.display().to_string())?;
    let model = said["model"].as_str().context("golden.json names no model")?;
    files.push((model.into(), root().join("models").join(model)));
    files.push(("golden.json".into(), golden));
    let clips = said["clips"].as_array().context("golden.json names no clips")?;
    let names = clips.iter().filter_map(|clip| clip["file"].as_str()).chain(["ATTRIBUTION.md"]);
    files.extend(names.map(|name| (format!("clips/{name}"), root().join("examples/clips").join(name))));
    files.sort();
    Ok(files)
}

/// Writes the list of all files, with their bytes and a name for this build; prints it, and gives the sum.
fn list(folder: &Path, names: &[&str]) -> Result<usize> {
    let (mut hasher, mut entries, mut total, mut wasm) = (DefaultHasher::new(), String::new(), 0, 0);
    for name in names {
        let bytes = fs::read(folder.join(name))?;
        hasher.write(name.as_bytes());
        hasher.write(&bytes);
        println!("{:>9} {name}", bytes.len());
        total += bytes.len();
        if *name == PROGRAM {
            wasm = bytes.len();
        }
        if *name != SERVICE {
            entries += &format!("  {{ path: {name:?}, bytes: {} }},\n", bytes.len());
        }
    }
    let version = hasher.finish();
    // Its own bytes count, too: the sum is as wide whatever it is.
    let text = |total: usize| {
        format!(
            "// Written by `cargo xtask web`.\nself.FILES = {{ version: \"{version:016x}\", \
             total: {total:>9}, wasm: {wasm}, files: [\n{entries}  {{ path: {LIST:?}, bytes: 0 }},\n] }};\n"
        )
    };
    total += text(0).len();
    if total > 999_999_999 {
        bail!("the page has {total} bytes");
    }
    println!("{:>9} {LIST}", text(0).len());
    fs::write(folder.join(LIST), text(total))?;
    Ok(total)
}
