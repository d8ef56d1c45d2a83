"""The evidence of a glass against reference frames as sentences, as tables, and as text for the terminal."""

from __future__ import annotations

from glasspot.report.table import Table
from glasspot.report.words import measured
from glasspot.structure.against import Compared, Evidence, Misfit
from glasspot.structure.sides import Peak, Side

MAIN = "X-ray g(r)"  # the line whose R_X is the answer
LEAST = 0.0005  # fractions below it are not shown


def answers(found: Evidence) -> list[str]:
    """Return one sentence a glass: whether it is sound, and its R_X."""
    said = []
    for glass in found.glasses:
        misfit = glass.misfits[MAIN]
        noise = "" if misfit.noise is None else f", noise alone {100 * misfit.noise:.2g} %"
        said.append(
            f"{glass.side.name}: {glass.soundness.verdict}; R_X {percent(misfit)} on the total {MAIN} "
            f"({misfit.low:g} to {misfit.high:.4g} A{noise})"
        )
    return said


def tables(found: Evidence) -> list[Table]:
    """Return every table of the page, those without rows too."""
    return [_soundness(found), _summary(found), _misfits(found), _coordination(found), _folds(found), _peaks(found)]


def text(found: Evidence) -> str:
    """Return what is printed in the terminal."""
    lines = [*answers(found), ""]
    for glass in found.glasses:
        lines += [f"  {finding.severity}: {glass.side.name}: {finding.message}" for finding in glass.soundness.findings]
    lines += [f"  caution: {caution}" for caution in found.cautions]
    for table in tables(found):
        if table.rows and table.section != "soundness":
            lines += ["", table.title, *_aligned(table)]
    return "\n".join(lines)


def _sides(found: Evidence) -> list[Side]:
    return [found.reference, *(glass.side for glass in found.glasses)]


def _soundness(found: Evidence) -> Table:
    rows = tuple(
        (glass.side.name, finding.severity, finding.kind, finding.message)
        for glass in found.glasses
        for finding in glass.soundness.findings
    )
    columns = ("glass", "severity", "what", "seen")
    return Table("soundness", "What is wrong", "", columns, rows, columns)


def _summary(found: Evidence) -> Table:
    """Return one row a side; with glasses of several sizes it is the table of the size effect."""
    sizes = len({side.n_atoms for side in _sides(found)[1:]}) > 1
    glasses = sorted(found.glasses, key=lambda glass: glass.side.n_atoms) if sizes else list(found.glasses)
    elements = list(found.reference.folds)
    probe = next((name for name in ("X-ray S(Q)", "neutron S(Q)") if name in found.reference.peaks), "")
    columns = ["", "atoms", "frames", "density (g/cm3)", "R_X g(r) (%)", "R_X S(Q) (%)"]
    columns += [f"n of {element}" for element in elements]
    columns += ["first peak of S(Q) (1/A)", "height"] if probe else []
    rows = []
    for side, glass in [(found.reference, None), *((glass.side, glass) for glass in glasses)]:
        row = [
            side.name,
            str(side.n_atoms),
            str(side.n_frames),
            _value(side.analysis.density, side.analysis.density_error),
        ]
        row += [_misfit(glass, MAIN), _misfit(glass, "X-ray S(Q)")]
        row += [_value(side.folds[e].mean, side.folds[e].error) if e in side.folds else "-" for e in elements]
        row += list(_peak(side.peaks.get(probe))) if probe else []
        rows.append(tuple(row))
    title = "Size effect" if sizes else "Summary"
    caption = (
        "n: bonds of an atom to all others. Errors: standard errors from blocks of the frames of one glass; another "
        "quench of the same glass differs by more."
    )
    return Table("summary", title, caption, tuple(columns), tuple(rows))


