"""Compares the reader with what the library gave, row by row: `python3 tests/python/compare.py [FILE.json ...]`

A row ends with what came out of the library. Without arguments, the committed files: those of golden/, and
chains.json of tests/models.
"""

import json
import struct
import sys
import wave
from functools import cache
from pathlib import Path

import audio
import heed
import numerics
from numerics import saturate
from words import Refused, Words

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
KINDS = {8: numerics.NARROW, 15: numerics.WIDE}
ties = {"towards zero": 0, "away from it": 0}


@cache
def load(file):
    return heed.load(ROOT / file)


def requantise(acc, m, r):
    y = numerics.requantise(acc, (m, r))
    return [y, saturate(y, 8), saturate(y, 16)]


def exponential(t):
    return [numerics.exp2(t, numerics.WIDE), numerics.exp2(t, numerics.NARROW)]


def linear(weights, channels, x, residual):
    layer = numerics.Linear(weights, [(bias, (m, r)) for bias, m, r in channels])
    return [layer.store(x), layer.add(residual, x)]


def norm(centred):
    return lambda epsilon, channels, x: [numerics.Norm(epsilon, channels, centred).apply(x)]


def table(entries, x):
    return [numerics.lookup(entries, x)]


def attention(dim, kind, steepness, m, r, x, turned=None):
    """Queries, keys and values lie one after the other in each row; weights are compared where rows are short."""
    queries, keys, values = ([row[i * dim : (i + 1) * dim] for row in x] for i in range(3))
    if turned:
        queries, keys = ([turned(row, p) for p, row in enumerate(rows)] for rows in (queries, keys))
    weights, outputs, columns = [], [], list(zip(*values))
    for query in queries:
        weights.append(numerics.softmax([numerics.dot(query, key) for key in keys], steepness, KINDS[kind]))
        accs = [numerics.dot(weights[-1], column) for column in columns]
        outputs.append(numerics.divide(accs, sum(weights[-1]), (m, r)))
        count_ties(accs, sum(weights[-1]), (m, r), outputs[-1])
    return [weights if len(x) <= 16 else [], outputs]


def count_ties(accs, total, ratio, outputs):
    m, r = ratio
    for acc, y in zip(accs, outputs):
        # The quotient is above/below, and the ratio is stored over 256.
        above, below = 2 * acc * m << 8, total << (31 + r)
        if above % below == 0 and above // below % 2 and abs(above // below) < 254:
            ties["towards zero" if abs(2 * y) < abs(above // below) else "away from it"] += 1


def rotation(dim, pairing, frequencies, m, r, steepness, ratio_m, ratio_r, x):
    def turned(row, position):
        wide = [saturate(numerics.requantise(127 * value, (m, r)), 16) for value in row]
        return numerics.rotate(wide, position, pairing, frequencies)

    return attention(dim, 15, steepness, ratio_m, ratio_r, x, turned)


def frame(section, samples):
    return [audio.Frontend(Words(struct.pack(f"<{len(section)}I", *section))).frame(samples)]


def mean(values):
    return [audio.centre(values)]


def place(clip, length):
    return [audio.place(clip, length)]


def probability(steepness, logits):
    return [[numerics.probability(logits, label, steepness) for label in range(len(logits))]]


def clip(file, recording):
    with wave.open(str(ROOT / recording)) as sound:
        assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)
        samples = struct.unpack(f"<{sound.getnframes()}h", sound.readframes(sound.getnframes()))
        assert sound.getframerate() == load(file).frontend.rate
    return [load(file).hear(samples)]


def encoder(file, features):
    return [load(file).infer(features)]


def chain(file, values, raw, types, memory):
    """Values are features, raw readings or tokens."""
    return [load(file).infer(values, raw, types, memory)]


def decoder(file, context, tokens):
    digests = []
    for logits in load(file).run(tokens, context):
        digest = 0
        for logit in logits:
            digest = (31 * digest + logit) % 2147483647
        digests.append(digest)
    return [digests]


def text(file, letters):
    tokens = load(file).tokenizer.encode(bytes(letters))
    assert load(file).tokenizer.decode(tokens) == bytes(letters)
    return [tokens]


def events(file):
    """Cadence, smoothing, separation, gate and classes of a file that says something of events."""
    said = load(file).events
    gate = list(said.gate) if said.gate else []
    return [[said.cadence, said.smoothing, said.separation], gate, [one.row() for one in said.classes]]


def refused(file):
    try:
        load(file)
    except Refused as reason:
        return [str(reason)]
    return ["taken"]


COMPARED = {
    "requantise": requantise,
    "exponential": exponential,
    "linear": linear,
    "layer norm": norm(True),
    "RMSNorm": norm(False),
    "table": table,
    "attention": attention,
    "division": attention,
    "rotation": rotation,
    "place": place,
    "mean": mean,
    "probability": probability,
    "frame": frame,
    "clip": clip,
    "encoder": encoder,
    "chain": chain,
    "decoder": decoder,
    "text": text,
    "events": events,
    "refused": refused,
}


def main(files):
    golden = [HERE / "golden/operations.json", HERE / "golden/models.json", ROOT / "tests/models/chains.json"]
    for file in files or golden:
        for name, rows in json.loads(Path(file).read_text()).items():
            compute = COMPARED[name]
            inputs = compute.__code__.co_argcount - len(compute.__defaults__ or ())
            for number, row in enumerate(rows):
                found, expected = compute(*row[:inputs]), row[inputs:]
                if found != expected:
                    sys.exit(f"{file}: {name}, row {number}: {row[:inputs]}\ngives {found}\nexpected {expected}")
            print(f"{name}: {len(rows)} rows, the same")
    print("exact ties of divisions:", ", ".join(f"{count} {way}" for way, count in ties.items()))


if __name__ == "__main__":
    main(sys.argv[1:])
