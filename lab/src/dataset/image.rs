//! Pictures, at the size of the input.

use super::DataError;
use super::config::Image;
use super::notice::Remark;
use ::image::ImageReader;
use ::image::imageops::{self, FilterType};
use std::io::Cursor;
use std::path::Path;

/// Values from 0 to 255, `[row][column][channel]`, and what was noticed.
pub(super) fn read(path: &Path, wanted: &Image) -> Result<(Vec<u8>, Vec<Remark>), DataError> {
    let bytes = std::fs::read(path).map_err(DataError::open(path, "file"))?;
    if bytes.is_empty() {
        return Err(DataError::file(path, "the file is empty"));
    }
    // By its first bytes: extensions may be wrong.
    let format = ::image::guess_format(&bytes).map_err(|_| DataError::file(path, "not a PNG, PGM or PPM file"))?;
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    let image = reader.decode().map_err(|error| DataError::file(path, error))?;
    let (width, height) = (image.width(), image.height());
    let mut remarks = vec![];
    if image.color().has_alpha() {
        remarks.push(Remark::Transparent);
    }
    if image.color().has_color() && wanted.channels == 1 {
        remarks.push(Remark::Grey);
    }
    let (to_width, to_height) = (wanted.width as u32, wanted.height as u32);
    let scaled = (width, height) != (to_width, to_height);
    if scaled {
        remarks.push(Remark::Scaled { width, height });
    }
    // Grey first, then smaller: so many values fewer are averaged, and none is rounded twice.
    let values = match (wanted.channels, scaled) {
        (1, false) => image.into_luma8().into_raw(),
        (_, false) => image.into_rgb8().into_raw(),
        (1, true) => imageops::resize(&image.into_luma16(), to_width, to_height, FilterType::Triangle)
            .into_raw()
            .into_iter()
            .map(|value| ((u32::from(value) + 128) / 257) as u8)
            .collect(),
        (_, true) => imageops::resize(&image.into_rgb8(), to_width, to_height, FilterType::Triangle).into_raw(),
    };
    Ok((values, remarks))
}

#[cfg(test)]
mod tests {
    use super::{Image, Remark, read};
    use std::fs;

    const WANTED: Image = Image { height: 2, width: 3, channels: 1 };

    fn read_bytes(name: &str, bytes: &[u8], wanted: &Image) -> Result<(Vec<u8>, Vec<Remark>), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        read(&path, wanted).map_err(|error| error.to_string())
    }

    #[test]
    fn grey_and_coloured() {
        let pgm = b"P5 3 2 255\n\x00\x01\x02\x80\xfe\xff";
        assert_eq!(read_bytes("a.pgm", pgm, &WANTED).unwrap(), (vec![0, 1, 2, 128, 254, 255], vec![]));
        // What is white is 255, whatever the file calls it.
        let few = b"P2 3 2 15\n0 15 0 15 0 15\n";
        assert_eq!(read_bytes("a.pgm", few, &WANTED).unwrap().0, [0, 255, 0, 255, 0, 255]);
        let ppm = [b"P6 3 2 255\n".as_slice(), &[9; 18]].concat();
        // By its bytes, not by its name.
        assert_eq!(read_bytes("a.png", &ppm, &WANTED).unwrap(), (vec![9; 6], vec![Remark::Grey]));
        let colours = Image { channels: 3, ..WANTED };
        assert_eq!(read_bytes("a.ppm", &ppm, &colours).unwrap(), (vec![9; 18], vec![]));
        assert_eq!(read_bytes("a.pgm", pgm, &colours).unwrap().0[15..], [255, 255, 255]);
    }

    #[test]
    fn of_another_size() {
        let pgm = [b"P5 6 4 255\n".as_slice(), &[7; 24]].concat();
        let remarks = vec![Remark::Scaled { width: 6, height: 4 }];
        assert_eq!(read_bytes("a.pgm", &pgm, &WANTED).unwrap(), (vec![7; 6], remarks.clone()));
        assert_eq!(read_bytes("a.pgm", &pgm, &Image { channels: 3, ..WANTED }).unwrap(), (vec![7; 18], remarks));
    }

    #[test]
    fn damaged() {
        assert!(read_bytes("a.png", b"no picture", &WANTED).unwrap_err().ends_with("not a PNG, PGM or PPM file"));
        assert!(read_bytes("a.png", b"", &WANTED).unwrap_err().ends_with("the file is empty"));
        assert!(read_bytes("a.pgm", b"P5 3 2 255\n\x00", &WANTED).is_err());
    }
}
