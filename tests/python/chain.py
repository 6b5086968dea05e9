"""Models of version 2: a chain of parts, from features or tokens to outputs.

Written from docs/format.md, whose order this follows. A part reads its section, says what goes on along the chain, and
runs on the two tensors.
"""

import struct

from audio import Frontend
from events import Events
from numerics import (
    attend,
    divide,
    dot,
    interpolate,
    lookup,
    requantise,
    requantise_finely,
    rotate,
    saturate,
    softmax,
)
from stem import Convolution, Memory, Stem
from tokenizer import Tokenizer
from words import Refused, Words, labels, must, only

ANY = (1 << 32) - 1


class Chain:
    """A model; also what is known of its tensors while it is read, and the tensors themselves while it runs."""

    def __init__(self, found):
        parts = [(tag, Words(content)) for tag, content in found if ord(tag[0]) < ord("a")]
        must(parts and parts[0][0] == "MODL", "Missing")
        must(len(parts) > 1 and parts[1][0] in INPUTS, "Missing")
        self.kind = parts[0][1].softmax()
        self.frontend, self.tokens, self.bits, self.readings, self.rate = None, 0, 8, None, 0
        self.memory, self.embedding = None, None
        INPUTS[parts[1][0]](self, parts[1][1])
        if not self.tokens:
            # What a convolution or a stem reads, and of how many bits.
            self.map, self.map_bits = self.input, self.bits
        # Values of the residual stream and of a row, and positions of both: 0 before there are any.
        self.width, self.values, self.streams, self.rows, self.has_input, self.ended = 0, 0, 0, 0, False, False
        self.parts = []
        for tag, words in parts[2:]:
            must(tag in PARTS and not self.ended and (self.width or tag in FIRST))
            try:
                self.parts.append(PARTS[tag](self, words))
            except Refused:
                raise Refused("Part") from None
        must(self.ended, "Missing")
        self.labels = labels(found, "labl", self.outputs)
        self.channels = labels(found, "chan", 0 if self.tokens else self.input[2])
        (self.unit,) = labels(found, "unit", 1)
        text = only(found, "tokn")
        self.tokenizer = Tokenizer(text, self.tokens) if text else None
        said = only(found, "evnt")
        self.events = Events(said, self.outputs, self.frontend is not None) if said else None

    # What parts ask for while they are read.

    def reads_residual(self, width):
        must(width == self.width and self.has_input and self.streams == self.rows)

    def reads_rows(self, values):
        must(self.values and values == self.values)

    def adds(self, width):
        self.reads_rows(width)
        self.reads_residual(width)

    # Running.

    def hear(self, clip):
        """Outputs of a clip at the front end's rate."""
        return self.infer(self.frontend.features(clip, self.input[0] * self.input[1] * self.input[2]))

    def infer(self, values, raw=False, types=(), memory=()):
        """Outputs of features [steps][columns][channels], raw readings or tokens of some types, one after the other."""
        self.given, self.types = self.units(values) if raw else values, types
        if self.memory:
            most, channels = self.memory
            rows = min(len(memory) // channels, most)
            self.looked_at = [memory[i * channels : (i + 1) * channels] for i in range(rows)]
        self.positions = self.count if not self.tokens else min(self.class_tokens + len(values), self.count)
        return [value for row in self.forward(ANY) for value in row]

    def run(self, tokens, context):
        """Of a language model, logits after each of some tokens, looking at the last `context` positions."""
        must(self.tokens and self.meaning == 4 and not self.class_tokens)
        must(not any(isinstance(part, (Memory, Types, Pool)) for part in self.parts))
        must(all(part.steps() for part in self.parts if isinstance(part, Attention)))
        self.given, self.types, self.positions = tokens, (), len(tokens)
        return self.forward(context)

    def forward(self, context):
        """Outputs of each row. What lies `context` positions back is forgotten."""
        self.context = context
        for part in self.parts:
            part.run(self)
        return self.result


    def units(self, readings):
        """Raw readings as what the model takes."""
        must(self.readings)
        pairs = zip(readings, self.readings * (len(readings) // len(self.readings) + 1))
        return [saturate(saturate(requantise(4096 * x + b, scale), 16), self.bits) for x, (b, scale) in pairs]


def features(model, words):
    model.input = words.take(3)
    model.bits, model.rate, described = words.word(), words.word(), words.flag()
    steps, columns, channels = model.input
    words.within((steps, 1 << 20), (columns, 1 << 15), (channels, 32768), (steps * columns * channels, 1 << 30))
    must(model.bits in (8, 15), "Shape")
    model.real = struct.unpack(f"<{2 * channels}f", words.bytes(8 * channels))
    model.readings = words.channels(channels) if described else None


def audio(model, words):
    frames = words.word()
    words.within((frames, 1 << 20))
    model.frontend = frontend = Frontend(words)
    model.input = (frames, frontend.values, 1) if frontend.picture else (frames, 1, frontend.values)
    model.bits = 15 if frontend.cepstra else 8


def tokens(model, words):
    model.most, model.tokens = words.take(2)
    words.within((model.most, 65536), (model.tokens, 65536))


# ---------------------------------------------------------------- to the residual stream


class Positions:
    def __init__(self, model, words):
        must(not model.width)
        model.count, model.width, model.class_tokens = words.take(3)
        words.within((model.count, 65536), (model.width, 1024), (model.class_tokens + 1, model.count))
        model.streams = model.rows = model.count
        values = words.halves(model.count * model.width) if words.flag() else [0] * model.width
        self.start = [list(values[i : i + model.width]) for i in range(0, len(values), model.width)]

    def run(self, model):
        # Those of a language model begin anew after the last.
        model.residual = [self.start[i % len(self.start)] for i in range(model.positions)]


class Embedding:
    def __init__(self, model, words):
        count, width, self.first, self.factor = words.take(4)
        words.within((self.factor, 1 << 23))
        must(model.tokens and (count, width, self.first) == (model.tokens, model.width, model.class_tokens))
        must(model.count - self.first == model.most and not model.has_input)
        self.layer = model.embedding = words.linear(width, count)
        model.has_input = True

    def run(self, model):
        for position, token in enumerate(model.given[: model.positions - self.first], start=self.first):
            if token < len(self.layer.weights):
                scale = self.layer.channels[token][1]
                row = [saturate(requantise(w * self.factor, scale), 16) for w in self.layer.weights[token]]
                model.residual[position] = [saturate(r + y, 16) for r, y in zip(model.residual[position], row)]


class Types:
    def __init__(self, model, words):
        count, width, self.first = words.take(3)
        words.within((count, 256), (width, 1024))
        must(model.tokens and (width, self.first) == (model.width, model.class_tokens))
        values = words.halves(count * width)
        self.rows = [values[i : i + width] for i in range(0, len(values), width)]

    def run(self, model):
        for i, row in enumerate(model.residual[self.first :]):
            of = model.types[i] if i < len(model.types) else 0
            if of < len(self.rows):
                model.residual[self.first + i] = [saturate(r + y, 16) for r, y in zip(row, self.rows[of])]


# ---------------------------------------------------------------- between the residual stream and rows


class Norm:
    def __init__(self, model, words):
        width, rms, carries = words.word(), words.flag(), words.flag()
        model.reads_residual(width)
        self.norm, self.carry = words.norm(width, not rms), None
        if carries:
            scale = words.scale()
            self.carry = scale, self.norm.with_channels([words.halves(2) for _ in range(width)])
        model.values = width

    def run(self, model):
        model.now = [self.norm.apply(row) for row in model.residual]
        if self.carry:
            scale, norm = self.carry
            model.residual = [[saturate(requantise(y, scale), 16) for y in norm.finely(row)] for row in model.residual]


class Rows:
    def __init__(self, model, words):
        width = words.word()
        model.reads_residual(width)
        self.channels = words.channels(width)
        model.values = width

    def run(self, model):
        row = lambda x: [saturate(requantise(v + bias, scale), 8) for v, (bias, scale) in zip(x, self.channels)]
        model.now = [row(x) for x in model.residual]


class Residual:
    def __init__(self, model, words):
        width, self.factor = words.take(2)
        words.within((self.factor, 65280))
        model.reads_rows(width)
        model.streams = model.rows
        model.reads_residual(width)

    def run(self, model):
        model.residual = [[saturate((x * self.factor + 128) >> 8, 16) for x in row] for row in model.now]


# ---------------------------------------------------------------- attention


class Attention:
    def __init__(self, model, words):
        width, heads, groups, dim, kind, rank, flags = words.take(7)
        words.within((width, 1024), (dim, 256), (heads + 1, 32768 // dim + 1), (kind + 1, 4), (flags + 1, 32))
        model.adds(width)
        must(heads % groups == 0 and groups <= heads if heads else groups == 0)
        must(kind != 1 or (groups == heads and width <= 256))
        must(kind != 2 or 1 <= rank <= width)
        self.across = kind == 3
        if self.across:
            must(flags == 0 and (words.word(), rank) == model.memory)
        self.groups, self.dim, self.rank = groups, dim, rank
        self.query_dim = width if kind == 1 else dim
        self.heads = words.heads(heads)
        self.reduce = words.linear(width, 3 * rank) if kind == 2 else None
        inputs = rank if kind == 2 else width
        self.query = words.linear(inputs, heads * self.query_dim)
        inputs = rank if self.across else inputs
        self.key = None if kind == 1 else words.linear(inputs, groups * dim)
        self.value = words.linear(inputs, groups * dim)
        self.output = words.linear(heads * dim, width)
        self.pattern(words, heads, flags)
        must(kind != 1 or not self.frequencies)

    def pattern(self, words, heads, flags):
        self.causal = flags & 1
        self.windows = [words.take(4) for _ in range(heads)] if flags & 2 else [(ANY, ANY, 1, 0)] * heads
        must(all(1 <= dilation <= 65536 for _, _, dilation, _ in self.windows))
        self.slopes = words.take(heads) if flags & 4 else [0] * heads
        span = words.word() if flags & 8 else 1
        words.within((span, 131072))
        self.biases = [[words.signed() if flags & 8 else 0 for _ in range(span)] for _ in range(heads)]
        self.pairing, pairs = words.take(2) if flags & 16 else (0, 0)
        must(self.pairing <= 2 and (not flags & 16 or 1 <= pairs <= self.query_dim // 2))
        self.frequencies = words.take(pairs)

    def steps(self):
        """Whether a model that takes a token at a time may have it."""
        return not self.heads or (self.causal and self.key is not None)

    def bias(self, head, i, j):
        """What a query's score of a key gains; None where the key is hidden."""
        back, ahead, dilation, sinks = self.windows[head]
        near = (back == ANY or i - j <= back * dilation) and (ahead == ANY or j - i <= ahead * dilation)
        if (self.causal and j > i) or (i - j) % dilation or not (near or j < sinks):
            return None
        fall = min((self.slopes[head] * abs(i - j) + 128) >> 8, 1 << 22)
        table = self.biases[head]
        learned = table[max(0, min(len(table) - 1, j - i + len(table) // 2))]
        return max(-(1 << 22), min(1 << 22, learned)) - fall

    def project(self, layer, rows, dim, rotated=False):
        """For each row, those of the heads."""
        parts = []
        for position, row in enumerate(rows):
            if rotated and self.frequencies:
                y = layer.add([0] * len(layer.channels), row)
                heads = [y[i : i + dim] for i in range(0, len(y), dim)]
                parts.append([rotate(head, position, self.pairing, self.frequencies) for head in heads])
            else:
                y = layer.store(row)
                parts.append([y[i : i + dim] for i in range(0, len(y), dim)])
        return parts

    def run(self, model):
        outputs = [[] for _ in model.now]
        if self.heads:
            thirds = [model.now] + [model.looked_at if self.across else model.now] * 2
            if self.reduce:
                reduced = [self.reduce.store(row) for row in model.now]
                thirds = [[row[i * self.rank : (i + 1) * self.rank] for row in reduced] for i in range(3)]
            queries = self.project(self.query, thirds[0], self.query_dim, True)
            keys = self.project(self.key, thirds[1], self.dim, True) if self.key else None
            values = self.project(self.value, thirds[2], self.dim)
            for h, head in enumerate(self.heads):
                group = h * self.groups // len(self.heads)
                own_keys = model.now if keys is None else [row[group] for row in keys]
                own_values = [row[group] for row in values]
                for i, output in enumerate(outputs):
                    biases = [self.bias(h, i, j) for j in range(len(own_keys))]
                    if not self.across and i >= model.context:
                        biases[: i - model.context + 1] = [None] * (i - model.context + 1)
                    # An empty memory has no values, not even of that dimension.
                    seen = attend(queries[i][h], own_keys, own_values, head, model.kind, biases) if own_keys else None
                    output += seen or [0] * self.dim
        model.residual = [self.output.add(row, output) for row, output in zip(model.residual, outputs)]


# ---------------------------------------------------------------- feed-forward layers


class FeedForward:
    def __init__(self, model, words, fine=False):
        width, hidden = words.take(2)
        words.within((width, 1024), (hidden, 32768))
        model.adds(width)
        self.fine, self.expand = fine, words.linear(width, hidden)
        self.table = words.halves(258) if fine else words.table()
        self.contract = words.linear(hidden, width)

    def hidden(self, x):
        if not self.fine:
            return lookup(self.table, self.expand.store(x))
        return [interpolate(self.table, y) for y in self.expand.add([0] * len(self.expand.channels), x)]

    def run(self, model):
        model.residual = [self.contract.add(row, self.hidden(x)) for row, x in zip(model.residual, model.now)]


def fine_feed_forward(model, words):
    return FeedForward(model, words, fine=True)


class Gated:
    def __init__(self, model, words):
        width, hidden, self.fine = words.word(), words.word(), words.flag()
        words.within((width, 1024), (hidden, 32768))
        model.adds(width)
        self.gate, self.up = words.linear(width, hidden), words.linear(width, hidden)
        self.table, self.product, self.down = words.halves(256), words.scale(), words.linear(hidden, width)
        if self.fine:
            words.within((hidden, 768), (8, self.product[1]))
            must(all(abs(bias) < 1 << 22 for bias, _ in self.down.channels))

    def run(self, model):
        model.residual = [self.add(row, x) for row, x in zip(model.residual, model.now)]

    def add(self, residual, x):
        products = [gate * up for gate, up in zip(lookup(self.table, self.gate.store(x)), self.up.store(x))]
        if not self.fine:
            return self.down.add(residual, [saturate(requantise(p, self.product), 8) for p in products])
        m, r = self.product
        hidden = [saturate(requantise(p, (m, r - 7)), 15) for p in products]
        layer = zip(residual, self.down.weights, self.down.channels)
        sums = ((r, requantise_finely(dot(hidden, w) + (bias << 7), scale)) for r, w, (bias, scale) in layer)
        return [saturate(r + saturate(y, 16), 16) for r, y in sums]


# ---------------------------------------------------------------- the end


class Pool:
    def __init__(self, model, words):
        width, self.kind, self.most = words.take(3)
        model.reads_rows(width)
        words.within((self.kind + 1, 5), (self.most, model.rows))
        if self.kind == 4:
            words.within((width, 1024))
            (self.head,), self.layer = words.heads(1), words.linear(width, 1)
        else:
            self.scale = words.scale()
        model.rows = 1

    def run(self, model):
        if self.kind == 4 and model.now:
            steepness, ratio = self.head
            weights = softmax([self.layer.add([0], row)[0] for row in model.now], steepness, model.kind)
            model.now = [divide([dot(weights, column) for column in zip(*model.now)], sum(weights), ratio)]
        elif model.now:
            model.now = [[self.of(column) for column in zip(*model.now)]]

    def of(self, column):
        if self.kind == 0:
            n, m = self.most, min(self.most, len(column))
            total = sum(column[:m])
            return saturate(requantise((2 * total * n + m) // (2 * m), self.scale), 8)
        return {1: column[0], 2: column[-1], 3: max(column)}[self.kind]


class Dense:
    def __init__(self, model, words):
        inputs, model_values, activated = words.word(), words.word(), words.flag()
        words.within((inputs, 32768), (model_values, 32768))
        model.reads_rows(inputs)
        self.layer = words.linear(inputs, model_values)
        self.table = words.table() if activated else None
        model.values = model_values

    def run(self, model):
        model.now = [self.layer.store(row) for row in model.now]
        if self.table:
            model.now = [lookup(self.table, row) for row in model.now]


class Output:
    def __init__(self, model, words):
        width, model.outputs, model.meaning = words.take(3)
        has_layer = words.word()
        words.within((has_layer + 1, 3), (width, 32768), (model.outputs, 65536), (model.meaning + 1, 5))
        model.reads_rows(width)
        model.logit = words.steepness()
        (model.step,) = struct.unpack("<f", words.bytes(4))
        must(0 < model.step < float("inf") and (has_layer or model.outputs == width))
        self.layer = words.linear(width, model.outputs) if has_layer == 1 else None
        if has_layer == 2:
            must(model.embedding and (model.outputs, width) == (model.tokens, model.width))
            self.layer = model.embedding
        model.ended = True

    def run(self, model):
        model.result = model.now
        if self.layer:
            model.result = [self.layer.add([0] * len(self.layer.channels), row) for row in model.now]


INPUTS = {"FEAT": features, "AUDI": audio, "TOKS": tokens}
# Those that may stand before the residual stream starts.
FIRST = ("MEMO", "CONV", "POSI")
PARTS = {
    "MEMO": Memory,
    "CONV": Convolution,
    "POSI": Positions,
    "STEM": Stem,
    "EMBD": Embedding,
    "TYPE": Types,
    "NORM": Norm,
    "ROWS": Rows,
    "RESI": Residual,
    "ATTN": Attention,
    "FFWD": FeedForward,
    "FFWF": fine_feed_forward,
    "GATE": Gated,
    "POOL": Pool,
    "DENS": Dense,
    "OUTP": Output,
}
