"""Is imported by a program that lies beside it."""


def triple(x: int) -> int:
    return 3 * x
