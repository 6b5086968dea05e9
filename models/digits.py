"""Gathers what models/digits_nothing.toml is trained on, in the folder that is named.

The folder holds `fsdd`, the Free Spoken Digit Dataset. The script adds
- `spoken/fsdd`, a link to it, and `spoken/voices`: the ten digits by voices of espeak-ng and flite;
- `other`: speech in other languages, prompts of Asterisk and dialogues of Fish Fillets, from Debian's packages
  asterisk-core-sounds-{fr,es,it,ru}-wav and fillets-ng-data-{cs,nl}.
"""

import pathlib
import shutil
import subprocess
import sys

WORDS = "zero one two three four five six seven eight nine".split()
ACCENTS = ["en-us", "en-gb", "en-gb-scotland", "en-029", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc"]
VARIANTS = ["m1", "m3", "m5", "m7", "f1", "f2", "f3", "f5", "klatt2", "Andy", "Annie", "Michael"]
FLITE = ["kal", "awb", "rms", "slt"]


def voices(folder):
    """Each word by each voice, at two or three speeds."""
    folder.mkdir(parents=True, exist_ok=True)
    for digit, word in enumerate(WORDS):
        take = 100
        for number, accent in enumerate(ACCENTS):
            for other, variant in enumerate(VARIANTS):
                speed = [125, 150, 175, 200][(number + other + digit) % 4]
                pitch = [30, 45, 60][(number + 2 * other + digit) % 3]
                path = folder / f"{digit}_{accent}-{variant}_{take}.wav"
                voice = ["espeak-ng", "-v", f"{accent}+{variant}", "-s", str(speed), "-p", str(pitch)]
                subprocess.run([*voice, "-w", path, word], check=True)
                take += 1
        for voice in FLITE:
            for stretch in ["0.8", "1.0", "1.3"]:
                path = folder / f"{digit}_{voice}_{take}.wav"
                command = ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch}", "-t", word, "-o", path]
                subprocess.run(command, check=True)
                take += 1
    return len(list(folder.iterdir()))


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
print(f"{voices(data / 'spoken' / 'voices')} words by synthetic voices")
print(f"{other(data / 'other', pathlib.Path('/usr/share'))} recordings of other speech")
