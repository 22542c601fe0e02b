"""Numbers for people. ``numbers.ts`` has the same words; a test in a browser holds the two together."""

import math


def duration(seconds: float) -> str:
    """Return a time span in two or three digits and the unit that suits it, such as ``2.1 s``."""
    if seconds < 0.000_000_5:
        return "0 s"
    if seconds < 0.000_999_5:
        return f"{rounded(seconds * 1e6)} µs"
    if seconds < 0.009_95:
        return f"{_tenths(seconds * 1e3)} ms"
    if seconds < 0.999_5:
        return f"{rounded(seconds * 1e3)} ms"
    if seconds < 9.95:
        return f"{_tenths(seconds)} s"
    whole = rounded(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = whole // 60
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"


def about(seconds: float) -> str:
    """Return a time span as coarsely as an estimate deserves; steps also keep a countdown from flickering."""
    if seconds <= 10:
        return f"{max(1, math.ceil(seconds))} s"
    if seconds <= 90:
        return f"{math.ceil(seconds / 5) * 5} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 120 else duration(minutes * 60)


def size(count: float) -> str:
    """Return a number of bytes in the binary unit that suits it, such as ``102 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 999.5:
            return f"{_tenths(count) if count < 9.95 and unit != 'B' else rounded(count)} {unit}"
        count /= 1024
    return f"{_tenths(count)} TiB"


def number(count: int) -> str:
    """Return a count with its thousands set apart."""
    return f"{count:,}"


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, such as ``1 task`` and ``1,000 tasks``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def more(left: int, noun: str) -> list[str]:
    """Return what says how many were left out, if any."""
    return [f"… and {plural(left, f'more {noun}')}"] if left > 0 else []


def percent(share: float) -> str:
    """Return a share of one in whole per cent, which says 100 only when nothing is left."""
    return f"{math.floor(min(max(share, 0.0), 1.0) * 100)} %"


def rounded(value: float) -> int:
    """Round half up, as JavaScript does, so that both panels say the same."""
    return math.floor(value + 0.5)


def _tenths(value: float) -> str:
    tenths = rounded(value * 10)
    return f"{tenths // 10}.{tenths % 10}"


def ratio(value: float) -> str:
    return _tenths(value) if value < 99.95 else number(rounded(value))
