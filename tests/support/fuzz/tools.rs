//! What the host tool does with a `.heed` file: heads removed, ranked and inspected.

use crate::bytes::Bytes;
use crate::encoder;
use crate::heed::repaired;
use heedful::dynamic::{Heard, Model};
use heedful::format::write::EncoderModel;
use heedful_lab::evaluate::{Example, examples};
use heedful_lab::head_index::HeadIndex;
use heedful_lab::inspect::{Asked, Recording, Source, inspect, page, tables, text, write};
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
        if frontend.params.samples(c.input.steps) < 1 << 20 {
            let heard = model.hear(&samples).expect("it has a front end");
            look_inside(&model, &file, recording(None, heard, samples));
        }
    } else {
        assert!(examples(&model, &[]).is_err());
        let heard = Heard::Features(input.clone());
        look_inside(&model, &file, recording(Some(from.any()), heard, vec![]));
    }
    if all.len() < 8 {
        let example = Example { class: usize::from(from.byte()), heard: Heard::Features(input) };
        let keep = from.within(0, 9) as usize;
        let order = choose(&model, &[example], keep, |_, _| {});
        assert_eq!(order.map_or(0, |order| order.len()), all.len().saturating_sub(keep));
    }
    true
}

fn recording(class: Option<usize>, heard: Heard, wave: Vec<i16>) -> Recording {
    Recording { name: "<&>".into(), class, heard, wave, columns: vec![], group: None }
}

/// A report in all its forms, of models whose maps are small.
fn look_inside(model: &Model, file: &[u8], recording: Recording) {
    let c = model.shape();
    if c.positions >= 32 || c.heads * c.layers > 40 || c.heads * c.layers == 0 {
        return;
    }
    let asked = Asked { title: "<&>".into(), model: (model, file), float: None, heads: &[], inferences: 40 };
    let report = inspect(asked, &Source::given(vec![recording]), &()).expect("it is there already");
    let page = page::page(&report);
    assert!(page.ends_with("</html>") && !page.contains("<&>") && !text::text(&report).is_empty());
    assert!(write::csv(&report).is_ok() && write::pictures(&report).len() > 3);
    assert!(tables::json(&report).is_object());
}
