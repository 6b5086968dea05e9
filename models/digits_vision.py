"""Writes scikit-learn's digits as PNG files, label/number.png, into the folder that is named."""

import pathlib
import sys

from PIL import Image
from sklearn.datasets import load_digits

folder = pathlib.Path(sys.argv[1])
digits = load_digits()
for number, (image, label) in enumerate(zip(digits.images, digits.target)):
    path = folder / str(label) / f"{number:04}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((image * 255 / 16).round().astype("uint8")).save(path)
print(f"{len(digits.target)} images in {folder}")
