"""The smallest map: six tasks, and their results in the order of the arguments.

Run it with `python -m scoop -n 4 examples/hello.py`.
"""

from scoop import futures


def hello(number):
    return f"Hello from task {number}"


if __name__ == "__main__":
    for line in futures.map(hello, range(6)):
        print(line)
