"""ASE calculators of potentials, and which of them there are.

A pair potential is evaluated from its closed forms (:mod:`glasspot.engine.calculator`), a GAP by QUIP: Csanyi et al.,
IoP Comput. Phys. Newsletter, Spring 2007; its Python package: Kermode, J. Phys. Condens. Matter 32 (2020) 305901.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from glasspot.engine.base import CannotRunError, EngineFailure
from glasspot.errors import GlasspotError
from glasspot.extras import need
from glasspot.oxides import element_of
from glasspot.potential.learned import AnyPotential, LearnedPotential
from glasspot.potential.model import Potential

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

LICENCE = (
    "GAP is evaluated and fitted by QUIP's code, whose Academic Software Licence allows non-commercial use only; "
    "see https://github.com/libAtoms/GAP/blob/main/LICENSE.md, and cite 10.1103/PhysRevLett.104.136403."
)


def make_calculator(potential: AnyPotential) -> Calculator:
    """Return an ASE calculator with energy (eV), forces (eV/A) and stress (eV/A^3, ASE's sign) of ``potential``.

    Raises CannotRunError for a kind that no calculator evaluates, EngineFailure "no-program" where quippy is missing,
    GlasspotError where it refuses the model's file.
    """
    if isinstance(potential, LearnedPotential):
        _check_kind(potential)
        return _gap(potential)
    from glasspot.engine.calculator import GlasspotCalculator

    return GlasspotCalculator(potential)


def check_calculator(potential: AnyPotential, species: Sequence[str]) -> None:
    """Raise CannotRunError when no calculator can evaluate ``potential`` for these ``species``.

    EngineFailure "no-program", with the line that installs it, where quippy is missing.
    """
    if isinstance(potential, LearnedPotential):
        _check_kind(potential)
        _quippy()
        for name in species:
            potential.charge(name)  # QUIP leaves out, without a word, the elements that a model does not know
        return
    if potential.three_body:
        raise CannotRunError(
            f"the potential {potential.name} has three-body terms, which the ASE calculator does not have.",
            'Use the engine "lammps".',
        )
    _check_species(potential, species)


def _check_kind(potential: LearnedPotential) -> None:
    if potential.kind != "gap":
        raise CannotRunError(
            f'the potential {potential.name} is of kind "{potential.kind}", which no ASE calculator evaluates.',
            'Use the engine "lammps".',
        )


def _check_species(potential: Potential, species: Sequence[str]) -> None:
    """ASE's atoms carry an element only, so two species of one element cannot be told apart."""
    wanted = {element_of(name) for name in species}
    known = Counter(element_of(name) for name in potential.elements)
    several = sorted(element for element in wanted if known[element] > 1)
    if several:
        raise CannotRunError(
            f"the potential {potential.name} knows more than one species of {' and '.join(several)}, "
            "and ASE's atoms carry no oxidation state to choose by.",
            'Use the engine "native" or "lammps".',
        )


def _quippy() -> type[Calculator]:
    try:
        module = need("quippy.potential", "QUIP's Python package", "gap", "a GAP model")
    except GlasspotError as error:
        raise EngineFailure("no-program", str(error)) from error
    return module.Potential  # type: ignore[no-any-return]


def _gap(potential: LearnedPotential) -> Calculator:
    path = potential.files["model"]
    try:
        return _quippy()("", param_filename=str(path.absolute()))
    except RuntimeError as error:
        raise GlasspotError(
            f"QUIP cannot read the GAP model {path}: {' '.join(str(error).split())}. Copy all files of the model "
            "into its folder, or fit it again."
        ) from error
