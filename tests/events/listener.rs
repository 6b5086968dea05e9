//! A listener on recordings of spoken digits.

use crate::Digits;
use crate::sound::stream;
use crate::support::Random;
use heedful::events::{ClassSettings, Event, GateSettings, Listener, ListenerSettings, Settings, Step};
use heedful::fixed::types::U1F15;

/// An inference every tenth of a second, so that tests are quick; events of any length.
static GATED: ListenerSettings<10> = SELDOM;
const SELDOM: ListenerSettings<10> = ListenerSettings {
    cadence: 10,
    gate: Some(GateSettings { hangover: 6000, ..GateSettings::of_window(8000, 80, 8000) }),
    detector: Settings {
        millihertz: 8_000_000,
        smoothing: 0,
        separation: 0,
        classes: [ClassSettings { enter: U1F15::lit("0.5"), shortest: 0, longest: 4000, hold_off: 800, ..CLASS }; 10],
    },
};
const CLASS: ClassSettings = ClassSettings::of_window(8000);

fn seldom() -> Box<Listener<Digits>> {
    Box::new(Listener::new().with_settings(&GATED))
}

/// By the defaults, each word is one event, of its class and about its time.
#[test]
fn each_word_is_an_event() {
    let clips = [(7, "jackson"), (3, "theo"), (0, "george"), (9, "nicolas"), (1, "yweweler"), (5, "lucas")];
    let Some((samples, truth)) = stream(&clips, 7000) else { return };
    let mut ear = Box::new(Listener::<Digits>::new());
    let found: Vec<Event> = ear.push(&samples).collect();
    let heard: Vec<usize> = found.iter().map(|event| event.class).collect();
    assert_eq!(heard, clips.map(|(digit, _)| digit), "{found:?}");
    for (event, (digit, start, end)) in found.iter().zip(truth) {
        assert_eq!(event.label, Digits::LABELS[digit]);
        assert!(event.start < end && event.end > start, "{event:?} from {start} to {end}");
        assert!(event.start + 3000 > start && event.end < end + 3000, "{event:?} from {start} to {end}");
        assert_eq!(event.start_ms(), event.start / 8);
    }
}

/// Events, samples and inferences do not depend on the chunks that samples come in, nor on how events are taken.
#[test]
fn chunks_do_not_matter() {
    let Some((samples, _)) = stream(&[(7, "jackson"), (1, "yweweler")], 4500) else { return };
    let mut whole = seldom();
    let expected: Vec<Event> = whole.push(&samples).collect();
    assert!(expected.len() >= 2, "{expected:?}");
    let mut random = Random(2);
    for kind in 0..7 {
        let mut ear = seldom();
        let (mut rest, mut found) = (&samples[..], vec![]);
        while !rest.is_empty() {
            let length = match kind {
                0 => 1,
                1 => 80,
                2 => random.int(0, 2),
                3 => random.int(0, 200),
                4 => random.int(0, 9000),
                _ => random.int(0, 3) * random.int(0, 3000),
            };
            let (chunk, after) = rest.split_at(rest.len().min(length as usize));
            rest = after;
            let mut events = ear.push(chunk);
            match kind {
                // Dropped before the end, or at once: what is not taken waits.
                4 => found.extend(events.next()),
                5 => {
                    drop(events);
                    found.extend(ear.push(&[]));
                }
                6 => loop {
                    match events.step() {
                        Step::Event(event) => found.push(event),
                        Step::Busy => {}
                        Step::Done => break,
                    }
                },
                _ => found.extend(events),
            }
        }
        found.extend(ear.push(&[]));
        assert_eq!(found, expected, "chunks of kind {kind}");
        assert_eq!((ear.heard(), ear.inferences()), (whole.heard(), whole.inferences()));
        assert_eq!(ear.missed(), 0);
    }
}

/// More events than can wait are counted.
#[test]
fn events_that_nobody_takes_are_counted() {
    let clips = [(7, "jackson"), (3, "theo"), (7, "theo"), (3, "jackson"), (0, "theo"), (7, "george"), (9, "theo")];
    let Some((samples, _)) = stream(&clips, 4000) else { return };
    let all = seldom().push(&samples).count();
    assert!(all > 5, "{all} events");
    let mut ear = seldom();
    drop(ear.push(&samples));
    assert_eq!(ear.missed() as usize, all - 4);
    assert_eq!(ear.push(&[]).count(), 4);
    assert_eq!(ear.push(&[]).count(), 0);
}

