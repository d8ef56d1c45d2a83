"""The command line: parse, call, print. Heavy imports wait inside the command that needs them."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from glasspot import __version__
from glasspot.errors import GlasspotError
from glasspot.kept_code import trouble

LONGEST_LINE = 4000  # characters of a message; the end of a program's log is below it
DESCRIPTION = """\
From targets (experiment or ab initio) to a validated interatomic potential for a glass,
and from potentials to glass structures."""

EPILOG = """\
examples:
  glasspot fit examples/silica/fit.toml      fit a silica potential to the ab initio liquid, with a report
  glasspot status runs/silica                how far the fit is
  glasspot watch runs/silica                 the same and more as a page in your browser, kept up to date
  glasspot stop runs/silica                  end it cleanly; --resume goes on
  glasspot repair runs/silica                save what is good in a damaged store
  glasspot quench examples/quench/silica.toml  make a glass by melt and quench
  glasspot analyse glass.extxyz              g(r), coordination, angles, Qn, rings, S(Q)
  glasspot landscape examples/silica/fit.toml --axes charge.Si Si-O.rho --out map   the cost over two parameters
  glasspot surrogate runs/borosilicate       what a fit to many glasses has learned of them
  glasspot distill dft.extxyz                which frames of ab initio data are worth keeping
  glasspot fit-mlip dft.extxyz               a machine-learned potential from them
  glasspot pcf predict model "90 SiO2 10 BaO"  g(r) of a glass from its composition, by a trained model
  glasspot potentials show BKS               a published potential: numbers, source, cautions

Exit codes: 0 done, 1 the run failed (the message says why), 2 bad input (the message says how to mend it),
130 ended by Ctrl-C or glasspot stop, 143 by SIGTERM (what was finished is kept)."""


class Parser(argparse.ArgumentParser):
    """A parser that says a mistake in one line, as every command does, in place of argparse's long usage."""

    def error(self, message: str) -> NoReturn:
        """Print the mistake and the help to ask for; exit code 2."""
        self.exit(2, f"glasspot: {one_line(message)}; see {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with every command; imports nothing heavy."""
    from glasspot.cli import (
        analyse,
        distill,
        fit,
        fit_mlip,
        ladder,
        landscape,
        pcf,
        potentials,
        quench,
        repair,
        report,
        status,
        stop,
        surrogate,
        test_mlip,
        watch,
    )

    parser = Parser(
        prog="glasspot", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"glasspot {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    for module in (
        fit,
        ladder,
        landscape,
        surrogate,
        status,
        watch,
        stop,
        repair,
        report,
        quench,
        analyse,
        potentials,
        distill,
        fit_mlip,
        test_mlip,
        pcf,
    ):
        command = commands.add_parser(
            module.__name__.rpartition(".")[2].replace("_", "-"),
            help=module.HELP,
            description=module.DESCRIPTION,
            epilog=module.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(run=module.run)
        module.add_arguments(command)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a user's mistake is one line on stderr, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without an accent shows "?", and goes on
    args = build_parser().parse_args(argv)
    try:
        return int(args.run(args))
    except GlasspotError as error:
        print(f"glasspot: {one_line(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as told:  # by Ctrl-C, a signal, or glasspot stop
        code = getattr(told, "exit_code", None)
        further = "" if code is None else ", and --resume goes on"
        print(f"glasspot: {str(told) or 'interrupted'}; what was finished is kept{further}.", file=sys.stderr)
        return 130 if code is None else int(code)
    except BrokenPipeError:
        # The reader (head, less) has gone. Without this the interpreter would say so when it flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # What no command foresaw: a name too long, a full disk, a device that is gone.
        place = f"{error.filename}: " if error.filename is not None else ""
        print(f"glasspot: {one_line(f'{place}{error.strerror or error}')}. Mend that and try again.", file=sys.stderr)
        return 2
    except Exception as error:
        if not (message := trouble(error)):
            raise
        print(f"glasspot: {one_line(message)}", file=sys.stderr)
        return 2


def one_line(text: str) -> str:
    """Return a message as one line that a terminal only prints: what a file holds must not break, colour, flood it."""
    joined = " ".join(text.split())
    if len(joined) > LONGEST_LINE:
        joined = f"{joined[: LONGEST_LINE // 2]} ... {joined[-LONGEST_LINE // 2 :]}"
    return "".join(character if character.isprintable() else "?" for character in joined)
