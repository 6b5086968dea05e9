//! Attention by lag, and the periods in it.

use crate::inspect::measures::{Map, Share};

/// The mean weight at each lag (query minus key), over recordings of at most `positions` queries and keys.
#[derive(Clone, Debug, PartialEq)]
pub struct LagSums {
    positions: usize,
    /// From lag `1 - positions` to `positions - 1`: weight, chance, excess, cells.
    lags: Vec<[f64; 4]>,
}

/// A period of a head, found in its attention by lag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Period {
    /// In positions, at least 2.
    pub lag: usize,
    /// Autocorrelation at that lag, [`Period::CLEAR`] to 1.
    pub strength: f64,
}

impl Period {
    /// The least autocorrelation that counts.
    pub const CLEAR: f64 = 0.5;
}

impl LagSums {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(positions: usize) -> Self {
        Self { positions, lags: vec![[0.0; 4]; (2 * positions).saturating_sub(1)] }
    }

    /// Counts a recording; what lies beyond `positions` is left out.
    pub fn add(&mut self, map: &Map) {
        let n = self.positions;
        for (query, row) in map.live_rows().filter(|&(query, _)| query < n) {
            let even = 1.0 / map.visible(query) as f64;
            for (key, &weight) in row.iter().enumerate().take(n).filter(|&(key, _)| map.sees(query, key)) {
                let [weights, chance, excess, cells] = &mut self.lags[query + n - 1 - key];
                *weights += weight;
                *chance += even;
                *excess += weight - even;
                *cells += 1.0;
            }
        }
    }

    /// The mean weight at `lag` (positive: so many positions back); none where no query saw such a key.
    #[must_use]
    pub fn share(&self, lag: isize) -> Option<Share> {
        let index = usize::try_from(isize::try_from(self.positions).ok()? - 1 + lag).ok()?;
        let &[weight, chance, _, cells] = self.lags.get(index)?;
        (cells > 0.0).then(|| Share { share: weight / cells, chance: chance / cells, rows: cells as usize })
    }

    /// The lag with the largest mean weight, of those that at least half as many queries have as the commonest one.
    #[must_use]
    pub fn strongest(&self) -> Option<(isize, Share)> {
        let most = self.lags.iter().map(|lag| lag[3]).fold(0.0, f64::max);
        let first = 1 - self.positions as isize;
        let lags = (0..self.lags.len()).map(|index| first + index as isize);
        let shares = lags.filter_map(|lag| Some((lag, self.share(lag)?)));
        let common = shares.filter(|(_, share)| share.rows as f64 * 2.0 >= most);
        // The nearest of equals.
        common.max_by(|a, b| a.1.share.total_cmp(&b.1.share).then(b.0.abs().cmp(&a.0.abs())))
    }

    /// Autocorrelation of the mean excess weight (over an even row) by lag, from shift 0 (1) to `positions/2`, each -1
    /// to 1: `r(t) = Σ (e(l) - ē)(e(l+t) - ē) / Σ (e(l) - ē)²` over lags `l` of at most `positions/2` either way that
    /// some query had. Empty where the weights do not differ by lag.
    #[must_use]
    pub fn autocorrelation(&self) -> Vec<f64> {
        let reach = self.positions / 2;
        let near = self.lags.iter().enumerate().filter(|&(index, _)| (index + 1).abs_diff(self.positions) <= reach);
        let means: Vec<f64> = near.filter(|(_, lag)| lag[3] > 0.0).map(|(_, lag)| lag[2] / lag[3]).collect();
        let mean = means.iter().sum::<f64>() / means.len().max(1) as f64;
        let deviations: Vec<f64> = means.iter().map(|value| value - mean).collect();
        let power: f64 = deviations.iter().map(|d| d * d).sum();
        // Rounding of weights that are all equal.
        if power <= 1e-18 * means.len() as f64 {
            return Vec::new();
        }
        let at = |shift: usize| deviations.iter().zip(&deviations[shift..]).map(|(a, b)| a * b).sum::<f64>() / power;
        (0..=reach.min(deviations.len() - 1)).map(at).collect()
    }

    /// The shortest shift of at least 2 where the autocorrelation peaks at [`Period::CLEAR`] or above.
    #[must_use]
    pub fn period(&self) -> Option<Period> {
        let r = self.autocorrelation();
        let after = |shift: usize| r.get(shift + 1).copied().unwrap_or(f64::NEG_INFINITY);
        let peaks = (2..r.len()).filter(|&t| r[t] >= Period::CLEAR && r[t] > r[t - 1] && r[t] >= after(t));
        peaks.map(|lag| Period { lag, strength: r[lag] }).next()
    }
}
