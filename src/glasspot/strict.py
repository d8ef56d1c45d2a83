"""What the tables of a TOML file are made of: unknown keys are refused, and numbers are numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from glasspot.errors import is_shown_as_written

LARGEST, LEAST = 1e30, 1e-30  # of a number, and of one that is not zero: their powers and ratios stay finite


def _of_this_world(value: float) -> float:
    if value != 0 and not LEAST <= abs(value) <= LARGEST:
        raise ValueError(f"expected a number between {LEAST:g} and {LARGEST:g}")
    return value


# Strict: the text "3" and the word true are no numbers.
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True), AfterValidator(_of_this_world)]
Number = Annotated[float, Field(allow_inf_nan=False, strict=True), AfterValidator(_of_this_world)]
ABOVE = "it belongs to the top of the file, above the first table"  # of a key in the wrong place


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("expected one line, without control characters")
    return value


def _lines(value: str) -> str:
    if not is_shown_as_written(value):
        raise ValueError("expected text without control characters")
    return value


# Texts that are shown in terminals, logs and pages: nothing in them may steer what shows them.
Line = Annotated[str, AfterValidator(_one_line)]
Lines = Annotated[str, AfterValidator(_lines)]
Count = Annotated[int, Field(ge=1, le=100_000, strict=True)]


class StrictTable(BaseModel):
    """A table of TOML: a key that is not declared is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
