//! From blocks of all channels to the samples that are asked for.

use crate::Recording;
use crate::error::{Reason, Warning};
use crate::resample::Resampling;
use crate::source::{Ending, Planes, Source};
use crate::survey::{Plan, mix};

/// Decodes a file as planned.
pub fn render(mut source: Source<'_>, plan: Plan, rate: u32) -> Result<Recording, Reason> {
    let facts = source.facts();
    let mut resampling = if facts.rate == rate { None } else { Some(Resampling::new(facts.rate, rate)?) };
    let (mut planes, mut mono, mut samples) = (Planes::new(), Vec::new(), Vec::new());
    let (mut clipped, mut first, mut silent) = (0, None, true);
    while source.next(&mut planes)? {
        mono.clear();
        match plan.channel.and_then(|channel| planes.get(channel)) {
            Some(plane) => mono.extend(plane.iter().map(|x| x * plan.gain)),
            None => mono.extend((0..planes.first().map_or(0, Vec::len)).map(|at| mix(&planes, at) * plan.gain)),
        }
        for &x in &mono {
            clipped += u64::from(x.abs() > 1.0);
            silent &= x == *first.get_or_insert(x);
        }
        match &mut resampling {
            Some(resampling) => resampling.push(&mono, &mut samples)?,
            None => samples.extend(mono.iter().map(|&x| nearest(x))),
        }
    }
    if let Some(resampling) = resampling {
        resampling.finish(&mut samples)?;
    }
    let ending = source.ending();
    if samples.is_empty() {
        let undecodable = |why: &str| Reason::Undecodable(why.to_owned());
        return Err(match ending {
            Ending { damaged: 1.., .. } => undecodable("all of its packets are damaged"),
            Ending { broken_off: true, .. } => undecodable("it breaks off before the first samples"),
            _ => Reason::NoSamples,
        });
    }
    let mut warnings = plan.warnings;
    let (present, promised) = (source.frames, ending.promised.filter(|&promised| promised > source.frames));
    if promised.is_some() || ending.broken_off {
        warnings.push(Warning::Truncated { present, promised });
    }
    if ending.damaged > 0 {
        warnings.push(Warning::Damaged { packets: ending.damaged });
    }
    if clipped > 0 {
        warnings.push(Warning::Clipped { samples: clipped });
    }
    // What is quieter than half a step of 16 bits has become silence, too.
    if silent || samples.iter().all(|sample| *sample == samples[0]) {
        warnings.push(Warning::Silent);
    }
    Ok(Recording { samples, file_rate: facts.rate, channels: facts.channels, warnings })
}

/// The nearest step of 16 bits to a sample of full scale ±1; what is louder is clipped.
#[must_use]
pub fn nearest(x: f64) -> i16 {
    (x * 32768.0).round() as i16
}
