//! The audio front end that a section describes, of either version of the format.

use super::reader::{Reader, between, tri, within};
use crate::Error;
use crate::audio::{Cepstra, Frontend, Level, MAX_BANDS, MAX_WINDOW, Params, Spectrum};
use bytemuck::must_cast_slice;

/// A front end, and whether its frames are rows of a picture.
#[derive(Clone, Copy)]
pub(super) struct AudioInput<'a> {
    pub(super) frontend: Frontend<'a>,
    pub(super) is_picture: bool,
}

impl<'a> Reader<'a> {
    /// Of version 1: log-mel energies of power, held against their mean.
    pub(super) const fn old_frontend(mut self) -> Result<Frontend<'a>, Error> {
        let params = tri!(self.params());
        self.tables(params, 0)
    }

    pub(super) const fn audio(mut self) -> Result<AudioInput<'a>, Error> {
        let params = tri!(self.params());
        let is_picture = tri!(self.flag("picture of the bands"));
        let spectrum = if tri!(self.flag("spectrum")) { Spectrum::Magnitude } else { Spectrum::Power };
        let remove_dc = tri!(self.flag("removal of the mean of the samples"));
        let shift = tri!(self.word());
        tri!(between("shift of running means", shift as usize, 0, 12));
        let level = if shift > 0 { Level::Running { shift } } else { Level::Mean };
        let cepstra = tri!(self.count());
        tri!(between("cepstra", cepstra, 0, params.bands as usize));
        let frontend = tri!(self.tables(Params { spectrum, remove_dc, level, ..params }, cepstra));
        Ok(AudioInput { frontend, is_picture })
    }

    /// What both versions say.
    const fn params(&mut self) -> Result<Params, Error> {
        let params = Params {
            sample_rate: tri!(self.word()),
            window: tri!(self.word()),
            hop: tri!(self.word()),
            bands: tri!(self.word()),
            low_hz: tri!(self.word()),
            high_hz: tri!(self.word()),
            floor_log2: tri!(self.word()) as i32,
            ..Params::DEFAULT
        };
        tri!(within("samples of the audio window", params.window as usize, MAX_WINDOW));
        tri!(within("hop of the audio window", params.hop as usize, params.window as usize));
        tri!(within("mel bands", params.bands as usize, MAX_BANDS));
        Ok(params)
    }

    const fn tables(&mut self, params: Params, cepstra: usize) -> Result<Frontend<'a>, Error> {
        let (window, bands) = (params.window as usize, params.bands as usize);
        let weights: &[_] = must_cast_slice(tri!(self.take(window.div_ceil(2))));
        let mel = must_cast_slice(tri!(self.take(params.points() / 2 + 1)));
        let cepstra = if cepstra == 0 {
            None
        } else {
            let matrix = must_cast_slice(tri!(self.take(cepstra * bands.div_ceil(2))));
            Some(Cepstra { matrix, channels: tri!(self.channels(cepstra)) })
        };
        Ok(Frontend::new(params, weights.split_at(window).0, mel, cepstra))
    }
}
