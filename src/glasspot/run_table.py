"""[run] of a fit or a set of glasses: where the MD runs, and what is called at the end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from glasspot.campaign.hooks import Hooks
from glasspot.execute.local import local_workers
from glasspot.execute.place import Block, Place
from glasspot.strict import Count, StrictTable

# They stand in the head of a batch script: words, and nothing that a shell would act on.
WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,:@=+/-]*")
VOLUME = re.compile(r"[a-z0-9][a-z0-9.-]*:/[A-Za-z0-9_./-]+")
WALLTIME = re.compile(r"\d{1,3}:[0-5]\d:[0-5]\d")
OF_CLUSTERS = ("partition", "account", "qos", "nodes", "cores_per_node", "cores_per_run", "memory_per_node_gb",
               "gpus_per_node", "runs_per_block", "walltime", "blocks", "setup", "options", "address", "image",
               "namespace", "volumes")  # fmt: skip
OF_KUBERNETES = ("image", "namespace", "volumes")


class RunTable(StrictTable):
    """[run]: where it runs."""

    workers: Count | None = None
    executor: Literal["local", "parsl", "slurm", "pbs", "kubernetes"] = "local"
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    nodes: Count = 1
    cores_per_node: Count | None = None
    cores_per_run: Count = 1
    memory_per_node_gb: Count | None = None
    gpus_per_node: Count | None = None
    runs_per_block: Count | None = None
    walltime: str = "04:00:00"
    blocks: Count = 1
    setup: list[str] = []
    options: list[str] = []
    address: str | None = None
    image: str | None = None
    namespace: str | None = None
    volumes: list[str] = []
    keep_folders: Annotated[bool, Field(strict=True)] = True
    on_finish: Annotated[list[str], Field(min_length=1)] | None = None
    on_failure: Annotated[list[str], Field(min_length=1)] | None = None

    @field_validator("partition", "account", "qos", "address", "image", "namespace")
    @classmethod
    def _one_word(cls, value: str | None) -> str | None:
        if value is not None and not WORD.fullmatch(value):
            raise ValueError("expected one word of letters, digits and . , : @ = + / - _")
        return value

    @field_validator("walltime")
    @classmethod
    def _hours(cls, value: str) -> str:
        if not WALLTIME.fullmatch(value):
            raise ValueError('expected hours, minutes and seconds, such as "04:00:00"')
        return value

    @field_validator("setup", "options", "on_finish", "on_failure")
    @classmethod
    def _lines(cls, value: list[str] | None) -> list[str] | None:
        if value is not None and any(not line.isprintable() for line in value):
            raise ValueError("expected one line an entry, without line breaks or control characters")
        return value

    @field_validator("on_finish", "on_failure")
    @classmethod
    def _words(cls, value: list[str] | None) -> list[str] | None:
        if value is not None and (not value[0] or any(not word.isprintable() for word in value)):
            raise ValueError("expected a program and its words, without line breaks or control characters")
        return value

    @field_validator("volumes")
    @classmethod
    def _claims(cls, value: list[str]) -> list[str]:
        if any(not VOLUME.fullmatch(volume) for volume in value):
            raise ValueError('expected the claim of a volume and where it is mounted, such as "project-data:/data"')
        return value

    @field_validator("options")
    @classmethod
    def _directives(cls, value: list[str]) -> list[str]:
        if any(not line.startswith("#") for line in value):
            raise ValueError('expected lines of the scheduler, such as "#SBATCH --hint=nomultithread"')
        return value

    @model_validator(mode="after")
    def _keys_of_the_executor(self) -> RunTable:
        given = [key for key in OF_CLUSTERS if key in self.model_fields_set]
        if self.executor in ("local", "parsl") and given:
            raise ValueError(
                f'{given[0]} is for clusters; give executor = "slurm" (or "pbs", "kubernetes") as well, or leave it out'
            )
        if self.executor in ("slurm", "pbs", "kubernetes") and self.workers is not None:
            raise ValueError(
                f'workers is for executor = "local"; with "{self.executor}" give cores_per_node, cores_per_run '
                "and blocks"
            )
        if self.executor != "kubernetes":
            wrong = next((key for key in given if key in OF_KUBERNETES), None)
            if wrong:
                raise ValueError(f'{wrong} is for executor = "kubernetes"; leave it out')
        elif self.image is None:
            raise ValueError('executor = "kubernetes" needs image, a container that has glasspot')
        return self

    def place(self, workers: int | None = None) -> Place:
        """Return where the MD runs; ``workers``: of the command line, before those of the file."""
        if self.executor in ("local", "parsl"):
            processes = workers if workers is not None else self.workers or local_workers()
            return Place(self.executor, processes, keep_folders=self.keep_folders)
        from glasspot.errors import GlasspotError

        if workers is not None:
            raise GlasspotError(
                f'--workers is for executor = "local"; [run] asks for "{self.executor}": give cores_per_node, '
                "cores_per_run and blocks there"
            )
        of_block: dict[str, Any] = {key: getattr(self, key) for key in OF_CLUSTERS if key != "blocks"}
        of_block |= {"setup": tuple(self.setup), "options": tuple(self.options), "volumes": tuple(self.volumes)}
        return Place(self.executor, blocks=self.blocks, block=Block(**of_block), keep_folders=self.keep_folders)

    def hooks(self, base: Path) -> Hooks:
        """Return what is called at the end; a program with a "/" in its name is looked for from ``base``."""
        return Hooks(_command(self.on_finish, base), _command(self.on_failure, base))


def _command(words: list[str] | None, base: Path) -> tuple[str, ...]:
    if not words:
        return ()
    program = str(base / words[0]) if "/" in words[0] else words[0]
    return (program, *words[1:])