def _misfits(found: Evidence) -> Table:
    columns = ["", "from", "to"]
    for glass in found.glasses:
        columns += [glass.side.name, f"noise of {glass.side.name}"]
    rows = []
    for name in found.reference.lines:
        here = [glass.misfits.get(name) for glass in found.glasses]
        first = next((misfit for misfit in here if misfit is not None), None)
        if first is None:
            continue
        cells = [text for m in here for text in (("-", "-") if m is None else (percent(m), _noise(m)))]
        unit = "A" if "g(r)" in name else "1/A"
        rows.append((f"{_label(name)}", f"{first.low:.3g} {unit}", f"{first.high:.4g} {unit}", *cells))
    caption = "R_X of each curve in percent; noise: what two samples of one glass with these errors would have."
    return Table("misfits", "Difference from the reference", caption, tuple(columns), tuple(rows))


def _coordination(found: Evidence) -> Table:
    sides = _sides(found)
    rows = []
    for entry in found.reference.analysis.coordination:
        cells = []
        for side in sides:
            same = [c for c in side.analysis.coordination if (c.centre, c.neighbour) == (entry.centre, entry.neighbour)]
            cells.append(_value(same[0].mean, same[0].error) if same else "-")
        rows.append((f"{entry.neighbour} about {entry.centre}", f"{entry.cutoff:.2f}", *cells))
    columns = ("", "cut-off (A)", *(side.name for side in sides))
    caption = "The same cut-offs for all: those given, else the first minima of g(r) of the reference."
    return Table("coordination", "Coordination by pair", caption, columns, tuple(rows))


def _folds(found: Evidence) -> Table:
    sides = _sides(found)
    rows = []
    for element in found.reference.folds:
        shares = [side.folds[element].distribution if element in side.folds else {} for side in sides]
        for n in sorted({n for share in shares for n, part in share.items() if part >= LEAST}):
            rows.append((f"{n}-fold {element}", *(f"{100 * share.get(n, 0.0):.1f}" for share in shares)))
    caption = "Percent of the atoms of an element with so many bonds to all others."
    return Table("coordination", "Local environments", caption, ("", *(side.name for side in sides)), tuple(rows))


def _peaks(found: Evidence) -> Table:
    sides = _sides(found)
    rows = []
    for name in found.reference.peaks:
        unit = "A" if "g(r)" in name else "1/A"
        both = [_peak(side.peaks.get(name)) for side in sides]
        rows.append((f"{_label(name)}, place ({unit})", *(place for place, _ in both)))
        rows.append((f"{_label(name)}, height", *(height for _, height in both)))
    caption = "The first peak of each partial g(r), and the first of S(Q) that stands out."
    return Table("peaks", "Peaks", caption, ("", *(side.name for side in sides)), tuple(rows))


def _label(name: str) -> str:
    """Return "As-Te g(r)" for "g(r) As-Te"; totals keep their name."""
    what, _, pair = name.partition(" ")
    return f"{pair} {what}" if what in ("g(r)", "S(Q)") else f"total {name}"


def percent(misfit: Misfit) -> str:
    """Return R_X in percent with its error, as "6.8 ± 0.3 %"."""
    return _value(100 * misfit.value, None if misfit.error is None else 100 * misfit.error) + " %"


def _noise(misfit: Misfit) -> str:
    return "-" if misfit.noise is None else f"{100 * misfit.noise:.2g} %"


def _misfit(glass: Compared | None, name: str) -> str:
    if glass is None or name not in glass.misfits:
        return "-"
    return percent(glass.misfits[name]).removesuffix(" %")


def _value(value: float, error: float | None) -> str:
    """Return a number with its error; without one, with four digits."""
    return measured(value, error) if error is not None and error > 1e-6 * abs(value) else f"{value:.4g}"


def _peak(peak: Peak | None) -> tuple[str, str]:
    if peak is None:
        return "-", "-"
    return _value(peak.place, peak.place_error), _value(peak.height, peak.height_error)


def _aligned(table: Table) -> list[str]:
    rows = [table.columns, *table.rows]
    widths = [max(len(row[n]) for row in rows) for n in range(len(table.columns))]
    return ["  " + "   ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
