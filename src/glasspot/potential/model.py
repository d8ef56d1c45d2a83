"""The frozen Potential: charges, pair terms, electrostatics and cut-offs of one set, as plain values.

Notation: u(r) is everything an engine puts in one table for a pair a-b,

    u(r) = short(r) + coulomb(q_a q_b, r)            the bare energy
    short(r) = sum of terms for r <= r_cut           cutoff = "truncate"
               the same, minus its value at r_cut    cutoff = "shift"
               (terms - value at r_cut) G(r)         cutoff = "smooth" (SHIK), G with smooth_width

and, inside the wall radius of :mod:`glasspot.potential.wall`, the wall's continuation in place of u.
Units: A, eV, e. The file format is described in :mod:`glasspot.potential.io`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from glasspot.errors import GlasspotError, did_you_mean
from glasspot.potential import rules
from glasspot.potential.coulomb import Coulomb
from glasspot.potential.forms import FloatArray, Morse, Term, smoothing
from glasspot.potential.wall import Wall, find_wall

if TYPE_CHECKING:
    from glasspot.composition import Composition


@dataclass(frozen=True)
class PairInteraction:
    """The short-range terms between two species; their energies add."""

    elements: tuple[str, str]
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class ThreeBody:
    """A screened harmonic angle: K exp(-r1/rho) exp(-r2/rho) (theta - theta0)^2 for both arms inside r_cut.

    ``K`` in eV/rad^2 in LAMMPS's ``nb3b/screened`` convention (no factor 1/2), ``theta0`` in degrees, rho and r_cut in
    A. It acts on every triplet end-centre-end, in either order of ``ends``.
    """

    centre: str
    ends: tuple[str, str]
    K: float
    theta0: float
    rho: float
    r_cut: float


@dataclass(frozen=True)
class Potential:
    """One published (or fitted) set. Build it with :meth:`from_dict` or ``glasspot.potential.io.load_potential``."""

    name: str
    charges: Mapping[str, float]
    pairs: tuple[PairInteraction, ...]
    coulomb: Coulomb
    r_cut: float
    cutoff: str = "truncate"
    smooth_width: float = 0.2
    wall: str = "auto"
    balance: str | None = None
    three_body: tuple[ThreeBody, ...] = ()
    title: str = ""
    source: str = ""
    doi: str = ""
    verified: str = "no"
    verification: str = ""
    cautions: tuple[str, ...] = field(default=())

    def __hash__(self) -> int:
        return hash(self.potential_id)

    @property
    def elements(self) -> tuple[str, ...]:
        """Species in the order of the charges; the balanced one last when its charge is not stated."""
        names = tuple(self.charges)
        return names if self.balance is None or self.balance in names else (*names, self.balance)

    @property
    def r_max(self) -> float:
        """Distance beyond which every pair energy of a table is zero, in A."""
        return max(self.r_cut if self.pairs else 0.0, self.coulomb.r_cut)

    @cached_property
    def _terms(self) -> dict[tuple[str, str], tuple[Term, ...]]:
        both = {}
        for pair in self.pairs:
            a, b = pair.elements
            both[a, b] = both[b, a] = pair.terms
        return both

    @cached_property
    def _walls(self) -> dict[tuple[str, str], Wall | None]:
        return {}

    def terms(self, a: str, b: str) -> tuple[Term, ...]:
        """Return the short-range terms of a-b, in either order; empty for a pair that has none."""
        self._require(a)
        self._require(b)
        return self._terms.get((a, b), ())

    def charge(self, species: str) -> float:
        """Return the charge in e; GlasspotError for an unknown species or a balanced charge not yet known."""
        self._require(species)
        if species not in self.charges:
            raise GlasspotError(
                f"the potential {self.name} balances the charge of {species} by the composition, and none was given; "
                "call Potential.for_composition first."
            )
        return self.charges[species]

    def _require(self, species: str) -> None:
        if species not in self.charges and species != self.balance:
            raise GlasspotError(
                f'the potential {self.name} does not know "{species}"; it knows {", ".join(self.elements)}.'
                f"{did_you_mean(species, self.elements)}"
            )

    def short_range(self, a: str, b: str, r: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return (energy, force) of the short-range terms of a-b with their cut-off, at distances ``r``."""
        r = np.asarray(r, dtype=np.float64)
        energy, force = np.zeros_like(r), np.zeros_like(r)
        terms = self.terms(a, b)
        for term in terms:
            energy += term.energy(r)
            force += term.force(r)
        if not terms:
            return energy, force
        if self.cutoff != "truncate":
            at_cut = np.array([self.r_cut])
            energy -= sum(float(term.energy(at_cut)[0]) for term in terms)
        if self.cutoff == "smooth":
            g, slope = smoothing(r, self.r_cut, self.smooth_width)
            return energy * g, force * g - energy * slope
        inside = r <= self.r_cut
        return np.where(inside, energy, 0.0), np.where(inside, force, 0.0)

    def bare_energy(self, a: str, b: str, r: npt.ArrayLike) -> FloatArray:
        """Return short range + real-space Coulomb of a-b in eV, without the wall."""
        r = np.asarray(r, dtype=np.float64)
        return self.short_range(a, b, r)[0] + self.coulomb.energy(self.charge(a) * self.charge(b), r)

    def bare_force(self, a: str, b: str, r: npt.ArrayLike) -> FloatArray:
        """Return minus the derivative of :meth:`bare_energy`, in eV/A."""
        r = np.asarray(r, dtype=np.float64)
        return self.short_range(a, b, r)[1] + self.coulomb.force(self.charge(a) * self.charge(b), r)

    def pair_wall(self, a: str, b: str) -> Wall | None:
        """Return the wall of a-b (found once, then kept); None where nothing is wrong inside, or ``wall`` is "none"."""
        if (a, b) not in self._walls:
            self._walls[a, b] = self._walls[b, a] = None if self.wall == "none" else find_wall(self, a, b)
        return self._walls[a, b]

    def is_complete(self, a: str, b: str) -> bool:
        """Return False for a pair that waits for a composition: a balanced charge or a depth by rule."""
        waits = any(isinstance(t, Morse) and t.composition_rule is not None and t.D == 0.0 for t in self.terms(a, b))
        return a in self.charges and b in self.charges and not waits

    def walls(self) -> dict[tuple[str, str], Wall]:
        """Return the walls of the pairs that have one; pairs that wait for a composition are left out."""
        pairs = combinations_with_replacement(self.elements, 2)
        found = {(a, b): self.pair_wall(a, b) for a, b in pairs if self.is_complete(a, b)}
        return {pair: wall for pair, wall in found.items() if wall is not None}

    def pair_energy(self, a: str, b: str, r: npt.ArrayLike) -> FloatArray:
        """Return what an engine tabulates for a-b: short range + real-space Coulomb + wall, in eV; 0 beyond r_max."""
        r = np.asarray(r, dtype=np.float64)
        energy = self.bare_energy(a, b, r)
        wall = self.pair_wall(a, b)
        return energy if wall is None else wall.apply_to_energy(r, energy)

    def pair_force(self, a: str, b: str, r: npt.ArrayLike) -> FloatArray:
        """Return minus the derivative of :meth:`pair_energy`, in eV/A."""
        r = np.asarray(r, dtype=np.float64)
        force = self.bare_force(a, b, r)
        wall = self.pair_wall(a, b)
        return force if wall is None else wall.apply_to_force(r, force)

    def to_dict(self) -> dict[str, Any]:
        """Return the file format as a plain dict in eV: JSON-able, and the same for the same potential."""
        from glasspot.potential.schema import potential_to_dict

        return potential_to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Potential:
        """Read the file format (see io); GlasspotError for an unknown key, a wrong type or a missing number."""
        from glasspot.potential.schema import potential_from_dict

        return potential_from_dict(data)

    @cached_property
    def potential_id(self) -> str:
        """SHA-256 of the sorted JSON of :meth:`to_dict`."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def counting_charges(self) -> dict[str, float]:
        """Charges for whole, neutral atom counts: formal valences when one charge is balanced, else the charges."""
        if self.balance is None:
            return dict(self.charges)
        formal = {species: rules.formal_valence(species) for species in self.elements}
        return {species: float(valence) for species, valence in formal.items() if valence is not None}

    def for_composition(self, composition: Composition, counts: Mapping[str, int] | None = None) -> Potential:
        """Return the potential of one glass: the balanced charge and the composition rules filled in.

        Give the whole atom ``counts`` of a simulation to balance the charge exactly on them instead of on the nominal
        composition. Potentials that depend on neither are returned as they are. GlasspotError outside a rule's domain.
        """
        potential = self
        if self.balance is not None:
            amounts = counts if counts is not None else rules.composition_counts(composition, self.elements)
            charge = rules.balancing_charge(self.name, self.balance, self.charges, amounts)
            potential = replace(potential, charges={**self.charges, self.balance: charge})
        ratios = rules.boron_ratios(composition)
        if ratios is None or not any(_has_rule(pair) for pair in self.pairs):
            return potential
        depth = rules.bertani_2022_depth(*ratios)
        return replace(potential, pairs=tuple(_with_depth(pair, depth) for pair in self.pairs))


def _has_rule(pair: PairInteraction) -> bool:
    return any(isinstance(term, Morse) and term.composition_rule is not None for term in pair.terms)


def _with_depth(pair: PairInteraction, depth: float) -> PairInteraction:
    """Return ``pair`` with the depth of the Morse term that follows a composition rule."""
    terms = tuple(
        replace(t, D=depth) if isinstance(t, Morse) and t.composition_rule is not None else t for t in pair.terms
    )
    return replace(pair, terms=terms)
