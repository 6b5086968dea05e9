"""Words by the synthetic voices of espeak-ng and flite, for models/digits.py and models/commands_small.py."""

import subprocess

ACCENTS = ["en-us", "en-gb", "en-gb-scotland", "en-029", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc"]
VARIANTS = ["m1", "m3", "m5", "m7", "f1", "f2", "f3", "f5", "klatt2", "Andy", "Annie", "Michael"]
FLITE = ["kal", "awb", "rms", "slt"]
SPEEDS = [125, 150, 175, 200]  # words a minute
PITCHES = [30, 45, 60]


def speak(folder, word, name, number):
    """A word by each voice, at speeds that the number chooses: {name}_{voice}_{take}.wav, takes from 100."""
    folder.mkdir(parents=True, exist_ok=True)
    take = 100
    for i, accent in enumerate(ACCENTS):
        for j, variant in enumerate(VARIANTS):
            speed, pitch = SPEEDS[(i + j + number) % 4], PITCHES[(i + 2 * j + number) % 3]
            path = folder / f"{name}_{accent}-{variant}_{take}.wav"
            voice = ["espeak-ng", "-v", f"{accent}+{variant}", "-s", str(speed), "-p", str(pitch)]
            subprocess.run([*voice, "-w", path, word], check=True)
            take += 1
    for voice in FLITE:
        for stretch in ["0.8", "1.0", "1.3"]:
            path = folder / f"{name}_{voice}_{take}.wav"
            command = ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch}", "-t", word, "-o", path]
            subprocess.run(command, check=True)
            take += 1
    return take - 100
