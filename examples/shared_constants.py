"""Shared constants: what all tasks need is sent to each worker once, instead of with each task.

Run it with `python -m scoop -n 4 examples/shared_constants.py`.
"""

from scoop import futures, shared


def score(word):
    """What a word counts: its letters, and double if the rule says so."""
    letters, rule = shared.getConst("letters"), shared.getConst("rule")
    points = sum(letters[letter] for letter in word)
    return 2 * points if rule(word) else points


if __name__ == "__main__":
    shared.setConst(letters={letter: place for place, letter in enumerate("abcdefghijklmnopqrstuvwxyz", 1)})
    shared.setConst(rule=lambda word: word == word[::-1])
    words = ["future", "level", "worker", "noon"]
    for word, points in zip(words, futures.map(score, words), strict=True):
        print(f"{word:8}{points:4}")
    try:
        shared.setConst(letters={})
    except TypeError as error:
        print(error)
