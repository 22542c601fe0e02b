"""What `python -m scoop -m package` runs."""

from scoop import futures

from .program import half

if __name__ == "__main__":
    print("main", list(futures.map(half, range(3))))
