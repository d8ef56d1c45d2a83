"""The record of a campaign in one SQLite file."""

from glasspot.store.connect import DamagedError
from glasspot.store.store import STORE_FILE, Store

__all__ = ["STORE_FILE", "DamagedError", "Store"]
