//! `heedful heads`

use clap::Args;
use heedful::dynamic::Model;
use heedful_lab::{Error, attention_map, data, file};
use std::path::PathBuf;

/// Draw what each head of a model attends to in a recording, as SVG.
#[derive(Debug, Args)]
pub struct Heads {
    /// The model.
    #[arg(value_name = "FILE.heed")]
    model: PathBuf,
    /// The recording: WAV, FLAC, Ogg Vorbis or MP3.
    #[arg(long, value_name = "FILE.wav")]
    wav: PathBuf,
    /// The picture.
    #[arg(short, long, value_name = "FILE.svg")]
    out: PathBuf,
}

impl Heads {
    /// Writes the picture.
    pub fn run(self) -> Result<(), Error> {
        let model = Model::load(&file::read(&self.model)?).map_err(|e| Error::content(&self.model, e))?;
        let rate = model.frontend().map(|f| f.params.sample_rate);
        let rate = rate.ok_or_else(|| Error::content(&self.model, "no audio front end"))?;
        let recording = data::read(&self.wav, rate)?;
        let title = self.wav.file_name().unwrap_or(self.wav.as_os_str()).to_string_lossy();
        file::write_atomically(&self.out, attention_map::svg(&model, &recording, &title)?.as_bytes())
    }
}
