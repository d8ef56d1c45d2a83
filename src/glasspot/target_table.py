"""[[target]] of a fit's TOML: a curve or a number that the runs of a state are compared with."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from glasspot.errors import did_you_mean
from glasspot.strict import Number, Positive, StrictTable
from glasspot.structure.quantities import ELASTIC

WIDEST_BIN, NARROWEST_BIN = 0.5, 0.001  # A, of g(r)
LONGEST_RANGE = 50.0  # A, or 1/A
LONGEST_LENGTH = 1000.0  # fm, far above that of any isotope
SHORTEST_R_MAX = 2.0  # A: a g(r) that ends within the first bond has no structure
LARGEST_NUMBER = 1e6  # GPa or neighbours; its square must not overflow
G, S, F, PRESSURE, COORDINATION, DENSITY = "g(r)", "S(Q)", "F(Q)", "pressure", "coordination", "density"
# Numbers of a structure; whether a system has them is seen when its elements are known.
ELEMENT = "[A-Z][a-z]?"
OF_STRUCTURE = re.compile(
    rf"coordination [^-]+-[^-]+|fraction_{ELEMENT}\d|Q\d {ELEMENT}|"
    rf"angle {ELEMENT}-{ELEMENT}-{ELEMENT}|oxygen (free|non-bridging|bridging|tricluster)"
)
FRACTION = re.compile(r"fraction_|Q\d |oxygen ")
EXAMPLES = (G, S, F, DENSITY, PRESSURE, "coordination Si-O", "fraction_B4", "Q4 Si", "angle Si-O-Si", *ELASTIC)
# The keys of each kind of target, beside those that all have.
OF_TRAJECTORY = {"cell", "config_type", "frames", "skip"}
OF_G = {"pair", "file", "r_column", "columns", "error_column", "trajectory", *OF_TRAJECTORY, "bin_width", "reference",
        "range", "like_pairs"}  # fmt: skip
OF_S = {"file", "q_column", "columns", "error_column", "radiation", "isotopes", "r_max", "window", "range"}
OF_NUMBER = {"value", "scale", "error"}
OF_ALL = {"system", "quantity", "weight"}


class TargetTable(StrictTable):
    """[[target]]. A g(r) has exactly one of file, trajectory, reference, which says where it comes from."""

    system: str = ""  # name of its [[system]], where there are several
    quantity: str = G  # one of EXAMPLES, or such a number of other elements
    pair: str | None = None
    file: str | None = None
    r_column: str | None = None
    q_column: str | None = None
    columns: list[str] = []
    error_column: str | None = None
    trajectory: str | None = None
    cell: float | tuple[float, float, float] | None = None  # A, for a trajectory without one
    config_type: str | None = None  # the part of an extended XYZ file
    frames: str = ":"  # which of its frames, as in ASE
    skip: Literal["auto"] | int = "auto"  # frames at the start
    bin_width: Annotated[Positive, Field(ge=NARROWEST_BIN, le=WIDEST_BIN)] = 0.05
    reference: str | None = None  # a published potential whose liquid is the reference
    range: tuple[Number, Number] | None = None
    like_pairs: Literal["N^2", "N(N-1)"] = "N^2"  # how the file counts pairs of one element; see docs/fit.md
    radiation: Literal["neutron", "xray", "number"] | None = None
    isotopes: dict[str, str | Number] = {}
    r_max: Annotated[Positive, Field(ge=SHORTEST_R_MAX)] | None = None  # A, where g(r) ends for S(Q)
    window: Literal["lorch", "cut"] = "lorch"
    value: Annotated[Number, Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)] | None = None  # GPa, or neighbours
    scale: Annotated[Positive, Field(ge=1 / LARGEST_NUMBER, le=LARGEST_NUMBER)] | None = None
    error: Positive | None = None
    weight: Annotated[Positive, Field(ge=1e-6, le=1e6)] = 1.0

    @property
    def is_scattering(self) -> bool:
        """Whether it is a structure factor."""
        return self.quantity in (S, F)

    @property
    def is_number(self) -> bool:
        """Whether it is a number and no curve."""
        return self.quantity not in (G, S, F)

    @property
    def is_fraction(self) -> bool:
        """Whether it is a number between 0 and 1."""
        return FRACTION.match(self.quantity) is not None

    @property
    def label(self) -> str:
        """What the target is called in its system."""
        if self.is_scattering:
            # Isotopic substitution gives several S(Q) of one system.
            swapped = [x if isinstance(x, str) else f"{element} {x:g} fm" for element, x in self.isotopes.items()]
            return " ".join([f"S(Q) {self.radiation}", *sorted(swapped)])
        return f"{G} {self.pair}" if self.quantity == G else self.quantity

    @property
    def span(self) -> tuple[float, float]:
        """The range of a curve, which was checked to be there."""
        assert self.range is not None  # noqa: S101 - every curve has one; tells the type checker
        return self.range

    @field_validator("quantity")
    @classmethod
    def _known(cls, value: str) -> str:
        if value in EXAMPLES or OF_STRUCTURE.fullmatch(value):
            return value
        raise ValueError(
            f"expected one of {', '.join(EXAMPLES)}, or such of other elements.{did_you_mean(value, EXAMPLES)}"
        )

    @field_validator("cell", mode="before")
    @classmethod
    def _lengths(cls, value: Any) -> Any:
        lengths = value if isinstance(value, list) else [value]
        if len(lengths) not in (1, 3) or not all(type(x) in (int, float) and 0 < x < 1e6 for x in lengths):
            raise ValueError("expected the edge of the cell in A, or three edges: 17.96 or [17.96, 17.96, 20.5]")
        return tuple(lengths) if len(lengths) == 3 else lengths[0]

    @field_validator("skip", mode="before")
    @classmethod
    def _count_of_frames(cls, value: Any) -> Any:
        if value != "auto" and (type(value) is not int or value < 0):
            raise ValueError('expected "auto", or the number of frames at the start that do not count, such as 50')
        return value

    @field_validator("isotopes", mode="before")
    @classmethod
    def _names_or_lengths(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not all(
            type(x) is str or (type(x) in (int, float) and abs(x) < LONGEST_LENGTH) for x in value.values()
        ):
            raise ValueError('expected { element = "isotope" } or { element = length in fm }, such as { B = "11B" }')
        return value

    @model_validator(mode="after")
    def _whole(self) -> TargetTable:
        own = OF_NUMBER if self.is_number else OF_S if self.is_scattering else OF_G
        foreign = sorted(self.model_fields_set - own - OF_ALL)
        if foreign:
            raise ValueError(f'{", ".join(foreign)} is not for a target with quantity = "{self.quantity}"')
        needed = (
            ("value",)
            if self.is_number
            else ("file", "radiation", "range")
            if self.is_scattering
            else ("pair", "range")
        )
        missing = next((key for key in needed if getattr(self, key) is None), None)
        if missing:
            raise ValueError(f'the key "{missing}" is missing; a target with quantity = "{self.quantity}" needs it')
        if self.is_number:
            self._check_scale()
        else:
            self._check_source()
            self._check_range()
        return self

    def _check_scale(self) -> None:
        if self.value == 0 and self.scale is None:
            raise ValueError("a target with value = 0 needs a scale: the deviation that counts as 100 %")
        if self.value is None:
            return
        what = f"value of {self.quantity}" + (f' of "{self.system}"' if self.system else "")
        if self.is_fraction and not 0 <= self.value <= 1:
            percent = f"; is it in percent? Then {self.value / 100:g}" if 1 < self.value <= 100 else ""
            raise ValueError(f"{what} is {self.value:g}; expected a fraction from 0 to 1{percent}")
        if self.quantity != PRESSURE and self.value < 0:
            raise ValueError(f"{what} is {self.value:g}; expected a number not below zero")
        if self.quantity == DENSITY and not 0.01 < self.value < 30:
            raise ValueError(f"{what} is {self.value:g}; expected g/cm3, such as 2.2")

    def _check_source(self) -> None:
        given = [name for name in ("file", "trajectory", "reference") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"expected exactly one of file, trajectory, reference; got {', '.join(given) or 'none'}")
        if self.file and "bin_width" in self.model_fields_set:
            raise ValueError("bin_width is for trajectory and reference; a file's curve keeps its own bins")
        alone = sorted(OF_TRAJECTORY & self.model_fields_set)
        if alone and not self.trajectory:
            raise ValueError(f"{', '.join(alone)} is for a trajectory; got {given[0]}")
        if any("\0" in str(getattr(self, name)) for name in given):
            raise ValueError(f"{given[0]} holds a zero byte; expected the name of a file or a potential")
        if self.error_column and len(self.columns) > 1:
            raise ValueError("error_column is for one column; the error of several is their scatter")

    def _check_range(self) -> None:
        low, high = self.span
        if not 0 <= low < high <= LONGEST_RANGE:
            unit = "1/A" if self.is_scattering else "A"
            raise ValueError(
                f"range is {[low, high]}; expected [low, high] in {unit} with 0 <= low < high <= {LONGEST_RANGE:g}"
            )
