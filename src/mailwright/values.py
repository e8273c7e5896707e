"""Frozen dataclasses that cost no more to make than others.

`dataclass` of this module is used like the standard library's, with `frozen=True, slots=True`, for values that are made by the
thousand. Who checks types sees the library's own: what passes `make lint` changes no value. While the program runs nothing but
that keeps it from doing so (docs/decisions/0023-values-frozen-by-the-type-checker.md).
Equality, hashes and `replace` are the library's. Not here: the nouns (core/model.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    import dataclasses
    from functools import partial

    def dataclass(*, frozen, slots):
        """As that of the library; hashed by value, as what is frozen is."""
        return partial(dataclasses.dataclass, slots=slots, unsafe_hash=frozen)
