"""On what kind of disk a folder lies: SQLite's quickest journal needs memory shared by all who look at the file."""

from __future__ import annotations

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
# Only these are known to be of one machine. Every other kind (NFS, Lustre, GPFS, BeeGFS, CephFS, FUSE ...) may be seen
# from several, and is treated so.
LOCAL = frozenset({
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "bcachefs", "nilfs2", "tmpfs", "ramfs",
    "overlay", "overlayfs", "aufs",
})  # fmt: skip


def is_local(folder: Path) -> bool:
    """Tell whether a folder lies on a file system of this machine alone; False where that cannot be known."""
    return file_system(folder) in LOCAL


def file_system(folder: Path) -> str:
    """Return the type of the file system on which a folder lies, such as "ext4"; "" where it cannot be known."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    place = folder.resolve()
    found, depth = "", -1
    for line in lines:
        words = line.split(" ")
        if len(words) < 3:
            continue
        mounted = Path(_plain(words[1]))
        # Of several on one another the last hides the others.
        if (place == mounted or mounted in place.parents) and len(mounted.parts) >= depth:
            found, depth = words[2], len(mounted.parts)
    return found


def _plain(name: str) -> str:
    """Return a path as it is: blanks and the like are written there as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), name)
