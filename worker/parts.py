"""One big file, worked off in parts by whoever is free.

One worker reads the file and spools its records, some hundreds to a part: a row in `parts`, and a file beside the
claimed one. Any worker takes a part that nobody holds. Who finds all of them done closes the file.

The rows are the truth. The spool only saves reading the file again: who misses a part's takes its records from the
file itself. A record that kills its worker is found, because a part that was tried before goes on record by record.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path

import structlog
from sqlalchemy import Connection, delete, func, select, update

from models.dialect import insert_new, one_of
from models.engine import look, transact
from models.tables import Delivery, Rejection
from models.tables import Part as PartRow
from worker import ledger, pipeline
from worker.core.article import Article, Rejected
from worker.core.errors import ParseError
from worker.inbox import hold_file
from worker.ledger import ATTEMPTS, GAVE_UP, Entry
from worker.pipeline import BLAMELESS, Open, Outcome, Pipeline, open_regular
from worker.sandbox import parse_lines, record_of

log = structlog.get_logger()

Record = Article | Rejected

HEAD = 512
"""Records of a file before it counts as a big one, if it does not by its size (`pipeline.BIG`)."""
RECORDS = 1024
"""Records a part: a second's work or two, so that small files need not wait long in between."""
CHARACTERS = 4 << 20
"""... and as many characters of JSON at the most."""
LOOK_AHEAD = 64
"""Parts looked at to find one that nobody holds."""


@dataclass(frozen=True, slots=True)
class Part:
    """So many records of a file, from `first` (those before it) on. All of them stored or rejected: it is done."""

    delivery_id: int
    number: int
    first: int
    records: int
    position: int = 0
    attempts: int = 0
    last: bool = False
    error: str | None = None

    @property
    def done(self) -> bool:
        """Whether nothing of it is left to do."""
        return self.position >= self.records

    def spool(self, folder: Path) -> Path:
        """Where its records are spooled, below the folder for spools."""
        return folder / f"{self.delivery_id}-{self.number:07d}.jsonl"


# --- rows ---------------------------------------------------------------------------------------------------------


def newest(connection: Connection, delivery_id: int) -> Part | None:
    """The part of a file that was spooled last."""
    query = select(PartRow.__table__).where(PartRow.delivery_id == delivery_id)
    row = connection.execute(query.order_by(PartRow.number.desc()).limit(1)).first()
    return None if row is None else Part(*row)


def undone(connection: Connection, delivery_ids: Sequence[int], limit: int | None = LOOK_AHEAD) -> list[Part]:
    """The next parts of these files that are not done."""
    mine = one_of(PartRow.delivery_id, delivery_ids)
    query = select(PartRow.__table__).where(mine, PartRow.position < PartRow.records)
    return [Part(*row) for row in connection.execute(query.order_by(PartRow.delivery_id, PartRow.number).limit(limit))]


def _add(connection: Connection, part: Part) -> None:
    names = ("delivery_id", "number", "first", "records", "position", "attempts", "last", "error")
    connection.execute(insert_new(connection, PartRow), {name: getattr(part, name) for name in names})
    progress = update(Delivery).where(Delivery.id == part.delivery_id)
    connection.execute(progress.values(attempts=1, touched_at=datetime.now(UTC)))


def _begin(connection: Connection, part: Part) -> Part:
    """Read a part as it is now, and note that it is about to be worked on."""
    here = PartRow.delivery_id == part.delivery_id, PartRow.number == part.number
    row = connection.execute(select(PartRow.__table__).where(*here)).first()
    connection.execute(update(PartRow).where(*here).values(attempts=PartRow.attempts + 1))
    return Part(*row) if row else Part(part.delivery_id, part.number, part.first, records=0)


def _take_back(connection: Connection, part: Part) -> None:
    here = PartRow.delivery_id == part.delivery_id, PartRow.number == part.number, PartRow.attempts > 0
    connection.execute(update(PartRow).where(*here).values(attempts=PartRow.attempts - 1))


