"""Writes `speech/*.wav` in the folder that is named: running English speech without digits, to count false alarms on.

It is import/tests/stories.txt without the words zero to nine, a paragraph a file, by voices of flite and espeak-ng.
"""

import pathlib
import re
import subprocess
import sys

DIGITS = "zero one two three four five six seven eight nine".split()
FLITE = ["kal", "awb", "rms", "slt"]
ESPEAK = ["en-us+m3", "en-us+f3", "en-gb+m7", "en-gb+f5", "en-gb-scotland+m1", "en-029+f2"]

text = pathlib.Path(__file__).parent.parent / "import/tests/stories.txt"
words = re.compile(rf"\b({'|'.join(DIGITS)})\b", re.IGNORECASE)
paragraphs = [words.sub("", line) for line in text.read_text().splitlines() if line.strip()]
folder = pathlib.Path(sys.argv[1]) / "speech"
folder.mkdir(parents=True, exist_ok=True)
for number, paragraph in enumerate(paragraphs):
    for voice in [FLITE[number % 4], ESPEAK[number % 6]]:
        path = folder / f"{number}_{voice}.wav"
        if voice in FLITE:
            subprocess.run(["flite", "-voice", voice, "-t", paragraph, "-o", path], check=True)
        else:
            subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "-w", path, paragraph], check=True)
print(f"{len(list(folder.iterdir()))} recordings")
