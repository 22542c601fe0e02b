"""The options of a launcher, as its class has them: what there are, whether values suit, and what they mean."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, NamedTuple, get_type_hints

import msgspec

_ARGUMENTS = re.compile(r"^Args:\n((?: .*\n|\n)*)", re.MULTILINE)
_ARGUMENT = re.compile(r"^    (\w+): (.*(?:\n {5,}.*)*)", re.MULTILINE)


class Option(NamedTuple):
    """One of them.

    Attributes:
        type: of its values.
        required: whether a launcher can't be without.
        help: the first sentence of what the docstring of the class says; empty if it says nothing.
    """

    type: Any
    required: bool
    help: str


def options_of(kind: type) -> dict[str, Option]:
    """The options of a class of launchers, by their names."""
    texts: dict[str, str] = {}
    for base in reversed(inspect.getmro(kind)):
        found = _ARGUMENTS.search(inspect.cleandoc(vars(base).get("__doc__") or "") + "\n")
        texts |= dict(_ARGUMENT.findall(found[1] if found else ""))
    types = _types(kind)
    return {
        name: Option(types.get(name, Any), parameter.default is parameter.empty, _first_sentence(texts.get(name, "")))
        for name, parameter in inspect.signature(kind).parameters.items()
    }


def _types(kind: type) -> dict[str, Any]:
    """Of the arguments of a class; those of data classes may stand in several modules."""
    try:
        return get_type_hints(kind if is_dataclass(kind) else vars(kind).get("__init__", kind))
    except NameError:  # something is imported for type checkers only: nothing is known then
        return {}


def _first_sentence(text: str) -> str:
    return re.split(r"\. |\.$", " ".join(text.replace("``", "").split()))[0]


def check(name: str, options: Mapping[str, Option], given: Mapping[str, Any]) -> None:
    """Whether a launcher can have these options.

    Args:
        name: of the launcher.
        options: that it has.
        given: values for some of them.

    Raises:
        ValueError: it can't; the message says why.
    """
    for option in given:
        if option not in options:
            there = ", ".join(options) or "none"
            raise ValueError(f"the launcher {name!r} has no option {option!r}, but: {there}")
    for option, facts in options.items():
        if facts.required and option not in given:
            raise ValueError(f"the launcher {name!r} needs the option {option!r}")
        if option in given:
            convert(option, given[option], facts.type)


def from_words(option: str, words: Sequence[str], type: Any) -> Any:
    """The value of an option that was given as one word, or as several; what is a list takes one as well.

    Raises:
        ValueError: that is none.
    """
    if len(words) > 1:
        return convert(option, list(words), type, strict=False)
    try:
        return msgspec.convert(words[0], type, strict=False)
    except msgspec.ValidationError:
        try:
            return msgspec.convert(list(words), type, strict=False)
        except msgspec.ValidationError:
            return convert(option, words[0], type, strict=False)


def convert(option: str, value: Any, type: Any, strict: bool = True) -> Any:
    """The value of an option as one of its type.

    Args:
        option: its name.
        value: that was given.
        type: see `Option`.
        strict: a text is no number.

    Raises:
        ValueError: it is none.
    """
    try:
        return msgspec.convert(value, type, strict=strict)
    except msgspec.ValidationError as error:
        why = str(error).replace("`", "")
        for json, python in (("array", "list"), ("object", "dict"), ("null", "None"), ("Expected", "expected")):
            why = why.replace(json, python)
        raise ValueError(f"the option {option!r} can't be {value!r}: {why}") from None
