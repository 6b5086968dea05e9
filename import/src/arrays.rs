//! Arrays of NumPy's `.npy` files, by the crate `npyz`.

use crate::ImportError;
use npyz::{DType, NpyFile, TypeChar, WriterBuilder};
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
}

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

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file = NpyFile::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
        if file.order() != npyz::Order::C {
            return Err("its numbers are in Fortran order, expected C order: numpy.ascontiguousarray".into());
        }
        let shape: Vec<usize> = file.shape().iter().map(|&axis| axis as usize).collect();
        let DType::Plain(kind) = file.dtype() else { return Err("it has fields, expected plain numbers".into()) };
        let all = |values: Result<Vec<f64>, std::io::Error>| values.map_err(|error| error.to_string());
        let values = match (kind.type_char(), kind.num_bytes()) {
            (TypeChar::Float, Some(4)) => all(file.into_vec::<f32>().map(|x| x.into_iter().map(f64::from).collect()))?,
            (TypeChar::Float, Some(8)) => all(file.into_vec::<f64>())?,
            (TypeChar::Int, Some(1)) => all(file.into_vec::<i8>().map(|x| x.into_iter().map(f64::from).collect()))?,
            (TypeChar::Int, Some(2)) => all(file.into_vec::<i16>().map(|x| x.into_iter().map(f64::from).collect()))?,
            (TypeChar::Int, Some(4)) => all(file.into_vec::<i32>().map(|x| x.into_iter().map(f64::from).collect()))?,
            (TypeChar::Int, Some(8)) => all(file.into_vec::<i64>().map(|x| x.into_iter().map(|x| x as f64).collect()))?,
            (TypeChar::Uint, Some(1)) => all(file.into_vec::<u8>().map(|x| x.into_iter().map(f64::from).collect()))?,
            _ => return Err(format!("its numbers are {kind}, expected f4, f8, i1, i2, i4, i8 or u1")),
        };
        match values.iter().position(|x| !x.is_finite()) {
            Some(index) => Err(format!("value {index} is {}, expected finite numbers", values[index])),
            None => Ok(Self { shape, values }),
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
        if count == 0 || found != each {
            let shape = self.shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
            return Err(ImportError::setting(
                what,
                format!("of shape [{shape}]"),
                format!("[N, …] of {each} values each"),
            ));
        }
        Ok(self.values.chunks_exact(each))
    }
}
