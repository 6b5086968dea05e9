//! Arrays of NumPy's `.npy` files, by the crate `npyz`.

use crate::ImportError;
use npyz::{DType, Deserialize, NpyFile, TypeChar, WriterBuilder};
use std::fs;
use std::io::Cursor;
use std::path::Path;

/// An array of numbers, in the order of its last axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its axes.
    pub shape: Vec<usize>,
    /// Its numbers.
    pub values: Vec<f64>,
    /// Whether the file has them as integers.
    pub integers: bool,
}

/// What can be read, as NumPy calls it.
const TYPES: &str = "f4, f8, i1, i2, i4, i8, u1, u2, u4 or u8";

impl Array {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, is no array of numbers in C order, or has a value that is not finite.
    pub fn read(path: &Path) -> Result<Self, ImportError> {
        let wrong = |reason: String| ImportError::File { path: path.to_owned(), reason };
        let bytes = fs::read(path).map_err(|error| wrong(error.to_string()))?;
        Self::parse(&bytes).map_err(wrong)
    }

    /// Takes the bytes of a file apart.
    ///
    /// # Errors
    /// As [`Array::read`], without the file's name.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut rest = Cursor::new(bytes);
        let said = said(bytes);
        // The crate multiplies the axes unchecked.
        if let Some(shape) = said.and_then(|said| said.split_once("'shape': (")?.1.split(')').next())
            && shape
                .split(',')
                .filter_map(|axis| axis.trim().parse::<u64>().ok())
                .try_fold(1, u64::checked_mul)
                .is_none()
        {
            return Err(format!("it is cut: {} bytes, too few for an array of ({shape})", bytes.len()));
        }
        let kind = said.and_then(|said| said.split_once("'descr': ")?.1.split([',', '}']).next());
        let file = NpyFile::new(&mut rest).map_err(|error| match kind {
            Some(kind) if error.to_string().contains("type") => unknown(kind),
            _ => format!("not a .npy file: {error}"),
        })?;
        let DType::Plain(kind) = file.dtype() else { return Err("it has fields, expected plain numbers".into()) };
        let (of, size) = (kind.type_char(), kind.num_bytes().unwrap_or(0));
        let known = match of {
            TypeChar::Float => matches!(size, 4 | 8),
            TypeChar::Int | TypeChar::Uint => matches!(size, 1 | 2 | 4 | 8),
            _ => false,
        };
        if !known {
            return Err(unknown(kind));
        }
        let shape: Vec<usize> = file.shape().iter().map(|&axis| usize::try_from(axis).unwrap_or(usize::MAX)).collect();
        if file.order() != npyz::Order::C && shape.iter().filter(|&&axis| axis > 1).count() > 1 {
            return Err("its numbers are in Fortran order, expected C order: save numpy.ascontiguousarray of it".into());
        }
        let count = shape.iter().try_fold(1usize, |count, &axis| count.checked_mul(axis));
        let expected = count.and_then(|count| count.checked_mul(size));
        let values = match (of, size) {
            (TypeChar::Float, 4) => read(file, expected, bytes, |x: f32| x.into()),
            (TypeChar::Float, _) => read(file, expected, bytes, |x: f64| x),
            (TypeChar::Int, 1) => read(file, expected, bytes, |x: i8| x.into()),
            (TypeChar::Int, 2) => read(file, expected, bytes, |x: i16| x.into()),
            (TypeChar::Int, 4) => read(file, expected, bytes, |x: i32| x.into()),
            (TypeChar::Int, _) => read(file, expected, bytes, |x: i64| x as f64),
            (_, 1) => read(file, expected, bytes, |x: u8| x.into()),
            (_, 2) => read(file, expected, bytes, |x: u16| x.into()),
            (_, 4) => read(file, expected, bytes, |x: u32| x.into()),
            _ => read(file, expected, bytes, |x: u64| x as f64),
        }?;
        match values.iter().position(|x| !x.is_finite()) {
            Some(index) => Err(format!("value {index} is {}, expected finite numbers", values[index])),
            None => Ok(Self { shape, values, integers: of != TypeChar::Float }),
        }
    }

    /// The bytes of a file of `f32`.
    ///
    /// # Errors
    /// If the shape does not fit the values.
    pub fn bytes(shape: &[usize], values: &[f32]) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let axes: Vec<u64> = shape.iter().map(|&axis| axis as u64).collect();
        let mut writer = npyz::WriteOptions::new().default_dtype().shape(&axes).writer(&mut bytes).begin_nd()?;
        writer.extend(values.iter().copied())?;
        writer.finish()?;
        Ok(bytes)
    }

    /// Its parts along the first axis, of `each` values.
    ///
    /// # Errors
    /// If they are of another size, or there are none.
    pub fn parts(&self, what: &str, each: usize) -> Result<std::slice::ChunksExact<'_, f64>, ImportError> {
        let count = self.shape.first().copied().unwrap_or(0);
        let found = self.values.len().checked_div(count).unwrap_or(0);
        if count == 0 || each == 0 || found != each {
            let found = format!("an array of the shape {:?}", self.shape);
            return Err(ImportError::setting(what, found, format!("[N, …] of {each} values each, N at least 1")));
        }
        Ok(self.values.chunks_exact(each))
    }
}

