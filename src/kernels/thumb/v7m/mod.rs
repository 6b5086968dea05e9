//! The loops for Armv7-M: multiply and add is one instruction, and loads can step on.

use super::Thumb;
use crate::kernels::NormView;
use crate::kernels::generic::packed::loops::{Finish, LANES, Largest, Loop, Pack, PackedLoops, Panel, TRIPLE, Weigh};

mod finish;
mod norm;
mod products;
mod softmax;

impl PackedLoops for Thumb {
    const NAME: &'static str = "Thumb";
    const QUERIES: usize = LANES;
    const ROWS: usize = LANES;
    // 3 KiB of stack, and 768 bytes.
    const INNER: usize = 192;
    const OUTPUTS: usize = 32;
    type Words = [u32; 4 * Self::INNER];
    type Sums = [i32; LANES * Self::OUTPUTS];

    const PACK: Loop<*const Pack> = products::pack;
    const PANEL: [Loop<*const Panel>; 2] = [products::panel_three, products::panel_six];
    const WEIGHTED: [Loop<*const Panel>; 2] = [products::weighted_three, products::weighted_six];
    const LARGEST: [Largest; 2] = [softmax::largest::<{ 4 * TRIPLE }>, softmax::largest::<{ 4 * LANES }>];
    const WEIGH: [Weigh; 2] = [softmax::weigh::<{ 4 * TRIPLE }>, softmax::weigh::<{ 4 * LANES }>];
    const STORE: Loop<*mut Finish> = finish::store;
    const ADD: Loop<*mut Finish> = finish::add;
    const STORE_ROWS: Loop<*mut Finish> = finish::store_rows;

    #[inline]
    fn layer_norm(x: &[i16], norm: NormView<'_>, out: &mut [i8]) {
        norm::layer_norm(x, norm, out);
    }
}
