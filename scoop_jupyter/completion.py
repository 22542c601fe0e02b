"""The words of ``%scoop`` and ``%%scoop``, completed."""

from __future__ import annotations

from collections.abc import Collection

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from scoop.launchers import names
from scoop_core.current import current
from scoop_core.errors import BadLimits, BrokerLost
from scoop_core.pool import pools
from scoop_jupyter.commands import cell_parser, line_parser
from scoop_jupyter.pool_profiles import entries


@context_matcher(identifier="scoop")
def complete(context: CompletionContext) -> SimpleMatcherResult:
    """Complete the words of a magic line (one of IPython's matchers; with it no other has a say there)."""
    token = context.token
    offers = _offers(context.text_until_cursor.removesuffix(token).split(), token)
    return {
        "completions": [SimpleCompletion(text=word) for word in offers if word.startswith(token)],
        "suppress": True,
    }


def _offers(words: list[str], token: str) -> Collection[str]:
    """What may follow these words."""
    if words[:1] == ["%%scoop"]:
        return cell_parser().words
    if words[:1] != ["%scoop"]:
        return ()
    parser, commands = line_parser()
    if not words[1:]:
        return parser.words
    command, last = words[1], words[-1]
    if command == "each" and not token.startswith("-"):  # a statement: Python's completion has its turn
        return ()
    if command not in commands:
        return ["--help"]
    known = commands[command].words
    if command == "start" and last == "--launcher":
        return names.names()
    if command == "start" and last == "--profile":
        return _profiles()
    if known.get(last):
        return known[last]
    more = {"connect": _connectable, "debug": _failures}.get(command, list)
    return [*more(), *known]


def _connectable() -> Collection[str]:
    return [*pools(), "ssh://"]


def _profiles() -> Collection[str]:
    try:
        return entries()
    except BadLimits:
        return ()


def _failures() -> list[str]:
    """The ids of failures that the pool remembers, the last one first."""
    client = current.engine
    if client is None or client.lost is not None:
        return []
    try:
        groups = client.picture(timeout=1.0)["groups"]
    except BrokerLost:
        return []
    return [failure["id"] for group in reversed(groups) for failure in reversed(group["failures"])]