/// The gate spares inferences in the pauses, and costs no event.
#[test]
fn the_gate_spares_inferences() {
    const DEFAULT: ListenerSettings<10> = ListenerSettings { cadence: 20, ..*Listener::<Digits>::SETTINGS };
    static OPEN: ListenerSettings<10> = ListenerSettings { gate: None, ..DEFAULT };
    static GATED: ListenerSettings<10> = DEFAULT;
    let Some((mut samples, _)) = stream(&[(7, "jackson")], 4000) else { return };
    let mut random = Random(4);
    samples.extend((0..80_000).map(|_| random.int(-12, 12) as i16));
    let run = |settings| {
        let mut ear = Box::new(Listener::<Digits>::new().with_settings(settings));
        let found: Vec<_> = ear.push(&samples).map(|event| event.class).collect();
        (found, ear.inferences())
    };
    let ((gated, few), (open, many)) = (run(&GATED), run(&OPEN));
    assert!(gated.contains(&7) && open.contains(&7), "{gated:?}, {open:?}");
    assert!(many > 50 && few >= 3 && few * 2 < many, "{few} of {many} inferences");
}

/// Lost samples move the clock; after as many as a window has, the model waits for a full one.
#[test]
fn lost_samples() {
    static OPEN: ListenerSettings<10> = ListenerSettings { gate: None, ..SELDOM };
    let mut ear = Box::new(Listener::<Digits>::new().with_settings(&OPEN));
    ear.push(&[0; 8176]).count();
    assert_eq!(ear.inferences(), 1, "a window of 100 frames");
    ear.skip(5);
    ear.push(&[0; 1600]).count();
    assert_eq!((ear.heard(), ear.lost(), ear.inferences()), (8176 + 1605, 5, 3));
    ear.skip(8176);
    ear.push(&[0; 8000]).count();
    assert_eq!((ear.lost(), ear.inferences()), (8181, 3));
    ear.push(&[0; 176]).count();
    assert_eq!((ear.lost(), ear.inferences()), (8181, 4));
    assert_eq!(ear.heard(), 8176 * 3 + 1605);
}

#[test]
fn settings_at_run_time() {
    static WRONG: ListenerSettings<10> = ListenerSettings { cadence: 0, ..SELDOM_DEFAULT };
    const SELDOM_DEFAULT: ListenerSettings<10> = *Listener::<Digits>::SETTINGS;
    static RIGHT: ListenerSettings<10> = ListenerSettings { cadence: 100, gate: None, ..SELDOM_DEFAULT };
    let mut ear = Box::new(Listener::<Digits>::new());
    assert!(ear.set(&WRONG).is_err());
    assert!(ear.set(&RIGHT).is_ok());
    ear.push(&[0; 8176 + 8000]).count();
    assert_eq!(ear.inferences(), 2);
}

/// It may go to another thread, and lies in a static.
#[test]
fn it_is_send_and_const() {
    fn is_send<T: Send>() {}
    is_send::<Listener<Digits>>();
    static EAR: static_cell::ConstStaticCell<Listener<Digits>> = static_cell::ConstStaticCell::new(Listener::new());
    let ear = EAR.take();
    let heard = std::thread::spawn(move || {
        ear.push(&[0; 100]).count();
        ear.heard()
    });
    assert_eq!(heard.join().unwrap(), 100);
    // The model, its classes, and little else.
    assert!(size_of::<Listener<Digits>>() <= size_of::<Digits>() + 10 * 40 + 400, "{}", size_of::<Listener<Digits>>());
}

/// A static of one is all zeros, which costs no flash.
#[cfg(target_os = "linux")]
#[test]
fn a_static_costs_no_flash() {
    use object::{Object, ObjectSection, ObjectSymbol, SectionKind};
    static ZEROS_ALONE: static_cell::ConstStaticCell<Listener<Digits>> =
        static_cell::ConstStaticCell::new(Listener::new());
    assert_eq!(ZEROS_ALONE.take().heard(), 0);
    let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let program = object::File::parse(&*program).unwrap();
    let symbol = program.symbols().find(|symbol| symbol.name().is_ok_and(|name| name.contains("ZEROS_ALONE"))).unwrap();
    let section = program.section_by_index(symbol.section_index().unwrap()).unwrap();
    assert!(symbol.size() >= size_of::<Digits>() as u64);
    assert_eq!(section.kind(), SectionKind::UninitializedData, "{}", section.name().unwrap());
}
