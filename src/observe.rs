//! Watching what each head attends to.

/// The softmax weights of one query in one head.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a, W> {
    /// The encoder block, 0 for an attention of its own.
    pub layer: usize,
    /// The head.
    pub head: usize,
    /// Position of the query.
    pub query: usize,
    /// The key that the first weight belongs to: not 0 where a window starts later, or where a long row is shown in
    /// parts.
    pub first: usize,
    /// From one weight's key to the next one's.
    pub dilation: usize,
    /// Weight of each key in the query's pattern: not normalised, the largest is full scale
    /// ([`Weight::FULL_SCALE`](crate::Weight::FULL_SCALE)).
    pub weights: &'a [W],
}

/// Sees each row of weights as it is computed. Closures that take a [`Row`] are observers.
///
/// The observer's type is known when the code is compiled: [`Unobserved`] leaves no instruction behind.
pub trait Observer<W> {
    /// Whether it looks at all; `false` spares the backends that keep weights in a layout of their own.
    const WATCHES: bool = true;
    /// Called once per layer, head and query, in this order; more often where a row is shown in parts.
    fn row(&mut self, row: Row<'_, W>);
}

/// Watches nothing.
#[derive(Clone, Copy, Debug)]
pub struct Unobserved;

impl<W> Observer<W> for Unobserved {
    const WATCHES: bool = false;
    #[inline]
    fn row(&mut self, _: Row<'_, W>) {}
}

impl<W, F: FnMut(Row<'_, W>)> Observer<W> for F {
    #[inline]
    fn row(&mut self, row: Row<'_, W>) {
        self(row);
    }
}

/// An observer of the rows of one block.
#[derive(Debug)]
pub(crate) struct LayerObserver<'o, O> {
    pub layer: usize,
    pub observer: &'o mut O,
}
