"""The audio front end, from samples to int8 features: its chapter of docs/numerics.md, and `AUDI` of docs/format.md.

The one place with floating point: Python's is f64, so every result is rounded to f32.
"""

import math
import struct
from itertools import accumulate

from numerics import saturate
from words import Refused

_F32 = struct.Struct("f")


def f32(x):
    return _F32.unpack(_F32.pack(x))[0]


def place(clip, length):
    """A clip as exactly so many samples."""
    silence = length - len(clip)
    if silence >= 0:
        return [0] * (silence // 2) + list(clip) + [0] * (silence - silence // 2)
    energies = [0, *accumulate(sample * sample for sample in clip)]
    starts = range(0, -silence + 1, max(length // 64, 1))
    start = max(starts, key=lambda start: energies[start + length] - energies[start])
    return list(clip[start : start + length])


def turns(n):
    """e^(-2πi·j/n) for j up to n/2."""
    return [(f32(math.cos(2 * math.pi * j / n)), f32(-math.sin(2 * math.pi * j / n))) for j in range(n // 2)]


def fft(x):
    """The bins 0 to len(x)/2 of real values."""
    m = len(x) // 2
    bits = m.bit_length() - 1
    order = [int(format(n, f"0{bits}b")[::-1], 2) for n in range(m)]
    z = [(x[2 * n], x[2 * n + 1]) for n in order]
    n = 2
    while n <= m:
        twiddles = turns(n)
        for start in range(0, m, n):
            for j, (t_re, t_im) in enumerate(twiddles):
                re, im = z[start + j + n // 2]
                if 4 * j == n:
                    re, im = im, -re
                elif j > 0:
                    re, im = f32(f32(t_re * re) - f32(t_im * im)), f32(f32(t_re * im) + f32(t_im * re))
                a, b = z[start + j]
                z[start + j] = f32(a + re), f32(b + im)
                z[start + j + n // 2] = f32(a - re), f32(b - im)
        n *= 2
    bins = [(f32(z[0][0] + z[0][1]), 0.0)] + [None] * (m - 1) + [(f32(z[0][0] - z[0][1]), 0.0)]
    bins[m // 2] = (z[m // 2][0], -z[m // 2][1])
    for k, (t_re, t_im) in enumerate(turns(2 * m)[1 : m // 2], start=1):
        (a_re, a_im), (b_re, b_im) = z[k], z[m - k]
        s_re, s_im, d_re, d_im = f32(a_re + b_re) / 2, f32(a_im + b_im) / 2, f32(a_re - b_re) / 2, f32(a_im - b_im) / 2
        re_im, im_re, im_im, re_re = f32(t_re * s_im), f32(t_im * d_re), f32(t_im * s_im), f32(t_re * d_re)
        bins[k] = f32(f32(s_re + re_im) + im_re), f32(f32(d_im + im_im) - re_re)
        bins[m - k] = f32(f32(s_re - re_im) - im_re), f32(f32(-d_im + im_im) - re_re)
    return bins


_LN = [f32(c) for c in (-0.056570851, 0.44717955, -1.4699568, 2.8212026, -1.7417939)]


def log_mel(energy, floor):
    """Eighths of an octave above 2^floor."""
    if energy < 1:
        return 0
    half, e = math.frexp(energy)
    y, p = 2 * half, 0.0
    for coefficient in _LN:
        p = f32(coefficient + f32(p * y))
    ln = f32(f32((e - 1) * f32(math.log(2))) + p) if energy != 1 else 0.0
    return max(0, min(255, math.trunc(f32(f32(f32(f32(ln * f32(1 / math.log(2))) - floor) * 8) + 0.5))))


def centre(values):
    """Relative to their mean."""
    mean = (sum(values) + len(values) // 2) // len(values)
    return [saturate(value - mean, 8) for value in values]


class Frontend:
    def __init__(self, words):
        self.rate, self.window_length, self.hop, self.bands = (words.word() for _ in range(4))
        words.take(2)  # The edges in Hz, which the filters know.
        self.floor = words.signed()
        if self.window_length not in (256, 512) or not 1 <= self.hop <= self.window_length or not 1 <= self.bands <= 64:
            raise Refused("Shape")
        self.window = words.halves(self.window_length)
        self.filters = [divmod(word, 1 << 16)[::-1] for word in words.take(self.window_length // 2 + 1)]

    def frame(self, samples):
        """The energies of the bands under a window of samples."""
        bins = fft([f32(sample * (weight / 32768)) for sample, weight in zip(samples, self.window)])
        energies = [0.0] * self.bands
        for (re, im), (band, share) in zip(bins, self.filters):
            power = f32(f32(re * re) + f32(im * im))
            rise = f32(power * (share / 65536))
            if band < self.bands:
                energies[band] = f32(energies[band] + rise)
            if 1 <= band <= self.bands:
                energies[band - 1] = f32(energies[band - 1] + f32(power - rise))
        return [log_mel(energy, self.floor) for energy in energies]

    def features(self, clip, count):
        """The int8 features of a clip, `count` of them."""
        frames = count // self.bands
        samples = place(clip, (frames - 1) * self.hop + self.window_length)
        starts = range(0, frames * self.hop, self.hop)
        values = [value for start in starts for value in self.frame(samples[start : start + self.window_length])]
        return centre(values)
