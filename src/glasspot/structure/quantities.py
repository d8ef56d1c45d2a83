"""The names of the numbers that a run of a glass can give: what an experiment may ask of it.

    density                  g/cm3
    coordination Si-O        mean number of O about a Si; both ways of each bond
    fraction_B4              fraction of the atoms of a network former with this many oxygens
    Q4 Si                    fraction of the atoms of a network former with this many bridging oxygens
    oxygen bridging          fraction of the oxygens; also free, non-bridging, tricluster
    angle O-Si-O             mean in degrees
    bulk_modulus ...         GPa, and poisson_ratio: of the glass at rest, only where they are asked for

:mod:`glasspot.evaluate.structure` and :mod:`glasspot.evaluate.elastic` compute them.
"""

from __future__ import annotations

from collections.abc import Sequence

from glasspot.structure.analysis import angle_triples, bonded_pairs
from glasspot.structure.topology import NETWORK_FORMERS

# The borosilicate papers count a boron as four-fold when it has four oxygens within this length (A).
FIXED_CUTOFFS = {"B": 1.8}
MOST_OXYGENS = 8  # about a former
MOST_BRIDGES = 6  # of a former
OXYGEN_KINDS = ("free", "non-bridging", "bridging", "tricluster")
ELASTIC = ("bulk_modulus", "shear_modulus", "youngs_modulus", "poisson_ratio")


def quantity_names(species: Sequence[str]) -> list[str]:
    """Return the names of all numbers that a run of a glass of these species can give.

    ``species`` in the order of :func:`glasspot.structure.frames.species_order`. Those of :data:`ELASTIC` cost
    minimisations of their own. A cut-off that the run does not show (no first minimum) leaves its numbers out.
    """
    bonds = bonded_pairs(species)
    names = ["density"]
    names += dict.fromkeys(f"coordination {pair}" for a, b in bonds for pair in (f"{a}-{b}", f"{b}-{a}"))
    formers = formers_of(species)
    names += [fraction_name(former, n) for former in formers for n in range(MOST_OXYGENS + 1)]
    names += [qn_name(former, n) for former in formers for n in range(MOST_BRIDGES + 1)]
    names += [oxygen_name(kind) for kind in OXYGEN_KINDS if formers]
    names += [f"angle {'-'.join(ends)}" for ends in angle_triples(species, [f"{a}-{b}" for a, b in bonds])]
    return [*names, *ELASTIC]


def formers_of(species: Sequence[str]) -> list[str]:
    """Return the network formers of an oxide; none where there is no oxygen."""
    return [element for element in species if element in NETWORK_FORMERS and "O" in species]


def fraction_name(former: str, oxygens: int) -> str:
    """Return the name of the fraction of a former with this many oxygens, "fraction_B4"."""
    return f"fraction_{former}{oxygens}"


def qn_name(former: str, bridges: int) -> str:
    """Return the name of the fraction of a former with this many bridging oxygens, "Q4 Si"."""
    return f"Q{bridges} {former}"


def oxygen_name(kind: str) -> str:
    """Return the name of the fraction of oxygens of a kind, "oxygen bridging"."""
    return f"oxygen {kind}"
