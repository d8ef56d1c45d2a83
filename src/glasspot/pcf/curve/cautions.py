"""What a user is told beside a prediction: that it is far from the data, or came about by stand-ins or too few data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from glasspot.pcf.curve.stand_ins import Source, StandIn

FAR = 3.0  # steps of the data beyond which the user is warned


def of_unseen(instead: Sequence[StandIn]) -> list[str]:
    """Return a warning for each oxide that the data do not have; ``instead``: what is predicted in its place."""
    found = []
    for formula in instead[0].by:
        shares: dict[str, float] = {}
        for each in instead:
            shares[each.by[formula]] = shares.get(each.by[formula], 0.0) + each.weight
        likest = " and ".join(
            f"{name} ({100 * share:.0f} %)" for name, share in sorted(shares.items(), key=lambda item: -item[1])
        )
        found.append(
            f"{formula} is not in the data: it was replaced by what is most like it, {likest}, and its curves were "
            "moved by the ionic radii. Take them as a first guess."
        )
    return found


def of_missing(taken: Mapping[str, Sequence[Source]]) -> list[str]:
    """Return a warning for each pair that no glass of the data has; ``taken``: pair -> where its curve came from."""
    return [
        f"no glass of the data has {pair}: its curve was made of "
        f"{' and '.join(dict.fromkeys(source.pair for source in sources))}, moved by the ionic radii."
        for pair, sources in taken.items()
    ]


def of_few(numbers: Mapping[str, int]) -> list[str]:
    """Return a warning that names the pairs of which there is too little data; ``numbers``: pair -> glasses."""
    if not numbers:
        return []
    named = ", ".join(f"{pair} ({number})" for pair, number in numbers.items())
    return [f"too few glasses of the data have {named}: the mean curve is given, whatever the composition."]


def of_distance(distance: float, nearest: str, step: float) -> list[str]:
    """Return a warning for a composition far from the data; ``nearest``: glass; ``step``: usual distance, mol%."""
    if distance <= FAR:
        return []
    return [
        f"the composition is far from the data: {distance:.1f} times as far from the nearest glass ({nearest}) as "
        f"glasses of the data usually are from each other ({step:.1f} mol%). The band may be too narrow."
    ]
