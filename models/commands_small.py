"""Gathers what models/commands_small.toml is trained on, in the folder that is named.

The folder holds `esc10`, and `other`, which models/digits.py gathers. The script adds
- `commands/LABEL/WORD_VOICE_TAKE`: the ten commands and other words, by voices of espeak-ng and flite, and links to the
  recordings of the other two as silence and unknown words; of those, fold 4 and every tenth validate;
- `unlabelled`: links to what does not validate.
"""

import concurrent.futures
import pathlib
import sys

import voices

COMMANDS = "yes no up down left right on off stop go".split()
OTHERS = """zero one two three four five six seven eight nine bed bird cat dog happy house tree wow backward forward
follow learn visual open close light water music window table yellow garden morning""".split()


def speak(number):
    word = (COMMANDS + OTHERS)[number]
    label = word if word in COMMANDS else "_unknown_"
    return voices.speak(data / "commands" / label, word, word, number)


def link(path, to):
    to.parent.mkdir(parents=True, exist_ok=True)
    to.unlink(missing_ok=True)
    to.symlink_to(path.resolve())


data = pathlib.Path(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor() as pool:
    print(f"{sum(pool.map(speak, range(len(COMMANDS + OTHERS))))} words by synthetic voices")
for path in sorted((data / "esc10").glob("*/*.ogg")):
    name = f"{path.parent.name.replace('_', '-')}_fold{path.name[0]}_{path.stem}{path.suffix}"
    link(path, data / "commands/_silence_" / name)
    if path.name[0] != "4":
        link(path, data / "unlabelled" / name)
for number, path in enumerate(sorted(path for path in (data / "other").rglob("*") if path.is_file())):
    name = f"speech_other{number % 10}_{number}{path.suffix}"
    link(path, data / "commands/_unknown_" / name)
    if number % 10 != 9:
        link(path, data / "unlabelled" / name)
