//! Contestants that take turns.

use std::time::Instant;

/// Rounds, the best of which counts.
const ROUNDS: usize = 100;
/// Seconds that a turn takes: shorter than what the system gives a process at a time.
const TURN: f64 = 0.002;

/// Runs a contestant's work a number of times.
pub type Runner = Box<dyn FnMut(usize)>;

/// Contestants.
pub struct Race {
    contestants: Vec<Contestant>,
}

struct Contestant {
    name: &'static str,
    macs: usize,
    run: Runner,
}

impl Race {
    /// No contestants yet.
    pub fn new() -> Self {
        Self { contestants: Vec::new() }
    }

    /// Adds one, whose work is `macs` multiply-accumulates; gives its number.
    pub fn add(&mut self, name: &'static str, macs: usize, run: Runner) -> usize {
        self.contestants.push(Contestant { name, macs, run });
        self.contestants.len() - 1
    }

    pub fn name(&self, contestant: usize) -> &'static str {
        self.contestants[contestant].name
    }

    /// GMAC/s of each.
    pub fn run(&mut self) -> Vec<f64> {
        let repetitions: Vec<usize> = self.contestants.iter_mut().map(|contestant| contestant.calibrate()).collect();
        let mut best = vec![0.0f64; self.contestants.len()];
        for _ in 0..ROUNDS {
            for ((contestant, &repetitions), best) in self.contestants.iter_mut().zip(&repetitions).zip(&mut best) {
                let rate = (contestant.macs * repetitions) as f64 / contestant.time(repetitions) / 1e9;
                *best = best.max(rate);
            }
        }
        best
    }
}

impl Contestant {
    fn time(&mut self, repetitions: usize) -> f64 {
        let start = Instant::now();
        (self.run)(repetitions);
        start.elapsed().as_secs_f64()
    }

    /// Repetitions that take a turn.
    fn calibrate(&mut self) -> usize {
        let mut repetitions = 1;
        loop {
            let time = self.time(repetitions);
            if time >= TURN / 4.0 {
                return ((repetitions as f64 * TURN / time) as usize).max(1);
            }
            repetitions *= 2;
        }
    }
}
