//! Cases of the fixtures that PyTorch made.

use safetensors::SafeTensors;

/// One case of a fixture file.
pub struct Case {
    bytes: Vec<u8>,
    index: usize,
    /// What it is, as the file's metadata says.
    pub words: Vec<String>,
}

impl Case {
    pub fn open(file: &str, index: usize) -> Self {
        let path = format!("{}/tests/fixtures/{file}.safetensors", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let cases = metadata.metadata().as_ref().unwrap()["cases"].clone();
        let words = cases.lines().nth(index).unwrap().split(' ').map(str::to_string).collect();
        Self { bytes, index, words }
    }

    pub fn number(&self, word: usize) -> usize {
        self.words[word].parse().unwrap()
    }

    pub fn tensor(&self, name: &str) -> Vec<f64> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = file.tensor(&format!("{}.{name}", self.index)).unwrap();
        let (values, _) = tensor.data().as_chunks::<4>();
        values.iter().map(|&x| f64::from(f32::from_le_bytes(x))).collect()
    }
}
