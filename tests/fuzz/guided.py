"""Coverage-guided fuzzing of the parsers, by atheris (libFuzzer).

    python tests/fuzz/guided.py list
    python tests/fuzz/guided.py composition --seconds 600 --corpus fuzz
    python tests/fuzz/guided.py all --seconds 3600 --corpus fuzz
    python tests/fuzz/guided.py composition --again fuzz/crashes/composition/crash-1f2e3d4c

``--corpus`` keeps what reached new code, so that the next time goes on from there; crashes/ in it keeps the inputs that
broke something, and record.json the figures. The exit code is 1 where something broke.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1] / "src"
SLOWEST, LARGEST_MB, LONGEST = 10, 2048, 200_000  # s and MB of one input, bytes of one
CHANGED = 0.7  # the share of inputs that are changed by what they mean, not by their bytes
CRASHES = "crashes"


def main() -> int:
    """Fuzz one target, or all one after the other, each in a process of its own."""
    sys.path[:0] = [str(HERE), str(HERE.parent)]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", help="a name of the list, or: list, all")
    parser.add_argument("--seconds", type=int, default=600, help="of all targets together")
    parser.add_argument("--corpus", type=Path, default=Path("fuzz"), help="folder for what is found")
    parser.add_argument("--seed", type=int, default=0, help="of the random changes; 0: another one each time")
    parser.add_argument("--again", type=Path, help="try this one input and show what comes of it")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()

    from fuzz_targets import TARGETS

    names = list(TARGETS) if args.target == "all" else args.target.split(",")
    if args.target == "list":
        print("\n".join(f"{name:16} {target.parse.__doc__}" for name, target in TARGETS.items()))
        return 0
    if unknown := [name for name in names if name not in TARGETS]:
        parser.error(f"there is no target {unknown[0]}; see: guided.py list")
    if args.again is not None:
        return _again(names[0], args.again)
    if args.inside is not None:
        return _inside(names[0], args)
    for name in names:
        _fuzz(name, max(1, args.seconds // len(names)), args.corpus, args.seed)
    broken = sorted((args.corpus / CRASHES).glob("*/*"))
    for path in broken:
        print(f"broken: {path}")
    return 1 if broken else 0


def _fuzz(name: str, seconds: int, corpus: Path, seed: int) -> None:
    """Fuzz a target for its time; a process that libFuzzer ends (an input that hangs) is followed by another one."""
    crashes = corpus / CRASHES / name
    crashes.mkdir(parents=True, exist_ok=True)
    known = {path.name for path in crashes.iterdir()}
    end = time.monotonic() + seconds
    runs, found = 0, {"coverage": 0, "corpus": 0}
    while (left := int(end - time.monotonic())) > 0:
        command = [sys.executable, __file__, name, "--seconds", str(left), "--corpus", str(corpus)]
        with tempfile.TemporaryDirectory(prefix="glasspot-fuzz-") as folder:
            command += ["--seed", str(seed), "--inside", folder]
            done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace")
        runs += _number(r"stat::number_of_executed_units:\s+(\d+)", done.stderr)
        found["coverage"] = max(found["coverage"], _number(r".*cov: (\d+)", done.stderr))
        found["corpus"] = max(found["corpus"], _number(r".*corp: (\d+)", done.stderr))
        if done.returncode:
            print(done.stderr[-3000:], flush=True)
        if done.returncode and "INITED" not in done.stderr and not {p.name for p in crashes.iterdir()} - known:
            (crashes / "not-begun.txt").write_text(done.stderr)
            break
    new = sorted({path.name for path in crashes.iterdir()} - known)
    record = {"target": name, "seconds": seconds, "executions": runs, **found, "broken": new, "at": time.time()}
    with (corpus / "record.json").open("a") as handle:
        handle.write(json.dumps(record) + "\n")
    print(f"{name:16} {seconds:5d} s {runs:9d} executions, coverage {found['coverage']}, {len(new)} broken", flush=True)


def _number(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def _inside(name: str, args: argparse.Namespace) -> int:
    """Fuzz in this process; libFuzzer ends it."""
    import atheris

    # numba compiles these modules, and cannot compile what atheris has put into them.
    compiled = [path for path in (SOURCE / "glasspot").rglob("*.py") if re.search(r"numba|llvmlite", path.read_text())]
    excluded = [".".join(path.relative_to(SOURCE).with_suffix("").parts) for path in compiled]
    import numpy  # noqa: F401 - what is imported before is not instrumented

    with atheris.instrument_imports(include=["glasspot"], exclude=excluded):
        import fuzz_targets

    target, folder = fuzz_targets.TARGETS[name], fuzz_targets.make_folder(args.inside)
    own = args.corpus / name
    own.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=["glasspot"], exclude=excluded):
        for number, sample in enumerate(target.samples()):
            (own / f"sample-{number:02d}").write_bytes(sample)
            target.try_one(sample, folder)
    crashes, seen = args.corpus / CRASHES / name, set()

    def try_one(data: bytes) -> None:
        try:
            target.try_one(data, folder)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            place = _place(error)
            if place not in seen:  # the same mistake is not told a thousand times
                seen.add(place)
                mark = hashlib.sha256("|".join(place).encode()).hexdigest()[:8]
                (crashes / f"crash-{mark}").write_bytes(data)
                sys.stderr.write("".join(traceback.format_exception(error)[-8:])[-2500:] + "\n")
                print(
                    f"{name}: broken by {data[:200]!r}\n{''.join(traceback.format_exception(error)[-6:])[-2000:]}",
                    flush=True,
                )

    def change(data: bytes, size: int, seed: int) -> bytes:
        chance = Random(seed)
        if chance.random() < CHANGED:
            changed = target.change(data, chance)
            if changed is not None and len(changed) <= size:
                return changed
        return bytes(atheris.Mutate(data, size))

    options = [
        f"-max_total_time={args.seconds}", f"-timeout={SLOWEST}", f"-rss_limit_mb={LARGEST_MB}", f"-max_len={LONGEST}",
        f"-artifact_prefix={crashes}/", "-print_final_stats=1", "-len_control=0", "-detect_leaks=0",
        f"-seed={args.seed}", str(own),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], try_one, custom_mutator=change)
    atheris.Fuzz()
    return 0


def _place(error: BaseException) -> tuple[str, ...]:
    """Return what kind of error it is and where in glasspot it came from."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "glasspot" in f.filename or "fuzz_" in f.filename]
    return (type(error).__name__, *(f"{Path(f.filename).name}:{f.lineno}" for f in frames[-2:]))


def _again(name: str, path: Path) -> int:
    from fuzz_targets import TARGETS, make_folder

    TARGETS[name].samples()  # some write files, which an input may not
    with tempfile.TemporaryDirectory() as folder:
        print(repr(TARGETS[name].try_one(path.read_bytes(), make_folder(Path(folder)))))
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    sys.exit(main())