fn unknown(kind: impl std::fmt::Display) -> String {
    format!("its values are of the type {kind}, expected numbers: {TYPES}")
}

/// The text of the header; its length comes before it, and may be no text.
fn said(bytes: &[u8]) -> Option<&str> {
    let header = bytes.strip_prefix(b"\x93NUMPY")?;
    let mut texts = header.get(..header.len().min(512))?.utf8_chunks().map(|chunk| chunk.valid());
    texts.find(|text| text.contains("'descr': "))
}

/// All numbers of a file that must have `expected` bytes of them.
fn read<T: Deserialize>(
    file: NpyFile<&mut Cursor<&[u8]>>,
    expected: Option<usize>,
    bytes: &[u8],
    real: impl Fn(T) -> f64,
) -> Result<Vec<f64>, String> {
    // What comes before them is some hundred bytes; the reader finds what is cut within that.
    let Some(expected) = expected.filter(|&expected| expected <= bytes.len()) else {
        return Err(format!("it is cut: {} bytes, too few for an array of {:?}", bytes.len(), file.shape()));
    };
    let values = file.into_vec::<T>().map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => format!("it is cut: expected {expected} bytes of numbers"),
        _ => error.to_string(),
    })?;
    Ok(values.into_iter().map(real).collect())
}

#[cfg(test)]
mod tests {
    use super::Array;

    fn file(kind: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let mut header = format!("{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
        header += &" ".repeat(63 - (10 + header.len()) % 64);
        header.push('\n');
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn numbers_of_all_kinds() {
        let read = |kind: &str, data: &[u8]| Array::parse(&file(kind, "False", "(2,)", data)).unwrap();
        assert_eq!(read("<i2", &[1, 0, 254, 255]).values, [1.0, -2.0]);
        assert_eq!(read(">u2", &[1, 0, 0, 7]).values, [256.0, 7.0]);
        assert_eq!(read("|u1", &[1, 255]).values, [1.0, 255.0]);
        let floats = [1.5f32.to_le_bytes(), (-2f32).to_le_bytes()].concat();
        let array = read("<f4", &floats);
        assert_eq!((array.values, array.integers), (vec![1.5, -2.0], false));
        let bytes = Array::bytes(&[1, 2], &[1.5, -2.0]).unwrap();
        assert_eq!(Array::parse(&bytes).unwrap().shape, [1, 2]);
    }

    #[test]
    fn what_cannot_be_read() {
        let refused = |bytes: &[u8]| Array::parse(bytes).unwrap_err();
        let four = [0; 16];
        assert!(refused(&file("|O", "False", "(2,)", &four)).contains("expected numbers: f4"));
        assert!(refused(&file("<f2", "False", "(2,)", &four)).contains("type <f2,"));
        assert!(refused(&file("<f4", "True", "(2, 2)", &four)).contains("numpy.ascontiguousarray"));
        // Of one axis, the order is no matter.
        assert!(Array::parse(&file("<f4", "True", "(4, 1)", &four)).is_ok());
        assert!(refused(b"no array").starts_with("not a .npy file"));
        for shape in ["(5,)", "(4611686018427387904, 8)", "(1000000000000,)"] {
            assert!(refused(&file("<f4", "False", shape, &four)).contains("cut"), "{shape}");
        }
        let nan = f32::NAN.to_le_bytes();
        assert_eq!(refused(&file("<f4", "False", "(1,)", &nan)), "value 0 is NaN, expected finite numbers");
        let whole = file("<f4", "False", "(4,)", &four);
        for length in 0..whole.len() {
            assert!(Array::parse(&whole[..length]).is_err(), "{length}");
        }
    }
}
