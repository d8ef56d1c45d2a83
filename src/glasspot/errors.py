"""The one exception that a user is meant to see, and the hint for a misspelt word."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class GlasspotError(Exception):
    """A mistake a user can mend. The message says what was given, what was expected and how to mend it."""

    exit_code = 2


class RunFailedError(GlasspotError):
    """The input was fine, but a run could not be finished. The message says why and what is kept."""

    exit_code = 1


def check_keys(given: Iterable[str], known: Iterable[str], where: str, needed: Iterable[str] = ()) -> None:
    """Raise GlasspotError for a key that is not ``known``, with a hint, or for one that is ``needed`` and not given."""
    given, known = tuple(given), tuple(known)
    for key in given:
        if key not in known:
            raise GlasspotError(
                f'{where}: unknown key "{key}"; expected one of {", ".join(known)}.{did_you_mean(str(key), known)}'
            )
    for key in needed:
        if key not in given:
            raise GlasspotError(f'{where}: the key "{key}" is missing.')


def check_choice(value: str, options: Iterable[str], what: str) -> None:
    """Raise GlasspotError, with a hint, when ``value`` is not among the ``options``; ``what`` names it."""
    options = tuple(options)
    if value not in options:
        raise GlasspotError(
            f'{what} is "{value}"; expected one of {", ".join(options)}.{did_you_mean(str(value), options)}'
        )


def is_shown_as_written(text: str) -> bool:
    """Tell whether ``text``, of one or more lines, has no control character that would steer what shows it."""
    return all(character.isprintable() or character in "\n\t" for character in text)


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """Return ``' Did you mean "x"?'`` for the closest option, or an empty string when none is close."""
    by_lower = {option.lower(): option for option in options}
    close = get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.6)
    return f' Did you mean "{by_lower[close[0]]}"?' if close else ""
