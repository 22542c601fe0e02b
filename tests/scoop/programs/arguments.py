"""Tells what it was given, and exits as it is told.

Usage: arguments.py EXIT ANYTHING...
"""

import sys

if __name__ == "__main__":
    print(sys.argv[1:])
    print(sys.stdin.read(), end="")
    print("to the error stream", file=sys.stderr)
    sys.exit(int(sys.argv[1]) if sys.argv[1].isdecimal() else sys.argv[1])
