"""From an input of numbers to the residual stream: convolutions and the stem; and the memory beside it."""

from numerics import interpolate, saturate
from words import must


class Patches:
    """Which places of the input, or of what the last convolution made of it, a layer looks at."""

    def __init__(self, model, words):
        must(not model.tokens and words.take(3) == model.map)
        self.size, self.bits = model.map, words.word()
        must(self.bits == model.map_bits)
        self.kernel, self.stride, self.padding = words.take(2), words.take(2), words.take(2)
        self.beyond = saturate((words.word() + 128) % 256 - 128, 8) << (7 if self.bits == 15 else 0)
        self.counts = []
        for size, kernel, stride, padding in zip(self.size, self.kernel, self.stride, self.padding):
            words.within((kernel, 3 * size), (stride, 1 << 15), (padding + 1, kernel))
            self.counts.append(max((size + 2 * padding - kernel) // stride + 1, 0))
        self.values = self.kernel[0] * self.kernel[1] * self.size[2]
        words.within((self.values, 32768), (self.counts[0] * self.counts[1], 1 << 20))

    def all(self, given):
        """Row by row."""
        return [self.patch(given, down, across) for down in range(self.counts[0]) for across in range(self.counts[1])]

    def patch(self, given, down, across):
        rows, columns, channels = self.size
        values = []
        for i in range(self.kernel[0]):
            for j in range(self.kernel[1]):
                y, x = down * self.stride[0] + i - self.padding[0], across * self.stride[1] + j - self.padding[1]
                at = (y * columns + x) * channels
                inside = 0 <= y < rows and 0 <= x < columns
                values += given[at : at + channels] if inside else [self.beyond] * channels
        return values


def add_patch(layer, fine, row, patch):
    """Adds what a layer makes of a patch; of 15 bits, of the upper 8 and of the lower 7."""
    if not fine:
        return layer.add(row, patch)
    return fine.add(layer.add(row, [x >> 7 for x in patch]), [x & 127 for x in patch])


class Memory:
    def __init__(self, model, words):
        must(not model.width and not model.memory)
        rows, channels = model.memory = words.take(2)
        words.within((rows, 65536), (channels, 32768))
        words.take(2 * channels)

    def run(self, model):
        pass


class Convolution:
    def __init__(self, model, words):
        outputs, depthwise = words.word(), words.flag()
        words.within((outputs, 32768))
        must(not model.width)
        self.patches = Patches(model, words)
        channels = self.patches.size[2]
        must(not depthwise or outputs % channels == 0)
        # The channel that an output of a depthwise one looks at.
        self.each = outputs // channels if depthwise else 0
        inputs = self.patches.values // (channels if depthwise else 1)
        self.layer = words.linear(inputs, outputs)
        self.fine = words.linear_again(self.layer) if self.patches.bits == 15 else None
        self.table = words.halves(258)
        model.map, model.map_bits = (*self.patches.counts, outputs), 8

    def run(self, model):
        model.given = [interpolate(self.table, y) for patch in self.patches.all(model.given) for y in self.sums(patch)]

    def sums(self, patch):
        if not self.each:
            return add_patch(self.layer, self.fine, [0] * len(self.layer.channels), patch)
        sums = []
        for output in range(len(self.layer.channels)):
            own = patch[output // self.each :: self.patches.size[2]]
            fine = self.fine.only(output) if self.fine else None
            sums += add_patch(self.layer.only(output), fine, [0], own)
        return sums


class Stem:
    def __init__(self, model, words):
        width, self.first = words.take(2)
        self.patches = Patches(model, words)
        must((width, self.first) == (model.width, model.class_tokens) and not model.has_input)
        must(self.patches.counts[0] * self.patches.counts[1] == model.count - self.first)
        self.layer = words.linear(self.patches.values, width)
        self.fine = words.linear_again(self.layer) if self.patches.bits == 15 else None
        model.has_input = True

    def run(self, model):
        for position, patch in enumerate(self.patches.all(model.given), start=self.first):
            model.residual[position] = add_patch(self.layer, self.fine, model.residual[position], patch)
