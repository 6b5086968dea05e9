"""Gathers what models/digits_nothing.toml is trained on, in the folder that is named.

The folder holds `fsdd`, the Free Spoken Digit Dataset. The script adds
- `spoken/fsdd`, a link to it, and `spoken/voices`: the ten digits by voices of espeak-ng and flite;
- `other`: speech in other languages, prompts of Asterisk and dialogues of Fish Fillets, from Debian's packages
  asterisk-core-sounds-{fr,es,it,ru}-wav and fillets-ng-data-{cs,nl}.
"""

import pathlib
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


data = pathlib.Path(sys.argv[1])
(data / "spoken").mkdir(parents=True, exist_ok=True)
link = data / "spoken" / "fsdd"
if not link.exists():
    link.symlink_to((data / "fsdd").resolve())
count = sum(voices.speak(data / "spoken" / "voices", word, digit, digit) for digit, word in enumerate(WORDS))
print(f"{count} words by synthetic voices")
print(f"{other(data / 'other', pathlib.Path('/usr/share'))} recordings of other speech")
