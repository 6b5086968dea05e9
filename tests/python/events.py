"""What a file says of events: the section `evnt` of docs/format.md. It changes nothing of what a model computes."""

from words import must

# Eighths of an octave.
MOST_LEVEL = 311


class Events:
    def __init__(self, words, outputs, hears):
        self.cadence, self.smoothing, self.separation = words.take(3)
        has_gate = words.word()
        must(has_gate <= hears, "Shape")
        self.gate = words.take(4)
        must(words.word() == outputs, "Shape")
        rows = words.take(5 * outputs)
        must(1 <= self.cadence <= 1 << 20, "Scale")
        above, rise, least, _ = self.gate
        if not has_gate:
            self.gate = None
        elif not (1 <= above <= MOST_LEVEL and 1 <= rise <= 65535 and least <= MOST_LEVEL):
            must(False, "Scale")
        must(self.smoothing <= 7, "Scale")
        self.classes = [Class(*rows[i : i + 5]) for i in range(0, len(rows), 5)]


class Class:
    def __init__(self, thresholds, shortest, longest, hold_off, silent):
        self.enter, self.leave = thresholds & 0xFFFF, thresholds >> 16
        self.shortest, self.longest, self.hold_off, self.silent = shortest, longest, hold_off, silent
        must(silent <= 1, "Shape")
        must(1 <= self.leave <= self.enter <= 1 << 15, "Scale")
        must(longest >= 1 and shortest <= longest, "Scale")

    def row(self):
        return [self.enter, self.leave, self.shortest, self.longest, self.hold_off, self.silent]
