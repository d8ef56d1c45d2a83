"""Settings of a GAP and the words of gap_fit's command line that they become: numbers and elements, nothing else.

A two-body term and SOAP; ``start`` is what Shuaib et al., 10.1111/jace.20128, gave gap_fit for AsTe3. GAP: Bartok,
10.1103/PhysRevLett.104.136403; SOAP: Bartok, 10.1103/PhysRevB.87.184115.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from glasspot.errors import GlasspotError, did_you_mean
from glasspot.mlip.model import Hyperparameter, Settings

SPACE = (
    Hyperparameter("cutoff", 3.5, 6.5, 4.91, unit="A", meaning="how far an atom sees"),
    Hyperparameter("atom_sigma", 0.25, 0.8, 0.4, log=True, unit="A", meaning="width of an atom in SOAP"),
    Hyperparameter("n_sparse", 200, 3000, 1800, log=True, whole=True, meaning="sparse points of each element's SOAP"),
    Hyperparameter("n_max", 4, 9, 6, whole=True, meaning="radial functions of SOAP"),
    Hyperparameter("l_max", 2, 8, 5, whole=True, meaning="highest angular momentum of SOAP"),
    Hyperparameter("zeta", 1, 6, 4, whole=True, meaning="power of SOAP's kernel"),
    Hyperparameter("delta", 0.03, 3.0, 0.29, log=True, unit="eV", meaning="what SOAP's part of an energy varies by"),
    Hyperparameter("delta_pair", 0.03, 3.0, 0.29, log=True, unit="eV", meaning="what a pair's energy varies by"),
    Hyperparameter("sigma_energy", 1e-4, 1e-2, 1e-3, log=True, unit="eV/atom", meaning="error expected of energies"),
    Hyperparameter("sigma_force", 0.01, 0.3, 0.05, log=True, unit="eV/A", meaning="error expected of forces"),
    Hyperparameter("sigma_virial", 0.01, 0.3, 0.05, log=True, unit="eV/atom", meaning="error expected of virials"),
)
SEARCHED = ("cutoff", "atom_sigma", "delta", "sigma_energy", "sigma_force")  # the others trade time for little
FRAME, ISOLATED = "frame", "isolated"  # the groups of configurations in the file that gap_fit reads
TRANSITION = 1.0  # A, over which the cut-off smooths
PAIR_SPARSE = 20  # sparse points of each pair's distances
ISOLATED_SIGMAS = (1e-4, 0.05, 0.05, 0.05)
JITTER = 1e-12


def checked(settings: Settings) -> dict[str, float]:
    """Return every hyper-parameter's value, that of ``start`` where ``settings`` has none.

    GlasspotError for an unknown name, or a value with which there is no fit.
    """
    known = {parameter.name: parameter for parameter in SPACE}
    for name in settings:
        if name not in known:
            raise GlasspotError(
                f'a GAP has no setting "{name}"; expected {", ".join(known)}.{did_you_mean(name, tuple(known))}'
            )
    values = {name: float(settings.get(name, parameter.start)) for name, parameter in known.items()}
    for name, value in values.items():
        if not (math.isfinite(value) and 0 < value < 1e6):
            raise GlasspotError(f"{name} of a GAP is {value:g}; expected a number above 0.")
        if known[name].whole and value != round(value):
            raise GlasspotError(f"{name} of a GAP is {value:g}; expected a whole number.")
    if values["cutoff"] <= TRANSITION:
        raise GlasspotError(f"cutoff of a GAP is {values['cutoff']:g} A; expected more than {TRANSITION:g} A.")
    return values


def arguments(values: Mapping[str, float], data: str, model: str, has_isolated: bool) -> list[str]:
    """Return the words of the command line after the program's name. values: all of them, checked.

    data, model: names of the file that is read and of the one that is written. has_isolated: the data hold the free
    atoms, whose energies are then those of reference; else the mean energy of an atom is.
    """
    whole = {name: int(values[name]) for name in ("n_sparse", "n_max", "l_max", "zeta")}
    reach = f"cutoff={values['cutoff']!r} cutoff_transition_width={TRANSITION!r}"
    n_sparse = f"config_type_n_sparse={{{FRAME}:{whole['n_sparse']}:{ISOLATED}:1}}"
    pair = (
        f"distance_Nb order=2 compact_clusters=T {reach} n_sparse={PAIR_SPARSE} covariance_type=ard_se "
        f"delta={values['delta_pair']!r} theta_uniform=1.0 sparse_method=uniform add_species=T"
    )
    soap = (
        f"soap l_max={whole['l_max']} n_max={whole['n_max']} {reach} delta={values['delta']!r} "
        f"atom_sigma={values['atom_sigma']!r} zeta={whole['zeta']} add_species=T {n_sparse} "
        "sparse_method=cur_points covariance_type=dot_product"
    )
    sigmas = (values["sigma_energy"], values["sigma_force"], values["sigma_virial"], 0.05)
    return [
        f"at_file={data}",
        f"gap={{{pair}:{soap}}}",
        f"default_sigma={{{' '.join(map(repr, sigmas))}}}",
        f"config_type_sigma={ISOLATED}:{':'.join(map(repr, ISOLATED_SIGMAS))}",
        f"e0_method={'isolated' if has_isolated else 'average'}",
        *("energy_parameter_name=energy", "force_parameter_name=force", "virial_parameter_name=virial"),
        *("config_type_parameter_name=config_type", f"sparse_jitter={JITTER!r}"),
        *("do_copy_at_file=F", "sparse_separate_file=T", f"gp_file={model}", "rnd_seed=1"),
    ]
