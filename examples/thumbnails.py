"""Files: each task opens an image, makes a small copy of it, and says what it has written. Needs Pillow.

Run it with `python -m scoop -n 4 examples/thumbnails.py [folder]`.

Without a folder it draws some images in a temporary one.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

from scoop import futures

SIZE = (64, 64)


def draw(path, hue):
    """An image to begin with."""
    Image.new("HSV", (320, 200 + hue), (hue, 200, 200)).convert("RGB").save(path)


def shrink(path):
    """Write a thumbnail next to an image; its name and its size."""
    small = path.with_name(f"small-{path.name}")
    with Image.open(path) as image:
        image.thumbnail(SIZE)
        image.save(small)
        return small.name, image.size


def main(folder):
    images = [path for path in sorted(folder.glob("*.png")) if not path.name.startswith("small-")]
    for name, (width, height) in futures.map(shrink, images):
        print(f"{name}: {width} × {height}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            hues = range(0, 250, 60)
            paths = [Path(folder, f"{hue:03}.png") for hue in hues]
            list(futures.map(draw, paths, hues))
            main(Path(folder))
