//! The attention map of one head in one recording.

/// Attention weights, `queries x keys`, row by row. Each row sums to 1, or to 0 where the query sees no key.
///
/// Query `i` stands at position `i`, as key `i` does. What a mask hides is no key of the row: its weight is 0, and
/// chance levels count without it. A key that is visible may weigh 0, too.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    queries: usize,
    keys: usize,
    weights: Vec<f64>,
    visible: Vec<bool>,
}

/// Why weights are no attention map.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// As many weights as cells are needed.
    #[error("a map of {queries} queries and {keys} keys has no {found} weights")]
    Size {
        /// Rows.
        queries: usize,
        /// Columns.
        keys: usize,
        /// Weights given.
        found: usize,
    },
    /// There is no such cell.
    #[error("query {query}, key {key} is outside of a map of {queries} queries and {keys} keys")]
    Outside {
        /// Row asked for.
        query: usize,
        /// Column asked for.
        key: usize,
        /// Rows that there are.
        queries: usize,
        /// Columns that there are.
        keys: usize,
    },
    /// A weight is negative or not finite.
    #[error("query {query}, key {key} weighs {weight}; a weight is at least 0 and finite")]
    Weight {
        /// Its row.
        query: usize,
        /// Its column.
        key: usize,
        /// The weight.
        weight: f64,
    },
}

impl Map {
    /// A map where each query sees all keys; each row is divided by its sum.
    ///
    /// # Errors
    /// If there are not `queries x keys` weights, or one is negative or not finite.
    pub fn new(queries: usize, keys: usize, weights: &[f64]) -> Result<Self, MapError> {
        Self::masked(queries, keys, weights, |_, _| true)
    }

    /// A map where a query sees no later key.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn causal(queries: usize, keys: usize, weights: &[f64]) -> Result<Self, MapError> {
        Self::masked(queries, keys, weights, |query, key| key <= query)
    }

    /// A map where a query sees the keys that `sees(query, key)` says; other weights count as 0.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn masked(
        queries: usize,
        keys: usize,
        weights: &[f64],
        sees: impl Fn(usize, usize) -> bool,
    ) -> Result<Self, MapError> {
        if queries.checked_mul(keys) != Some(weights.len()) {
            return Err(MapError::Size { queries, keys, found: weights.len() });
        }
        let mut map = Self::hidden(queries, keys);
        for (cell, &weight) in weights.iter().enumerate() {
            let (query, key) = (cell / keys, cell % keys);
            if sees(query, key) {
                map.put(query, key, 1, [weight])?;
            }
        }
        map.normalise();
        Ok(map)
    }

    /// A map where no query sees a key yet: [`put`](Self::put) shows keys, [`normalise`](Self::normalise) ends it.
    #[must_use]
    pub fn hidden(queries: usize, keys: usize) -> Self {
        Self { queries, keys, weights: vec![0.0; queries * keys], visible: vec![false; queries * keys] }
    }

    /// Shows `query` the keys `first`, `first + dilation` and so on with these weights, as an observer sees them
    /// ([`heedful::Row`]); they need not sum to 1.
    ///
    /// # Errors
    /// If there is no such cell, or a weight is negative or not finite.
    pub fn put(
        &mut self,
        query: usize,
        first: usize,
        dilation: usize,
        weights: impl IntoIterator<Item = f64>,
    ) -> Result<(), MapError> {
        for (index, weight) in weights.into_iter().enumerate() {
            let key = first + index * dilation;
            if query >= self.queries || key >= self.keys {
                return Err(MapError::Outside { query, key, queries: self.queries, keys: self.keys });
            }
            if !(weight.is_finite() && weight >= 0.0) {
                return Err(MapError::Weight { query, key, weight });
            }
            self.weights[query * self.keys + key] = weight;
            self.visible[query * self.keys + key] = true;
        }
        Ok(())
    }

    /// Divides each row by its sum; a row of zeros stays as it is.
    pub fn normalise(&mut self) {
        if self.keys > 0 {
            for row in self.weights.chunks_exact_mut(self.keys) {
                let sum: f64 = row.iter().sum();
                if sum > 0.0 {
                    row.iter_mut().for_each(|weight| *weight /= sum);
                }
            }
        }
    }

    /// Rows.
    #[must_use]
    pub fn queries(&self) -> usize {
        self.queries
    }

    /// Columns.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// All weights, row by row.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The weights of a query.
    ///
    /// # Panics
    /// If there is no such query.
    #[must_use]
    pub fn row(&self, query: usize) -> &[f64] {
        &self.weights[query * self.keys..][..self.keys]
    }

    /// Whether a query sees a key.
    ///
    /// # Panics
    /// If there is no such cell.
    #[must_use]
    pub fn sees(&self, query: usize, key: usize) -> bool {
        self.visible[query * self.keys..][..self.keys][key]
    }

    /// How many keys a query sees.
    ///
    /// # Panics
    /// If there is no such query.
    #[must_use]
    pub fn visible(&self, query: usize) -> usize {
        self.visible[query * self.keys..][..self.keys].iter().filter(|&&visible| visible).count()
    }

    /// The rows that have weight at all: the query and its weights.
    pub fn live_rows(&self) -> impl Iterator<Item = (usize, &[f64])> {
        (0..self.queries)
            .map(|query| (query, self.row(query)))
            .filter(|(_, row)| row.iter().any(|&weight| weight > 0.0))
    }

    /// The cells that a mask leaves, of live rows: query, key, and by how much the key weighs more than its share of an
    /// even row (`weight - 1/visible`). In each row these sum to 0, so that the mask itself is no pattern.
    pub fn excess(&self) -> impl Iterator<Item = (usize, usize, f64)> {
        self.live_rows().flat_map(move |(query, row)| {
            let even = 1.0 / self.visible(query) as f64;
            let cells = row.iter().enumerate().filter(move |&(key, _)| self.sees(query, key));
            cells.map(move |(key, weight)| (query, key, weight - even))
        })
    }

    /// Whether two maps have the same queries and keys.
    #[must_use]
    pub fn same_shape(&self, other: &Self) -> bool {
        (self.queries, self.keys) == (other.queries, other.keys)
    }
}
