"""What every kernel computes, in plain Python: docs/numerics.md in its order and with its names.

Written from that page alone, and held against the library bit for bit by compare.py.
"""

from operator import mul


def saturate(y, bits):
    return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, y))


def hi(a, b):
    return a * b >> 32


def requantise(acc, scale):
    """To the scale of the next tensor, rounded once, not saturated."""
    m, r = scale
    return ((acc * m >> 31) + (1 << (r - 1))) >> r


def requantise_finely(acc, scale):
    """By a 128th of the scale."""
    m, r = scale
    return ((acc * m >> 31) + (1 << (r + 6))) >> (r + 7)


def dot(a, b):
    return sum(map(mul, a, b))


# ---------------------------------------------------------------- layers


class Linear:
    def __init__(self, weights, channels):
        self.weights, self.channels = weights, channels  # [outputs][inputs]; a bias and a scale per output

    def only(self, output):
        """Of this output alone."""
        return Linear(self.weights[output : output + 1], self.channels[output : output + 1])

    def store(self, x):
        """A row to int8."""
        return [saturate(y, 8) for y in self.apply(x)]

    def add(self, residual, x):
        """Adds what it makes of a row to a row of int16."""
        return [saturate(r + saturate(y, 16), 16) for r, y in zip(residual, self.apply(x))]

    def apply(self, x):
        return [requantise(bias + dot(x, w), scale) for w, (bias, scale) in zip(self.weights, self.channels)]


class Norm:
    def __init__(self, epsilon, channels, centred):
        self.epsilon, self.channels = epsilon, channels  # a gain and an offset, I8F8, per value
        self.centred = centred  # a layer norm; else an RMSNorm

    def with_channels(self, channels):
        return Norm(self.epsilon, channels, self.centred)

    def apply(self, x):
        """A row of int16 to int8."""
        return [saturate((y + (1 << (places - 1))) >> places, 8) for y, places in self.sums(x)]

    def finely(self, x):
        """The same with 16 fraction bits, not saturated."""
        return [y >> (places - 16) for y, places in self.sums(x)]

    def sums(self, x):
        """Each result and how many fraction bits it has."""
        n = len(x)
        total = sum(x) if self.centred else 0
        root, shift = inverse_root(n * dot(x, x) - total * total + n * n * self.epsilon)
        b = ((n - 1).bit_length() + 1) // 2
        for value, (gain, offset) in zip(x, self.channels):
            z = hi((n * value - total) << (shift // 2 - 1 - b), root)
            yield (z * gain >> 16) + (offset << (13 - b)), 21 - b


def inverse_root(v):
    """1/sqrt(v·2^shift/2^64) in units of 2^-30, and the even shift."""
    shift = (64 - v.bit_length()) & ~1
    d = v << shift >> 32
    root = 2351531556 - hi(d, 1309965025)
    for _ in range(4):
        e = (3 << 30) - hi(d, root * root >> 30)
        root = root * (e >> 1) >> 30
    return min(root, (1 << 31) - 1), shift


def lookup(table, x):
    """A table is indexed by the bits of an int8."""
    return [table[value & 0xFF] for value in x]


def interpolate(table, x):
    """A fine table."""
    i, rest = (x + 32768) >> 8, (x + 32768) & 255
    y = table[i] + (((table[i + 1] - table[i]) * rest + 128) >> 8)
    return saturate((y + 128) >> 8, 8)


# ---------------------------------------------------------------- attention


WIDE = (15, 32767, (32767, -21863, 5535), 0)
NARROW = (8, 255, (255 << 7, -21778, 5513), 7)


def exponent(steepness, below):
    """Octaves below the maximum, UQ5.11."""
    return min((below << 8) * steepness >> 32, 65535)


def exp2(t, kind):
    """2^-t as a weight."""
    _, _, (a0, a1, a2), more = kind
    f15 = (t & 0x7FF) << 4
    rmul = lambda a, b: (a * b + (1 << 14)) >> 15
    p = a0 + rmul(a1 + rmul(a2, f15), f15)
    k = (t >> 11) + more
    return (p + ((1 << k) >> 1)) >> k


def softmax(scores, steepness, kind):
    """The weights of a row of scores."""
    largest = max(scores)
    return [exp2(exponent(steepness, largest - score), kind) for score in scores]


def probability(logits, label, steepness):
    """In steps of 2^-15."""
    weights = softmax(logits, steepness, WIDE)
    return ((weights[label] << 15) + sum(weights) // 2) // sum(weights)


def reciprocal(total):
    """2^30 / (total·2^z / 2^32), and z."""
    z = 32 - total.bit_length()
    d = total << z
    x = 3031741620 - (d * 4042322160 >> 33)
    for _ in range(3):
        x = x * ((1 << 31) - hi(d, x)) >> 30
    return x, z


def divide(accs, total, ratio):
    """A head's output from `Σ w·v` per dimension and `Σ w`; the ratio is a scale."""
    m, r = ratio
    x, z = reciprocal(total)
    multiplier = x * m >> 30
    half, drop = multiplier >> 30, max(8 - z, 0)
    scale = (multiplier >> half, r + 24 - z - half - drop)
    return [saturate(requantise(acc >> drop, scale), 8) for acc in accs]


def attend(query, keys, values, head, kind, biases=None):
    """One head's output for a query: keys and values [positions][dim]; what each score gains, None for hidden keys."""
    steepness, ratio = head
    seen = [place for place in range(len(keys)) if not biases or biases[place] is not None]
    if not seen:
        return [0] * len(values[0])
    scores = [dot(query, keys[place]) + (biases[place] if biases else 0) for place in seen]
    weights = softmax(scores, steepness, kind)
    accs = [dot(weights, column) for column in zip(*(values[place] for place in seen))]
    return divide(accs, sum(weights), ratio)


# ---------------------------------------------------------------- rotation


INTERLEAVED, HALVES, FOLDED = 0, 1, 2


def turn(angle):
    """Cosine and sine, I1F15, of an angle in units of 2^-32 of a turn."""
    phi = angle - (angle >> 31 << 32)
    u = hi(phi, phi)
    s = hi(phi, 843312003 + hi(u, -1387044333 + hi(u, 682335825 + hi(u, -148884022))))
    c = 268435444 + hi(u, -1324673371 + hi(u, 1089421653 + hi(u, -357523858 + hi(u, 58974410))))
    return tuple(min((y + 128) >> 8, 32767) for y in ((1 << 23) - hi(s, s), hi(s, c)))


def rotate(x, position, pairing, frequencies):
    """A head's int16 values, 64 steps to one, to rotated int8."""
    n = len(frequencies)
    x = list(x)
    for i, frequency in enumerate(frequencies):
        cos, sin = turn(position * frequency & 0xFFFFFFFF)
        at, to = (i, i + n) if pairing == HALVES else (2 * i, 2 * i + 1)
        x[at], x[to] = x[at] * cos - x[to] * sin, x[at] * sin + x[to] * cos
    if pairing == FOLDED:
        halves = [value >> 1 for value in x[: 2 * n]]
        for i, (near, far) in enumerate(zip(halves[:n], reversed(halves))):
            x[i] = (near + far + (1 << 19)) >> 20
            x[2 * n - 1 - i] = (near - far + (1 << 19)) >> 20
    else:
        x[: 2 * n] = [(value + (1 << 20)) >> 21 for value in x[: 2 * n]]
    x[2 * n :] = [(value + 32) >> 6 for value in x[2 * n :]]
    return [saturate(value, 8) for value in x]
