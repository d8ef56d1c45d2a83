"""Which machine code to use: chosen at start from what the processor can do, and said in the provenance.

A variant is passed to compiled code as its first argument. numba compiles and caches one machine code for each *type*
of argument, so what must be known when code is compiled is in the type: the classes say which vectors and tables to
use, and ``stamp``, sixteen numbers that are either whole or not, stands for the text of this package and of the units.
numba looks only at the file of the cached function; with the stamp in the type, a change of any of these files is met
with new machine code. So a function that calls, or takes a constant from, another file takes the variant.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite.binding as llvm
from numba.core import config, types
from numba.extending import intrinsic

from glasspot import units
from glasspot.errors import GlasspotError, check_choice


class Quintic(NamedTuple):
    """Pair functions as polynomials of degree 5, held in registers (AVX-512)."""

    degree: int = 5


class Sextic(NamedTuple):
    """The same of degree 6, for steeper pairs."""

    degree: int = 6


class Cubic(NamedTuple):
    """Pair functions as many narrow cubics in memory: for every processor, and for potentials with sharp features."""

    degree: int = 3


Tables = Quintic | Sextic | Cubic


class Avx512(NamedTuple):
    """Sixteen lanes; look-ups in registers, vectors stored close together by one instruction."""

    tables: Tables
    stamp: tuple[int | float, ...]


class Portable(NamedTuple):
    """Eight lanes and nothing that LLVM cannot make for every processor."""

    tables: Tables
    stamp: tuple[int | float, ...]


Variant = Avx512 | Portable
VARIANTS: dict[str, type[Avx512] | type[Portable]] = {"avx512": Avx512, "portable": Portable}
WIDTHS: dict[type, int] = {Avx512: 16, Portable: 8}
NEEDED = ("avx512f", "avx512vl", "avx512dq", "avx512bw")


def choose(name: str = "auto", tables: Tables | None = None) -> Variant:
    """Return the best variant this processor can run, or the one named ("avx512", "portable").

    GlasspotError for AVX-512 on a processor without it: LLVM would end the process.
    tables: how pair functions are held; the portable variant knows only Cubic.
    """
    check_choice(name, ("auto", *VARIANTS), "instructions")
    if name == "auto":
        name = "avx512" if has_avx512() else "portable"
    elif name == "avx512" and not has_avx512():
        raise GlasspotError(
            f'instructions is "avx512", but this processor, or what numba was told of it, lacks one of '
            f'{", ".join(NEEDED)}; give "auto" or "portable".'
        )
    return VARIANTS[name](Cubic() if name == "portable" or tables is None else tables, _stamp())


def has_avx512() -> bool:
    """Tell whether code compiled here may use AVX-512 (numba can be told to leave it out: NUMBA_CPU_FEATURES)."""
    if config.CPU_FEATURES is not None:
        present = {word[1:] for word in config.CPU_FEATURES.split(",") if word.startswith("+")}
        return all(name in present for name in NEEDED)
    if config.CPU_NAME not in (None, "host", llvm.get_host_cpu_name()):
        return False
    features = llvm.get_host_cpu_features()
    return all(features.get(name, False) for name in NEEDED)


def width(variant: Any) -> int:
    """Return the number of lanes of a variant, given it or, inside an intrinsic, its numba type."""
    return WIDTHS[_class(variant)]


def is_avx512(variant: Variant) -> bool:
    """Tell whether a variant looks up in registers and needs AVX-512."""
    return isinstance(variant, Avx512)


def tables_of(variant: Any) -> type:
    """Return the class of a variant's tables, given it or, inside an intrinsic, its numba type."""
    return _class(variant.types[0] if _is_numba_type(variant) else variant.tables)


def _class(value: Any) -> type:
    return value.instance_class if _is_numba_type(value) else type(value)


def _is_numba_type(value: Any) -> bool:
    return hasattr(value, "instance_class")


@cache
def _stamp() -> tuple[int | float, ...]:
    digest = hashlib.sha256()
    for path in (*sorted(Path(__file__).parent.glob("*.py")), Path(units.__file__)):
        digest.update(path.read_bytes())
    bits = int.from_bytes(digest.digest()[:2], "big")
    return tuple(1 if bits >> k & 1 else 1.0 for k in range(16))


@intrinsic
def width_in_code(typing: Any, variant: Any) -> Any:
    """Return the number of lanes as a constant of compiled code."""
    lanes = width(variant)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_constant(types.intp, lanes)

    return types.intp(variant), generate
