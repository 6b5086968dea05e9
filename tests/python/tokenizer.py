"""The tokenizer of language models of both versions."""

import struct

from words import Refused


class Tokenizer:
    """TOKN, and tokn of version 2."""

    def __init__(self, words, count):
        if words.word() != count or count < 259:
            raise Refused("Shape")
        self.tokens = []  # ranks and bytes
        for _ in range(count):
            rank, length = struct.unpack("<HB", words.bytes(3))
            self.tokens.append((rank, words.bytes(length)))
        if len(words.data) - words.at > 3:
            raise Refused("Shape")

    def piece(self, text, least):
        """The first piece of some bytes and a rank that is not below the least."""
        pieces = enumerate(self.tokens[259:], start=259)
        return next((token for token, (rank, own) in pieces if own == text and rank >= least), None)

    def encode(self, text):
        tokens, at = [1], 0
        characters = [b" "] if text else []
        while at < len(text):
            end = at + 1
            while end < min(at + 4, len(text)) and text[end] & 0xC0 == 0x80:
                end += 1
            characters.append(text[at:end])
            at = end
        for character in characters:
            piece = self.piece(character, 0)
            tokens += [3 + byte for byte in character] if piece is None else [piece]
        while True:
            best, least = None, 1
            for place, (a, b) in enumerate(zip(tokens, tokens[1:])):
                if min(a, b) < 259 or not self.tokens[a][1] or not self.tokens[b][1]:
                    continue
                piece = self.piece(self.tokens[a][1] + self.tokens[b][1], least)
                if piece is not None:
                    best, least = (place, piece), self.tokens[piece][0] + 1
            if best is None:
                return tokens
            tokens[best[0] : best[0] + 2] = [best[1]]

    def decode(self, tokens):
        text = b""
        for before, token in zip([None, *tokens], tokens):
            own = b"" if token in (1, 2) else bytes([token - 3]) if 3 <= token < 259 else self.tokens[token][1]
            text += own[1:] if before == 1 and own[:1] == b" " else own
        return text