# --- one reads ----------------------------------------------------------------------------------------------------


def split(pipe: Pipeline, entry: Entry, folder: Path, spooled: Callable[[Part], object]) -> None:
    """Read a big file from where it was left off and spool it in parts below `folder`; goes on after those there are.

    `spooled` hears of each part, and may raise PauseError: the rest is for the next time. Raises OSError if the spool
    cannot be written, as on a full disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = look(pipe.engine, partial(newest, delivery_id=entry.id))
    if before is not None and before.last:
        return
    number = before.number + 1 if before else 1
    first = before.first + before.records if before else entry.position
    if entry.attempts >= ATTEMPTS:
        reason = f"{GAVE_UP} to read on: each time the worker died on it"
        transact(pipe.engine, partial(_add, part=Part(entry.id, number, first, 0, last=True, error=reason)))
        return
    transact(pipe.engine, partial(ledger.count_attempt, entries=[entry]), synced=False)
    try:
        for lines, last, error in _groups(entry, first):
            part = Part(entry.id, number, first, len(lines), last=last, error=error)
            _write(part.spool(folder), lines)
            transact(pipe.engine, partial(_add, part=part), synced=False)
            number, first = number + 1, first + len(lines)
            spooled(part)
    except (*BLAMELESS, OSError):
        pipe.take_back([entry])
        raise


def _groups(entry: Entry, first: int) -> Iterator[tuple[list[bytes], bool, str | None]]:
    """Yield the records of a file past the first ones as lines, in groups: each with whether it is the last, and the
    error the file ended with."""
    lines: list[bytes] = []
    size = 0
    error = None
    try:
        with open_regular(entry.drop.file) as stream, closing(parse_lines(stream, Path(entry.drop.path).name)) as found:
            for line in islice(found, first, None):
                if len(lines) >= RECORDS or size >= CHARACTERS:
                    yield lines, False, None
                    lines, size = [], 0
                lines.append(line)
                size += len(line)
    except ParseError as problem:
        error = str(problem)
    except OSError as problem:
        error = f"cannot be read: {problem.strerror}"
    yield lines, True, error


def _write(path: Path, lines: Sequence[bytes]) -> None:
    """Write a spool, whole or not at all as far as other processes see. It need not outlive the machine's power."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(b"".join(lines))
    temporary.replace(path)


# --- all work -----------------------------------------------------------------------------------------------------


def help_with(
    pipe: Pipeline, entries: Sequence[Entry], folder: Path, progress: Callable[[int], object] = lambda articles: None
) -> bool:
    """Work off a part of these files that nobody holds; tell whether there was one."""
    by_id = {entry.id: entry for entry in entries}
    folder.mkdir(parents=True, exist_ok=True)
    waiting = look(pipe.engine, partial(undone, delivery_ids=sorted(by_id)))
    while waiting:
        part = draw(waiting)
        with hold_file(part.spool(folder)) as ours:
            if ours and work(pipe, by_id[part.delivery_id], part, folder, progress):
                part.spool(folder).unlink(missing_ok=True)
                return True
    return False


def draw(waiting: list[Part]) -> Part:
    """Take any part: what stands near in a file is often one story, and who works on that beside others waits for them
    and links it twice."""
    return waiting.pop(random.randrange(len(waiting)))  # noqa: S311 - no secret


def work(pipe: Pipeline, entry: Entry, part: Part, folder: Path, progress: Callable[[int], object]) -> bool:
    """Work off a part; return whether anything was left of it.

    One that was tried before goes on record by record, and a record that was tried three times is rejected.
    """
    part = transact(pipe.engine, partial(_begin, part=part), synced=False)
    if part.done:
        return False
    file = Open(entry, part=part.number, position=part.position)
    left = enumerate(islice(_records(entry, part, folder), part.position, None), part.first + part.position + 1)
    try:
        if part.attempts >= ATTEMPTS:
            for number, _ in islice(left, 1):
                _reject(file, number, f"{GAVE_UP}: each time the worker died on it")
                pipe.commit([file], progress)
        one_by_one = 0 < part.attempts < ATTEMPTS
        while group := list(islice(left, 1 if one_by_one else pipeline.CHUNK)):
            _commit(pipe, file, group, progress)
    except BLAMELESS:
        pipe.quickly(partial(_take_back, part=part))
        raise
    return True


