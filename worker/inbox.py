"""The inbox on disk: what counts as complete, claims by rename, and where files end.

    incoming/<source>/…  →  processing/<batch>/<source>/…  →  done/YYYY-MM-DD/<source>/…  |  failed/<source>/…

Every step is one rename, so a file is always in exactly one place, whatever dies. A batch is a folder of claimed
files; its name is all a task carries.
"""

import errno
import fcntl
import itertools
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

JUNK = {"thumbs.db", "desktop.ini", ".ds_store"}
UNFINISHED = (".tmp", ".part", ".filepart", ".partial", ".crdownload")
BATCH_FILES = 250
"""Files of a batch: done in a second, and enough to share the cost of its transactions,"""
SHARES = 4
MOST_FILES = 1_000
"""or a share of what is left of a backlog, up to so many: who waits for seconds anyway shares more of it."""
BATCH_BYTES = 8 << 20
LOCK = ".lock"
"""Lies in a batch's folder; whoever works on the batch holds it. Hidden, so no file dropped has this name."""
HELPERS = ".helpers"
"""Beside it; held, together, by all who work on parts of the batch's big files."""
PARTS = ".parts"
"""The folder for their spools."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """The four folders under one root."""

    root: Path

    @property
    def incoming(self) -> Path:
        """Where people drop files."""
        return self.root / "incoming"

    @property
    def processing(self) -> Path:
        """Claimed files, one folder a batch."""
        return self.root / "processing"

    @property
    def done(self) -> Path:
        """Files whose every record is accounted for."""
        return self.root / "done"

    @property
    def failed(self) -> Path:
        """Files that could not be read, each with its reason beside it."""
        return self.root / "failed"

    def create(self) -> None:
        """Make the folders that are missing."""
        for folder in (self.incoming, self.processing, self.done, self.failed):
            folder.mkdir(parents=True, exist_ok=True)


def wanted(name: str) -> bool:
    """Tell a news file from what desktops, FTP servers and rsync leave beside it."""
    lower = name.lower()
    return not (name.startswith((".", "~$")) or lower in JUNK or lower.endswith(UNFINISHED))


def walk(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield the regular files below `folder`, in name order; links, devices and pipes are never followed."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if not wanted(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from walk(Path(entry.path))
            continue
        with suppress(FileNotFoundError):
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                yield Path(entry.path), status


def complete(inbox: Inbox, settle: float) -> Iterator[tuple[Path, int]]:
    """Yield (path, bytes) of the dropped files nobody is writing any more.

    A file is complete when it has not been written for `settle` seconds; one that arrives by rename brings its old
    mtime along and is complete at once. A clock that runs ahead (a network share's) only costs waiting.
    """
    now = time.time()
    for path, status in walk(inbox.incoming):
        if now - status.st_mtime >= settle:
            yield path, status.st_size


def batches(files: Sequence[tuple[Path, int]]) -> Iterator[list[Path]]:
    """Cut files into batches: small ones together, so that a task is worth its message; a big one alone."""
    batch: list[Path] = []
    total = 0
    left = len(files)
    for path, size in files:
        if batch and (len(batch) >= min(max(BATCH_FILES, left // SHARES), MOST_FILES) or total + size > BATCH_BYTES):
            yield batch
            left -= len(batch)
            batch, total = [], 0
        batch.append(path)
        total += size
    if batch:
        yield batch


def claim(inbox: Inbox, files: Sequence[Path]) -> str | None:
    """Move files into a new batch; return its name, or None when all of them were gone before us."""
    batch = f"{int(time.time() * 1000):013d}-{secrets.token_hex(4)}"
    incoming, folder = inbox.incoming, inbox.processing / batch
    made: set[Path] = set()
    claimed = 0
    for path in files:
        target = folder / path.relative_to(incoming)
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        with suppress(FileNotFoundError):
            path.rename(target)
            claimed += 1
    if not claimed:
        _remove_empty(folder)
        return None
    return batch


def claimed_at(claim: str) -> float:
    """When a batch was claimed, in seconds since 1970, from its name or a claim's; 0 for what is no batch's name."""
    start = claim.partition("-")[0]
    return int(start) / 1000 if len(start) == 13 and start.isdecimal() else 0.0


def claimed_batches(inbox: Inbox) -> list[str]:
    """Name the batches that are not finished, oldest first."""
    return sorted(entry.name for entry in os.scandir(inbox.processing) if entry.is_dir(follow_symlinks=False))


@contextmanager
def hold(inbox: Inbox, batch: str) -> Iterator[bool]:
    """Hold a batch while working on it; yields whether it is ours. It is not when another holds it, or it is gone.

    The kernel lets go when the holder dies, however it dies: so a batch that nobody holds is nobody's work, and no
    clock is needed to say so. A file system without locks lets everybody in: work done twice changes nothing.
    """
    with hold_file(inbox.processing / batch / LOCK) as ours:
        yield ours


@contextmanager
def hold_file(path: Path, mode: int = fcntl.LOCK_EX) -> Iterator[bool]:
    """The same for one file, which is made if it is missing; not ours if its folder is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _locked(descriptor, mode)
    finally:
        os.close(descriptor)


@contextmanager
def helping(inbox: Inbox, batch: str) -> Iterator[Path]:
    """Be seen to work on parts of a batch; yields the folder for their spools."""
    folder = inbox.processing / batch
    with hold_file(folder / HELPERS, fcntl.LOCK_SH):
        yield folder / PARTS


def held(inbox: Inbox, batch: str) -> bool:
    """Tell whether somebody works on a batch now."""
    return any(_held(inbox.processing / batch / name) for name in (LOCK, HELPERS))


def _held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _locked(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, mode: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
            raise
    return True


def batch_files(inbox: Inbox, batch: str) -> list[tuple[Path, Path]]:
    """List a batch's files as (where it lies, path as it was dropped); empty when another worker was faster."""
    folder = inbox.processing / batch
    return [(path, path.relative_to(folder)) for path, _ in walk(folder)]


def finish(inbox: Inbox, path: Path, relative: Path, error: str | None, now: datetime) -> None:
    """Move a claimed file to its end, never over another; a failed one gets `NAME.error.json` beside it.

    Does nothing when another worker has moved it already.
    """
    folder = inbox.failed if error is not None else inbox.done / f"{now.astimezone(UTC):%Y-%m-%d}"

    def report(end: Path) -> None:
        if error is not None:
            beside = end.with_name(_fitting(end.name, ".error.json"))
            temporary = beside.with_name(f".{secrets.token_hex(8)}.tmp")
            reason = {"file": printable(relative), "error": error, "failed_at": now.isoformat()}
            temporary.write_bytes(orjson.dumps(reason, option=orjson.OPT_INDENT_2) + b"\n")
            temporary.replace(beside)

    with suppress(FileNotFoundError):
        _move(path, folder / relative, report)


def clear(inbox: Inbox, batch: str) -> bool:
    """Remove a batch's folders when no file is left in them; return whether they are gone."""
    folder = inbox.processing / batch
    if next(walk(folder), None) is None:
        shutil.rmtree(folder / PARTS, ignore_errors=True)
        for name in (LOCK, HELPERS):
            (folder / name).unlink(missing_ok=True)
        _remove_empty(folder)
    return not folder.exists()


def give_back(inbox: Inbox, path: Path) -> Path:
    """Move a failed file back into `incoming/` and forget its report (`newsfold retry`)."""
    back = _move(path, inbox.incoming / path.relative_to(inbox.failed))
    path.with_name(_fitting(path.name, ".error.json")).unlink(missing_ok=True)
    return back


def printable(path: Path) -> str:
    """Spell a path so that any database and terminal takes it: bytes that are no UTF-8 and controls escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def _move(path: Path, target: Path, arrived: Callable[[Path], None] = lambda end: None) -> Path:
    """Move a file to `target` or, if that is taken, beside it; `arrived` is told where, before the old place goes."""
    for number in itertools.count():
        free = target if number == 0 else target.with_name(_fitting(target.name, f"~{number}"))
        try:
            # A link fails where a rename would overwrite. Dying between link and unlink leaves one file under two
            # names, which the next sweep recognises.
            _link(path, free)
        except FileExistsError:
            if free.samefile(path):
                arrived(free)
                path.unlink()
                return free
            continue
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EXDEV, errno.ENOSYS, errno.EMLINK):
                raise
            if free.exists():  # a file system without hard links: check, then rename
                continue
            free.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, free)
            arrived(free)
            return free
        arrived(free)
        path.unlink()
        return free
    raise AssertionError("unreachable: itertools.count does not end")


def _link(path: Path, free: Path) -> None:
    try:
        os.link(path, free, follow_symlinks=False)
    except FileNotFoundError:  # the folder is missing, most likely
        free.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, free, follow_symlinks=False)


def _fitting(name: str, suffix: str) -> str:
    # 255 bytes is what common file systems take for a name.
    raw = os.fsencode(name)[: 255 - len(suffix)]
    return os.fsdecode(raw) + suffix


def _remove_empty(folder: Path) -> None:
    for place, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(place).rmdir()
