"""Is imported by a program of the same package."""


def quarter(x: int) -> float:
    return x / 4
