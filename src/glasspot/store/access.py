"""Short transactions on a store: each reads one moment of it, or writes whole or not at all; errors become clear."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from glasspot.errors import GlasspotError
from glasspot.store.connect import (
    PATIENCE_S,
    READER_PATIENCE_S,
    DamagedError,
    is_damage,
    is_half_written,
    looking_again,
    patiently,
    settle,
)
from glasspot.store.rows import Seal
from glasspot.store.schema import PUT_SEAL

Answer = TypeVar("Answer")


class Access:
    """The transactions of a connection to the store at ``path``.

    renew: of a reader, gives it a new connection, which has forgotten what the old one has read. Raises GlasspotError.
    """

    def __init__(
        self, connection: sqlite3.Connection, path: Path, renew: Callable[[], sqlite3.Connection] | None = None
    ) -> None:
        self.connection = connection
        self.path = path
        self._renew = renew
        self._doubted = False  # the last thing that was read made no sense

    def rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a statement; inside a transaction."""
        return self.connection.execute(statement, values).fetchall()

    def seal(self) -> Seal:
        """Return the seal; ValueError where it is damaged or gone. Inside a transaction."""
        rows = self.rows("SELECT content FROM seal WHERE id = 1")
        if not rows:
            raise ValueError("the seal is gone")
        return Seal.decode(rows[0][0])

    def reading(self, read: Callable[[], Answer]) -> Answer:
        """Return what ``read`` gives; DamagedError where it raises ValueError, or SQLite cannot make sense of the file.

        Short, so that a driver on another machine need not wait for this reader.
        """
        if self._renew is None:
            return self._read(read)
        try:
            return looking_again(self.path, lambda: self._look(read))
        except GlasspotError:
            self._renew = None  # it stays so: other damage is believed at once
            raise

    def _look(self, read: Callable[[], Answer]) -> Answer:
        """Read; on a new connection where the last try made no sense."""
        if self._doubted and self._renew is not None:
            fresh = self._renew()
            self.connection.close()
            self.connection, self._doubted = fresh, False
        try:
            return self._read(read)
        except GlasspotError:
            self._doubted = True
            raise

    def _read(self, read: Callable[[], Answer]) -> Answer:
        try:
            try:
                return patiently(lambda: self._once(read), READER_PATIENCE_S)
            except sqlite3.OperationalError as error:
                if not is_half_written(error):
                    raise
                settle(self.path, error)  # a driver was killed while this reader looked
                return patiently(lambda: self._once(read), READER_PATIENCE_S)
        except sqlite3.Error as error:
            raise unreadable(self.path, error) from error
        except ValueError as error:
            raise DamagedError(self.path, error) from error

    @contextmanager
    def sealing(self) -> Iterator[Seal]:
        """Write in one transaction; the seal, changed as the rows are, goes with it."""
        with self.writing():
            seal = self.seal()
            before = seal.encode()
            yield seal
            if seal.encode() != before:
                self.connection.execute(PUT_SEAL, (seal.encode(),))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write in one transaction, which is on the disk when this ends."""
        try:
            patiently(lambda: self.connection.execute("BEGIN IMMEDIATE"), PATIENCE_S)
            yield
            patiently(lambda: self.connection.execute("COMMIT"), PATIENCE_S)
        except ValueError as error:
            raise DamagedError(self.path, error) from error
        except sqlite3.Error as error:
            if is_damage(error):
                raise DamagedError(self.path, error) from error
            raise GlasspotError(
                f"the store {self.path} cannot be written ({error}); is the disk full, the folder read-only, or its "
                "file server away? What was finished is kept; mend it and use --resume"
            ) from error
        finally:
            self._undo()  # left in the middle (Ctrl-C, say): must not stand in the way of the next write

    def _once(self, read: Callable[[], Answer]) -> Answer:
        self.connection.execute("BEGIN")
        try:
            answer = read()
            self.connection.execute("COMMIT")
            return answer
        finally:
            self._undo()

    def _undo(self) -> None:
        if self.connection.in_transaction:
            with suppress(sqlite3.Error):
                self.connection.rollback()


def unreadable(path: Path, error: sqlite3.Error) -> GlasspotError:
    """Return what to tell of an error while reading."""
    if is_damage(error):
        return DamagedError(path, error)
    return GlasspotError(f"the store {path} cannot be read ({error}); is it busy, or its disk in trouble? Try again")
