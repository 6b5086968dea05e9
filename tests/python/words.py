"""The `.heed` file's words, sections and building blocks: the first half of docs/format.md, and of docs/format-1.md."""

import struct
import zlib

from numerics import NARROW, WIDE, Linear, Norm


class Refused(Exception):
    """What the format calls an error; the argument is its name."""


def must(holds, error="Part"):
    if not holds:
        raise Refused(error)


class Words:
    """The content of a section, word by word."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        return struct.unpack(f"<{count}I", self.bytes(4 * count))

    def bytes(self, count):
        if self.at + count > len(self.data):
            raise Refused("Truncated")
        self.at += count
        return self.data[self.at - count : self.at]

    def word(self):
        return self.take(1)[0]

    def signed(self):
        return struct.unpack("<i", self.bytes(4))[0]

    def halves(self, count):
        """So many int16, filled up to a word."""
        return struct.unpack(f"<{count}h", self.bytes(count * 2 + count % 2 * 2)[: 2 * count])

    def scale(self):
        word = self.word()
        m, r = (word & ~31) >> 2, word & 31
        if word >> 31 == 0 or not 1 <= r <= 30:
            raise Refused("Scale")
        return m, r

    def steepness(self):
        word = self.word()
        if not 1 << 17 <= word < 1 << 31:
            raise Refused("Scale")
        return word

    def flag(self):
        word = self.word()
        self.within((word + 1, 2))
        return word == 1

    def channels(self, outputs):
        channels = [(self.signed(), self.scale()) for _ in range(outputs)]
        if any(abs(bias) > 1 << 30 for bias, _ in channels):
            raise Refused("Scale")
        return channels

    def linear(self, inputs, outputs):
        stride = (inputs + 3) // 4 * 4
        rows = [struct.unpack(f"{stride}b", self.bytes(stride))[:inputs] for _ in range(outputs)]
        return Linear(rows, self.channels(outputs))

    def linear_again(self, layer):
        """A layer's weights with other channels."""
        return Linear(layer.weights, self.channels(len(layer.weights)))

    def table(self):
        return struct.unpack("256b", self.bytes(256))

    def norm(self, width, centred):
        epsilon = self.word()
        if not 1 <= epsilon <= 1 << 20:
            raise Refused("Scale")
        return Norm(epsilon, [self.halves(2) for _ in range(width)], centred)

    def heads(self, count):
        heads = [(self.steepness(), self.scale()) for _ in range(count)]
        if any(not 2 <= r <= 14 for _, (_, r) in heads):
            raise Refused("Scale")
        return heads

    @staticmethod
    def within(*values_and_bounds):
        """Each from 1 to its bound."""
        if any(not 1 <= value <= bound for value, bound in values_and_bounds):
            raise Refused("Shape")

    def softmax(self):
        bits = self.word()
        if bits not in (8, 15):
            raise Refused("Shape")
        return NARROW if bits == 8 else WIDE


def sections(data):
    """The major version, and tags and contents, of a file whose header and checksum are right."""
    if len(data) < 16:
        raise Refused("Truncated")
    magic, version, length, checksum = struct.unpack("<4s3I", data[:16])
    if magic != b"HEED":
        raise Refused("Magic")
    if version >> 16 not in (1, 2):
        raise Refused("Version")
    if 4 * max(length, 4) > len(data):
        raise Refused("Truncated")
    words = Words(data[16 : 4 * max(length, 4)])
    if zlib.crc32(words.data) != checksum:
        raise Refused("Checksum")
    found = []
    while words.at < len(words.data):
        tag = words.bytes(4)
        found.append((tag.decode("latin-1"), words.bytes(4 * words.word())))
    return version >> 16, found


def labels(found, tag, count):
    """So many labels of the first section with a tag; empty where there are none."""
    texts, rest = [], next((content for own, content in found if own == tag), b"")
    while rest and len(texts) < count:
        length, rest = rest[0], rest[1:]
        if length > len(rest):
            raise Refused("Truncated")
        try:
            texts.append(rest[:length].decode())
        except UnicodeDecodeError:
            raise Refused("Label") from None
        rest = rest[length:]
    return texts + [""] * (count - len(texts))


def pick(found, *tags):
    """The contents of all sections of some tags, in order; at least one."""
    contents = [(tag, Words(content)) for tag, content in found if tag in tags]
    if not contents:
        raise Refused("Missing")
    return contents


def only(found, tag):
    """The content of the first section with a tag; None where there is none."""
    return next((Words(content) for own, content in found if own == tag), None)


def first(found, tag):
    return pick(found, tag)[0][1]
