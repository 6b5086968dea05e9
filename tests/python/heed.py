"""A second reader of `.heed` files: from samples or features to logits, from tokens to logits.

Written from docs/format.md, docs/format-1.md and docs/numerics.md alone, as much an explanation of them as a check: it
gives the same bits as the library (compare.py, `cargo test --test python`). It is not fast.
"""

from audio import Frontend
from chain import Chain
from numerics import attend, dot, lookup, requantise, requantise_finely, rotate, saturate
from tokenizer import Tokenizer
from words import Refused, first, labels, pick, sections


def load(path):
    """A Chain, or of version 1 an Encoder or a Decoder."""
    with open(path, "rb") as file:
        version, found = sections(file.read())
    if version == 2:
        return Chain(found)
    return (Decoder if any(tag == "DECO" for tag, _ in found) else Encoder)(found)


# ---------------------------------------------------------------- encoders of version 1


class Encoder:
    def __init__(self, found):
        words = first(found, "CONF")
        self.positions, self.inputs, self.width, heads, self.head_dim, hidden, layers, classes = words.take(8)
        self.kind, self.pool, self.logit = words.softmax(), words.scale(), words.steepness()
        words.within((self.positions, 65536), (self.inputs, 32768), (self.width, 1024), (self.head_dim, 256))
        words.within((heads, 32768 // self.head_dim), (hidden, 32768), (layers, 1024), (classes, 32768))
        self.embedding = first(found, "EMBD").linear(self.inputs, self.width)
        values = first(found, "POSI").halves(self.positions * self.width)
        self.start = [values[i : i + self.width] for i in range(0, len(values), self.width)]
        blocks = pick(found, "BLCK", "BLKV")
        if len(blocks) < layers:
            raise Refused("Missing")
        self.blocks = [Block(self, words, tag == "BLKV", heads, hidden) for tag, words in blocks[:layers]]
        self.norm = first(found, "NORM").norm(self.width, True)
        self.classifier = first(found, "CLAS").linear(self.width, classes)
        self.labels = labels(found, "LABL", classes)
        self.frontend = Frontend(first(found, "AUDI"), 1) if any(tag == "AUDI" for tag, _ in found) else None
        if self.frontend and self.inputs % self.frontend.bands:
            raise Refused("Shape")

    def hear(self, clip):
        """Logits of a clip at the front end's rate."""
        return self.infer(self.frontend.features(clip, self.positions * self.inputs))

    def infer(self, features):
        """Logits of features [positions][inputs], one after the other."""
        rows = [features[i : i + self.inputs] for i in range(0, len(features), self.inputs)]
        residual = [self.embedding.add(start, row) for start, row in zip(self.start, rows)]
        for block in self.blocks:
            residual = block.forward(residual)
        normed = [self.norm.apply(row) for row in residual]
        mean = [saturate(requantise(sum(column), self.pool), 8) for column in zip(*normed)]
        return self.classifier.add([0] * len(self.classifier.channels), mean)


class Block:
    """BLCK and BLKV"""

    def __init__(self, model, words, variant, heads, hidden):
        width, dim = model.width, model.head_dim
        kind = 0
        if variant:
            most, heads, kind = heads, words.word(), words.word()
            if heads > most or kind > 2 or (kind == 1 and width > dim):
                raise Refused("Shape")
        rank = words.word() if kind == 2 else 0
        if kind == 2:
            words.within((rank, width))
        self.kind, self.rank, self.softmax, self.head_dim = kind, rank, model.kind, dim
        self.attention_norm, self.heads = words.norm(width, True), words.heads(heads)
        self.reduce = words.linear(width, 3 * rank) if kind == 2 else None
        inputs = rank if kind == 2 else width
        self.query_dim = width if kind == 1 else dim
        self.query = words.linear(inputs, heads * self.query_dim)
        self.key = None if kind == 1 else words.linear(inputs, heads * dim)
        self.value = words.linear(inputs, heads * dim)
        self.output = words.linear(heads * dim, width)
        self.hidden_norm, self.expand = words.norm(width, True), words.linear(width, hidden)
        self.table = words.table()
        self.contract = words.linear(hidden, width)

    def forward(self, residual):
        normed = [self.attention_norm.apply(row) for row in residual]
        thirds = [normed] * 3
        if self.reduce:
            reduced = [self.reduce.store(row) for row in normed]
            thirds = [[row[i * self.rank : (i + 1) * self.rank] for row in reduced] for i in range(3)]
        layers = zip((self.query, self.key, self.value), thirds)
        queries, keys, values = ([layer.store(row) for row in rows] if layer else None for layer, rows in layers)
        outputs = [[] for _ in residual]
        for h, head in enumerate(self.heads):
            part = lambda rows, dim: [row[h * dim : (h + 1) * dim] for row in rows]
            own_keys = part(keys, self.head_dim) if keys else normed
            own_values = part(values, self.head_dim)
            for output, query in zip(outputs, part(queries, self.query_dim)):
                output += attend(query, own_keys, own_values, head, self.softmax)
        residual = [self.output.add(row, output) for row, output in zip(residual, outputs)]
        hidden = [lookup(self.table, self.expand.store(self.hidden_norm.apply(row))) for row in residual]
        return [self.contract.add(row, x) for row, x in zip(residual, hidden)]


# ---------------------------------------------------------------- language models


class Decoder:
    def __init__(self, found):
        words = first(found, "DECO")
        tokens, self.width, heads, groups, self.head_dim, hidden, layers = words.take(7)
        self.kind = words.softmax()
        self.factor, self.logit, self.pairing, pairs = words.word(), words.steepness(), words.word(), words.word()
        words.within((tokens, 65536), (self.width, 1024), (self.head_dim, 256), (heads, 32768 // self.head_dim))
        words.within((groups, heads), (hidden, 32768), (layers, 1024), (self.factor, 1 << 23))
        if heads % groups or pairs > self.head_dim // 2 or self.pairing > 2:
            raise Refused("Shape")
        self.frequencies = words.take(pairs)
        self.embedding = first(found, "EMBD").linear(self.width, tokens)
        blocks = pick(found, "DBLK")
        if len(blocks) < layers:
            raise Refused("Missing")
        self.blocks = [DecoderBlock(self, words, heads, groups, hidden) for _, words in blocks[:layers]]
        self.norm = first(found, "NORM").norm(self.width, False)
        self.tokenizer = Tokenizer(first(found, "TOKN"), tokens) if any(tag == "TOKN" for tag, _ in found) else None

    def embed(self, token):
        if token >= len(self.embedding.weights):
            return [0] * self.width
        scale = self.embedding.channels[token][1]
        return [saturate(requantise(w * self.factor, scale), 16) for w in self.embedding.weights[token]]

    def logits(self, residual):
        return self.embedding.add([0] * len(self.embedding.weights), self.norm.apply(residual))

    def run(self, tokens, context):
        """Logits after each of some tokens, looking at the last `context` positions."""
        caches = [([], []) for _ in self.blocks]
        for position, token in enumerate(tokens):
            residual = self.embed(token)
            for block, cache in zip(self.blocks, caches):
                residual = block.step(residual, position, cache, context)
            yield self.logits(residual)


class DecoderBlock:
    """DBLK"""

    def __init__(self, model, words, heads, groups, hidden):
        width, dim = model.width, model.head_dim
        self.model, self.groups = model, groups
        self.attention_norm, self.heads = words.norm(width, False), words.heads(heads)
        self.query, self.key, self.value = (words.linear(width, n * dim) for n in (heads, groups, groups))
        self.output = words.linear(heads * dim, width)
        self.hidden_norm = words.norm(width, False)
        self.gate, self.up = words.linear(width, hidden), words.linear(width, hidden)
        self.table, self.product = words.halves(256), words.scale()
        self.down = words.linear(hidden, width)
        self.hidden15 = words.word() if words.at < len(words.data) else 0
        if self.hidden15 > 1 or (self.hidden15 and hidden > 768):
            raise Refused("Shape")
        if self.hidden15 and (self.product[1] < 8 or any(abs(bias) >= 1 << 22 for bias, _ in self.down.channels)):
            raise Refused("Scale")

    def project(self, layer, x, position):
        """A row per head, rotated."""
        dim, pairs = self.model.head_dim, self.model.frequencies
        if not pairs:
            y = layer.store(x)
            return [y[i : i + dim] for i in range(0, len(y), dim)]
        y = layer.add([0] * len(layer.channels), x)
        return [rotate(y[i : i + dim], position, self.model.pairing, pairs) for i in range(0, len(y), dim)]

    def step(self, residual, position, cache, context):
        x, (keys, values), dim = self.attention_norm.apply(residual), cache, self.model.head_dim
        queries = self.project(self.query, x, position)
        keys.append(self.project(self.key, x, position))
        v = self.value.store(x)
        values.append([v[i : i + dim] for i in range(0, len(v), dim)])
        del keys[:-context], values[:-context]
        output = []
        for h, (query, head) in enumerate(zip(queries, self.heads)):
            group = h * self.groups // len(self.heads)
            output += attend(query, [k[group] for k in keys], [v[group] for v in values], head, self.model.kind)
        residual = self.output.add(residual, output)

        x = self.hidden_norm.apply(residual)
        products = [gate * up for gate, up in zip(lookup(self.table, self.gate.store(x)), self.up.store(x))]
        if not self.hidden15:
            return self.down.add(residual, [saturate(requantise(p, self.product), 8) for p in products])
        finer = (self.product[0], self.product[1] - 7)
        hidden = [saturate(requantise(p, finer), 15) for p in products]
        layer = zip(residual, self.down.weights, self.down.channels)
        sums = ((r, requantise_finely(dot(hidden, w) + (bias << 7), scale)) for r, w, (bias, scale) in layer)
        return [saturate(r + saturate(y, 16), 16) for r, y in sums]
