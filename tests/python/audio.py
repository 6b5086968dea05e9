"""The audio front end, from samples to features: its chapter of docs/numerics.md, and `AUDI` of docs/format.md."""

import math
from itertools import accumulate, groupby, pairwise

from numerics import requantise, saturate


def place(clip, length):
    """A clip as exactly so many samples."""
    silence = length - len(clip)
    if silence >= 0:
        return [0] * (silence // 2) + list(clip) + [0] * (silence - silence // 2)
    frame = max(length // 64, 1)
    steps = [0, *(b - a for a, b in pairwise(clip))]
    frames = [steps[start : start + frame] for start in range(0, len(clip) - frame + 1, frame)]
    changes = [0] * 6 + [sum(step * step for step in steps) - sum(steps) ** 2 // frame for steps in frames] + [0] * 6
    totals = [0, *accumulate(sorted(changes[i : i + 13])[6] for i in range(len(frames)))]
    scores = [totals[i + length // frame] - totals[i] for i in range(-silence // frame + 1)]
    enough = max(scores) - (max(scores) - min(scores)) // 16
    runs = groupby(range(len(scores)), key=lambda i: scores[i] >= enough)
    good = next(list(run) for is_good, run in runs if is_good)
    start = good[(len(good) - 1) // 2] * frame
    return list(clip[start : start + length])


def nearest(x):
    return min(math.floor(x * 32768 + 0.5) if x >= 0 else math.ceil(x * 32768 - 0.5), 32767)


def turn(j, n):
    """e^(-2πi·j/n)"""
    return nearest(math.cos(2 * math.pi * j / n)), nearest(-math.sin(2 * math.pi * j / n))


def half(z, t):
    """Half of a value, turned."""
    (re, im), (cos, sin) = z, t
    return (re * cos >> 16) - (im * sin >> 16), (re * sin >> 16) + (im * cos >> 16)


def powers(x):
    """Those of the bins 0 to len(x)/2 of real values, over the square of half their number."""
    m = len(x) // 2
    bits = m.bit_length() - 1
    order = [int(format(n, f"0{bits}b")[::-1], 2) for n in range(m)]
    z = [(x[2 * n], x[2 * n + 1]) for n in order]
    q = 1
    if bits % 2:
        for i in range(0, m, 2):
            (a, b), (c, d) = z[i], z[i + 1]
            z[i] = (a >> 1) + (c >> 1), (b >> 1) + (d >> 1)
            z[i + 1] = (a >> 1) - (c >> 1), (b >> 1) - (d >> 1)
        q = 2
    while 4 * q <= m:
        for start in range(0, m, 4 * q):
            for j in range(q):
                places = [start + j + part * q for part in range(4)]
                a, b, c, d = (z[place] for place in places)
                if j:
                    b, c, d = (half(y, turn(times * j, 4 * q)) for y, times in ((b, 2), (c, 1), (d, 3)))
                else:
                    b, c, d = ((re >> 1, im >> 1) for re, im in (b, c, d))
                p = (a[0] >> 2) + (b[0] >> 1), (a[1] >> 2) + (b[1] >> 1)
                r = (a[0] >> 2) - (b[0] >> 1), (a[1] >> 2) - (b[1] >> 1)
                s, t = (c[0] + d[0] >> 1, c[1] + d[1] >> 1), (c[0] - d[0] >> 1, c[1] - d[1] >> 1)
                results = (p[0] + s[0], p[1] + s[1]), (r[0] + t[1], r[1] - t[0])
                results += (p[0] - s[0], p[1] - s[1]), (r[0] - t[1], r[1] + t[0])
                for place, result in zip(places, results):
                    z[place] = result
        q *= 4
    bins = [(z[0][0] + z[0][1]) ** 2] + [0] * (m - 1) + [(z[0][0] - z[0][1]) ** 2]
    bins[m // 2] = z[m // 2][0] ** 2 + z[m // 2][1] ** 2
    for k in range(1, m // 2):
        (a, b), (c, d) = z[k], z[m - k]
        s, t = a + c >> 1, b - d >> 1
        u, v = half((b + d, c - a), turn(k, len(x)))
        bins[k], bins[m - k] = (s + u) ** 2 + (t + v) ** 2, (s - u) ** 2 + (t - v) ** 2
    return bins


_ENDS = [math.floor(65536 * math.log2(1 + i / 64) + 0.5) for i in range(65)]


def log2(x):
    """In units of 2^-16."""
    octaves = x.bit_length() - 1
    fraction = (x << 31 >> octaves) - (1 << 31)
    segment, place = fraction >> 25, fraction >> 9 & 0xFFFF
    rise = _ENDS[segment + 1] - _ENDS[segment]
    return (octaves << 16) + _ENDS[segment] + (rise * place >> 16)


def centre(values):
    """Relative to their mean."""
    mean = (sum(values) + len(values) // 2) // len(values)
    return [saturate(value - mean, 8) for value in values]


def follow(frames, shift):
    """Each band relative to its running mean."""
    means, out = [value << 8 for value in frames[0]], []
    for frame in frames:
        means = [mean + ((value << 8) - mean >> shift) for value, mean in zip(frame, means)]
        out += [saturate(value - (mean + 128 >> 8), 8) for value, mean in zip(frame, means)]
    return out


class Frontend:
    def __init__(self, words, version=2):
        self.rate, self.window_length, self.hop, self.bands = (words.word() for _ in range(4))
        words.take(2)  # The edges in Hz, which the filters know.
        self.floor = words.signed()
        words.within((self.window_length, 1024), (self.hop, self.window_length), (self.bands, 80))
        self.picture = self.magnitude = self.without_mean = False
        self.shift = self.cepstra = 0
        if version == 2:
            self.picture, self.magnitude, self.without_mean = words.flag(), words.flag(), words.flag()
            self.shift, self.cepstra = words.take(2)
            words.within((self.shift + 1, 13), (self.cepstra + 1, self.bands + 1))
        self.points = max(32, 1 << (self.window_length - 1).bit_length())
        self.window = words.halves(self.window_length)
        self.filters = [divmod(word, 1 << 16)[::-1] for word in words.take(self.points // 2 + 1)]
        # Rows are filled up to a word.
        self.matrix = [words.halves(self.bands) for _ in range(self.cepstra)]
        self.channels = words.channels(self.cepstra)
        self.values = self.cepstra or self.bands

    def octaves(self, samples):
        """Of the bands under a window of samples, above the floor, in units of 2^-16."""
        length = self.window_length
        offset = ((sum(samples) << 6) + length // 2) // length << 10 if self.without_mean else 0
        x = [sample * weight - (offset * weight >> 16) >> 2 for sample, weight in zip(samples, self.window)]
        x += [0] * (self.points - length)
        energies = [0] * self.bands
        bins = zip(powers(x), self.filters)
        for band, run in groupby(bins, lambda bin: bin[1][0]):
            run = [(math.isqrt(power) << 16 if self.magnitude else power, share) for power, (_, share) in run]
            whole, rise = sum(power for power, _ in run), sum(power * share for power, share in run) >> 16
            if band < self.bands:
                energies[band] += rise
            if 1 <= band <= self.bands:
                energies[band - 1] += whole - rise
        unit = self.points.bit_length() - 2 - 13
        unit = unit - 16 if self.magnitude else 2 * unit
        return [max(0, log2(energy) + (unit - self.floor << 16)) if energy else 0 for energy in energies]

    def frame(self, samples):
        """The features of a window of samples, before they are held against a level."""
        octaves = self.octaves(samples)
        if not self.cepstra:
            return [min(255, x + (1 << 12) >> 13) for x in octaves]
        fine = [min(32767, x + 128 >> 8) for x in octaves]
        out = []
        for row, (bias, scale) in zip(self.matrix, self.channels):
            total = sum(a * b for a, b in zip(row, fine)) >> 8
            out.append(max(-16384, min(16383, saturate(requantise(saturate(total + bias, 32), scale), 16))))
        return out

    def features(self, clip, count):
        """The features of a clip, `count` of them."""
        frames = count // self.values
        samples = place(clip, (frames - 1) * self.hop + self.window_length)
        starts = range(0, frames * self.hop, self.hop)
        values = [self.frame(samples[start : start + self.window_length]) for start in starts]
        if self.shift and not self.cepstra:
            return follow(values, self.shift)
        values = [value for frame in values for value in frame]
        return values if self.cepstra else centre(values)
