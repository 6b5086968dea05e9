//! What the host tool does with a `.heed` file: heads removed, ranked and drawn.

use crate::bytes::Bytes;
use crate::encoder;
use crate::heed::repaired;
use heedful::dynamic::{Heard, Model};
use heedful::format::write::EncoderModel;
use heedful_lab::attention_map::svg;
use heedful_lab::evaluate::{Example, examples};
use heedful_lab::head_index::HeadIndex;
use heedful_lab::prune::{choose, remove};

/// Input as that of the target `encoder`. True if there was a model.
pub fn run(data: &[u8]) -> bool {
    let mut from = Bytes::new(data);
    let file = if data.starts_with(b"HEED") { repaired(data) } else { encoder::file(&mut from) };
    let (Ok(model), Ok(parameters)) = (Model::load(&file), EncoderModel::load(&file)) else { return false };
    let c = *model.shape();
    if model.macs() > encoder::WORK || c.positions * c.heads * c.head_dim > encoder::WORK {
        return false;
    }
    let input: Vec<i8> = from.bytes(c.positions * c.inputs).into_iter().map(|byte| byte as i8).collect();
    let all: Vec<HeadIndex> =
        (0..c.layers).flat_map(|block| (0..model.heads()[block]).map(move |head| HeadIndex { block, head })).collect();
    let removed: Vec<HeadIndex> = all.iter().copied().filter(|_| from.once_in(2)).collect();
    let pruned = remove(&parameters, &removed).expect("these heads are there");
    let pruned = Model::load(&pruned.to_bytes().expect("what was read can be written")).expect("and read");
    assert_eq!(
        pruned.infer(&input),
        model.infer_without(heedful::Input::Features(&input), &HeadIndex::pairs(&removed))
    );
    assert!(remove(&parameters, &[HeadIndex { block: from.any(), head: usize::MAX }]).is_err());

    let samples: Vec<i16> = (0..from.within(0, 600)).map(|_| from.sample()).collect();
    if let Some(frontend) = model.frontend() {
        // A square of each head.
        if c.positions < 32 && frontend.params.samples(c.positions * c.inputs) < 1 << 20 {
            assert!(svg(&model, &samples, "<&>").is_ok_and(|picture| picture.ends_with("</svg>\n")));
        }
    } else {
        assert!(svg(&model, &samples, "").is_err() && examples(&model, &[]).is_err());
    }
    if all.len() < 8 {
        let example = Example { class: usize::from(from.byte()), heard: Heard::Features(input) };
        let keep = from.within(0, 9) as usize;
        let order = choose(&model, &[example], keep, |_, _| {});
        assert_eq!(order.map_or(0, |order| order.len()), all.len().saturating_sub(keep));
    }
    true
}
