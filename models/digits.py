"""Gathers what models/digits_nothing.toml is trained on, in the folder that is named.

The folder holds `fsdd`, the Free Spoken Digit Dataset. The script adds
- `spoken/fsdd`, a link to it, and `spoken/voices`: the ten digits by voices of espeak-ng and flite;
- `other`: speech in other languages, prompts of Asterisk and dialogues of Fish Fillets, from Debian's packages
  asterisk-core-sounds-{fr,es,it,ru}-wav and fillets-ng-data-{cs,nl};
- `english`: sentences without digits, of Debian's package fortunes, by the voices that speak the digits.
"""

import concurrent.futures
import pathlib
import random
import re
import shutil
import sys

import voices

WORDS = "zero one two three four five six seven eight nine".split()


def other(folder, share):
    """Prompts without those of numbers and letters, and dialogues."""
    count = 0
    prompts = [path for path in share.glob("asterisk/sounds/*/*.wav") if not path.parent.name.startswith("en")]
    dialogues = sorted(share.glob("games/fillets-ng/sound/*/??/*.ogg"))[::3]
    for path in prompts + dialogues:
        if path.stat().st_size < 5000:  # Some hold no sound.
            continue
        to = folder / path.parent.parent.name / f"{path.parent.name}-{path.name}"
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, to)
        count += 1
    return count


def english(folder, texts):
    """Sentences without digits, each by one voice."""
    text = " ".join((texts / name).read_text(errors="ignore") for name in "people science wisdom humorists".split())
    sentences = re.findall(r"[A-Z][a-z]+ [A-Za-z', \s]{40,160}[.!?]", text)
    digit = re.compile(rf"\b({'|'.join(WORDS)})s?\b", re.IGNORECASE)
    sentences = sorted({" ".join(sentence.split()) for sentence in sentences if not digit.search(sentence)})
    random.Random(1).shuffle(sentences)
    folder.mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return sum(pool.map(lambda sentence: voices.say(folder, *sentence), enumerate(sentences[:800])))


data = pathlib.Path(sys.argv[1])
(data / "spoken").mkdir(parents=True, exist_ok=True)
link = data / "spoken" / "fsdd"
if not link.exists():
    link.symlink_to((data / "fsdd").resolve())
count = sum(voices.speak(data / "spoken" / "voices", word, digit, digit) for digit, word in enumerate(WORDS))
print(f"{count} words by synthetic voices")
print(f"{other(data / 'other', pathlib.Path('/usr/share'))} recordings of other speech")
print(f"{english(data / 'english', pathlib.Path('/usr/share/games/fortunes'))} English sentences without digits")
