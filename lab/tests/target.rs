//! Estimated instructions against counted ones, memory against the kernels' own.

use heedful::dynamic::Model;
use heedful_lab::target::CORES;
use std::fs;
use std::path::Path;

fn project(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// The rows of a table of the project's pages, without spaces and commas.
fn rows(page: &str, from: &str, to: &str) -> Vec<Vec<String>> {
    let text = String::from_utf8(project(page)).unwrap();
    let (_, after) = text.split_once(from).unwrap();
    let (table, _) = after.split_once(to).unwrap();
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().replace(',', "")).collect();
    table.lines().filter(|line| line.starts_with('|')).map(cells).collect()
}

#[test]
fn shipped_models_cost_what_is_estimated() {
    let counted = rows("README.md", "<!-- boards:", "<!-- /boards -->");
    let names = [
        ("Cortex-M4", "cortex-m4"),
        ("Cortex-M7", "cortex-m4"),
        ("Cortex-M33", "cortex-m4"),
        ("Cortex-M55", "cortex-m55"),
        ("Cortex-M3", "cortex-m3"),
        ("Cortex-M0", "cortex-m0"),
        ("RV32IMAC", "rv32"),
        ("RV32 with V VLEN 128", "rv32v"),
    ];
    for (board, name) in names {
        let row = counted.iter().find(|row| row[1] == board).unwrap_or_else(|| panic!("{board}"));
        let core = CORES.iter().find(|core| core.name == name).unwrap();
        let model = Model::load(&project(&format!("models/{}.heed", row[2]))).unwrap();
        let (found, counted) = (core.instructions(&model.work()), row[5].parse::<f64>().unwrap());
        println!("{board}: {found:.0} estimated, {counted} counted, {:+.0} %", 100.0 * (found / counted - 1.0));
        assert!((found / counted - 1.0).abs() <= core.tolerance(), "{board}: {found} {counted}");
        // The model with all its state is more than its working memory.
        let (memory, all) = (core.memory(&model), row[7].parse::<usize>().unwrap());
        assert!(memory < all && memory > all / 3, "{board}: {memory} {all}");
    }
}

#[test]
fn layers_and_all_parts_add_up() {
    for path in ["models/digits.heed", "models/digits_small.heed"] {
        let model = Model::load(&project(path)).unwrap();
        assert_eq!(model.work().macs(), model.macs());
        let bytes: usize = model.parts().iter().map(|part| part.bytes).sum();
        // Files of version 1 are read as chains, which are a little longer.
        assert!(bytes >= model.flash_bytes() && bytes < model.flash_bytes() + 1000, "{bytes}");
    }
}
