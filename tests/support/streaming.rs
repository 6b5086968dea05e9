//! Random chains that can take a token of their input at a time.

use super::{
    ChainModel, InputModel, Level, Maker, Params, PartModel, Patches, PatternModel, Random, Softmax, Tables, Window,
    linear,
};

/// A chain whose tokens follow one another in a series or in sound, and whose heads look back.
pub fn chain(random: &mut Random, number: u64) -> ChainModel {
    let softmax = if number.is_multiple_of(2) { Softmax::Wide } else { Softmax::Narrow };
    let (width, positions) = (random.int(1, 13) as usize, random.int(1, 40) as usize);
    let mut maker = Maker { random, width, positions, memory: None, vocabulary: 0, streams: true, parts: vec![] };
    let input = if number.is_multiple_of(3) { maker.streaming_sound() } else { maker.streaming_series() };
    maker.blocks(number);
    let outputs = maker.end(number);
    let labels = (0..outputs).map(|i| format!("output {i}")).collect();
    ChainModel { softmax, input, parts: maker.parts, labels, unit: String::new(), tokens: vec![] }
}

impl Maker<'_> {
    /// Tokens of a few steps, and maybe a rest that is none; gives the steps.
    fn streaming_stem(&mut self, channels: usize, is_picture: bool, fine: bool) -> usize {
        let (count, width, at_a_time) = (self.positions, self.width, self.count(3));
        let steps = count * at_a_time + self.random.int(0, at_a_time as i64 - 1) as usize;
        let patches = Patches::of_series(steps, channels, at_a_time);
        let (input, kernel) = ([steps, channels, 1], [at_a_time, channels]);
        let patches = if is_picture { Patches { input, kernel, stride: kernel, ..patches } } else { patches };
        let layer = linear(self.random, patches.values(), width, 8.0);
        let fine = Self::lower(&layer, fine);
        self.parts.push(PartModel::Positions { count, width, class_tokens: 0, values: vec![] });
        self.parts.push(PartModel::Stem { class_tokens: 0, patches, layer, fine });
        steps
    }

    fn streaming_series(&mut self) -> InputModel {
        let (channels, fine) = (self.count(4), self.coin());
        let steps = self.streaming_stem(channels, false, fine);
        self.features([steps, 1, channels], fine)
    }

    /// Of cepstra, or of bands against running means.
    fn streaming_sound(&mut self) -> InputModel {
        let (bands, is_picture) = (self.count(6), self.coin());
        let cepstra = if self.coin() { self.count(bands) } else { 0 };
        let values = if cepstra > 0 { cepstra } else { bands };
        let frames = self.streaming_stem(values, is_picture, cepstra > 0);
        let level = Level::Running { shift: self.count(6) as u32 };
        let params = Params { hop: 70, bands: bands as u32, low_hz: 100, floor_log2: 8, level, ..Params::DEFAULT };
        let units: Vec<f64> = (0..cepstra).map(|_| 0.001 + 0.01 * self.random.uniform()).collect();
        let tables = if cepstra > 0 { Tables::design_cepstra(params, &units) } else { Tables::design(params) };
        InputModel::Audio { frames, is_picture, tables: tables.unwrap() }
    }

    /// A window for each head; where not all of a part is causal, none of them looks ahead.
    pub(super) fn look_back(&mut self, pattern: &mut PatternModel, heads: usize) {
        let is_causal = pattern.causal;
        let mut window = || {
            let back = Window::back(self.random.int(0, 6) as usize).dilated(self.random.int(1, 3) as usize);
            let ahead = if is_causal { [0, 2, usize::MAX][self.random.int(0, 2) as usize] } else { 0 };
            let sinks = if self.random.int(0, 2) == 0 { self.random.int(0, if is_causal { 3 } else { 1 }) } else { 0 };
            Window { ahead, ..back }.with_sinks(sinks as usize)
        };
        pattern.windows = (0..heads).map(|_| window()).collect();
    }
}