def _commit(pipe: Pipeline, file: Open, group: Sequence[tuple[int, Record]], progress: Callable[[int], object]) -> None:
    """Store and link some records of a part; if they fail together, one by one, and those that fail are rejected."""
    before = file.position
    try:
        for number, record in group:
            file.position += 1
            if isinstance(record, Rejected):
                file.rejected.append((number, record.position, record.reason))
            else:
                file.waiting.append(pipe.prepare(record, file.entry))
        pipe.commit([file], progress)
    except BLAMELESS:
        raise
    except Exception as error:
        log.exception("records failed", path=file.entry.drop.path, first=group[0][0], records=len(group))
        file.position, file.waiting, file.rejected = before, [], []
        if len(group) == 1:
            _reject(file, group[0][0], pipeline.unexpected(error))
            pipe.commit([file], progress)
            return
        for one in group:
            _commit(pipe, file, [one], progress)


def _reject(file: Open, number: int, reason: str) -> None:
    file.position += 1
    file.rejected.append((number, f"record {number}", reason))


def _records(entry: Entry, part: Part, folder: Path) -> Iterable[Record]:
    """A part's records: from its spool, or where that is missing or broken from the file itself."""
    try:
        found = [record_of(line)[1] for line in part.spool(folder).read_bytes().splitlines()]
        if len(found) == part.records:
            return found
    except (OSError, ParseError):
        pass
    log.warning("spool missing, the file is read again", path=entry.drop.path, part=part.number)
    return _reread(entry, part)


def _reread(entry: Entry, part: Part) -> Iterator[Record]:
    """A part's records from the file. What was found once and cannot be read now is rejected, or it would never end.

    Not at the first attempts, which raise ParseError: it may be the machine's fault, and pass.
    """
    reached = part.first
    try:
        with closing(pipeline.records(entry, part.first)) as found:
            for reached, record in islice(found, part.records):  # noqa: B007 - the error's place
                yield record
    except ParseError as problem:
        if part.attempts + 1 < ATTEMPTS:
            raise
        for number in range(reached, part.first + part.records):
            yield Rejected(f"record {number + 1}", str(problem))


def close(pipe: Pipeline, entries: Mapping[int, Entry]) -> Iterator[Outcome]:
    """Close those of these files whose every part is done, and yield how they ended."""
    for entry in look(pipe.engine, partial(_complete, entries=entries)):
        yield from pipe.close(entry, partial(_finish, entry=entry))


def _complete(connection: Connection, entries: Mapping[int, Entry]) -> list[Entry]:
    mine = one_of(PartRow.delivery_id, sorted(entries))
    left = func.count().filter(PartRow.position < PartRow.records)
    read = func.count().filter(PartRow.last.is_(True))
    done = select(PartRow.delivery_id).where(mine).group_by(PartRow.delivery_id).having(left == 0, read == 1)
    return [entries[i] for i in sorted(connection.scalars(done))]


def _finish(connection: Connection, entry: Entry) -> str | None:
    """Bring together what the parts say of a file, and drop them."""
    last = newest(connection, entry.id)
    if last is None:  # another worker was faster
        return None
    total = last.first + last.records
    connection.execute(update(Delivery).where(Delivery.id == entry.id).values(position=total))
    connection.execute(delete(PartRow).where(PartRow.delivery_id == entry.id))
    killers = select(Rejection.record).where(Rejection.delivery_id == entry.id, Rejection.reason.like(f"{GAVE_UP}%"))
    deadly = len(connection.scalars(killers).all())
    if deadly and last.error is None:
        return f"{GAVE_UP} at {deadly} of its records: each time the worker died; all others are stored"
    return last.error
