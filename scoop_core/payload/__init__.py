"""How functions, arguments, results and exceptions travel: the only module that knows cloudpickle.

What is defined in a notebook, or by a script's root alone, travels by value. Buffers of arrays (pickle protocol 5)
stay out of the pickle: large ones lie on the shelf, small ones follow the message as frames.

Arguments and results travel many at a time. Where all are of simple types they share one pickle; otherwise each has
its own, so that one which can't be pickled, or unpickled, fails alone. The *form* of a parcel says which:

=============  ==============================================================
``range``      a `range`; the arguments are its elements
``column``     a list of single arguments
``rows``       a list of tuples of arguments
``calls``      a list of (arguments, keyword arguments)
``values``     a list of results
``…+``         the same, each item as a pickle of its own
=============  ==============================================================
"""

from scoop_core.payload.explain import explain_argument, explain_item, explain_result, first_line, function_name
from scoop_core.payload.layer import Dumped, Layer
from scoop_core.payload.packer import PackedFunction, Packer, TooLarge
from scoop_core.payload.pickler import SIMPLE, Packed
from scoop_core.payload.raised import unpack_error

__all__ = [
    "SIMPLE",
    "Dumped",
    "Layer",
    "Packed",
    "PackedFunction",
    "Packer",
    "TooLarge",
    "explain_argument",
    "explain_item",
    "explain_result",
    "first_line",
    "function_name",
    "unpack_error",
]
