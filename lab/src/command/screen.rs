//! Where inferences are drawn: in place in a terminal, a line for each anywhere else.

use console::{Term, colors_enabled, strip_ansi_codes, truncate_str};
use heedful::watch::Counts;
use heedful_lab::watch::{Inference, Style, draw, line};

/// Standard output, and how much of it is drawn over.
pub struct Screen {
    term: Term,
    /// The last inference.
    drawn: Vec<String>,
}

impl Screen {
    /// Nothing is drawn yet.
    pub fn new() -> Self {
        Self { term: Term::stdout(), drawn: vec![] }
    }

    /// A line of the device's log, which stays above the maps.
    pub fn text(&self, text: &str) {
        let lines = text.lines().map(|line| strip_ansi_codes(line).into_owned());
        let lines: Vec<String> = lines.filter(|line| !line.trim().is_empty()).collect();
        if !lines.is_empty() {
            self.clear();
            lines.iter().chain(&self.drawn).for_each(|line| say!("{line}"));
        }
    }

    /// Draws over the inference before; anywhere but in a terminal, prints its line.
    pub fn show(&mut self, inference: &Inference, labels: &[String], counts: Counts) {
        let said = line(inference, labels);
        if !self.term.is_term() {
            say!("{said}");
            return;
        }
        let (lines, columns) = self.term.size();
        // Two for what is said, and one for the cursor.
        let style =
            Style { columns: columns.into(), lines: usize::from(lines).saturating_sub(3), colours: colors_enabled() };
        self.clear();
        let mut all = draw(inference, style);
        // A line that wraps would be two to draw over.
        all.extend([said, counts.to_string()].map(|line| truncate_str(&line, columns.into(), "…").into_owned()));
        all.iter().for_each(|line| say!("{line}"));
        self.drawn = all;
    }

    fn clear(&self) {
        // A terminal that does not do it shows one below the other.
        _ = self.term.clear_last_lines(self.drawn.len());
    }
}
