"""The distributed form on real servers: pull any plug, lose nothing, and go on without a person."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import orjson
import pytest
import redis

import migrations
from models.engine import open_engine
from tests import proofs
from tests.chaos import Blows, Chaos
from tests.conduct import exported, ingest, opened, records, rows, write_jsonl
from tests.fleet import COMMAND, Fleet, crash_postgres, ended, fleet_on, lose_redis, put, put_each
from tests.servers import PostgresServer, RedisServer, free_port
from worker import app as root
from worker import inbox as boxes
from worker import pipeline, searching, tasks, watch
from worker.commands import doctor, supervise
from worker.inbox import Inbox
from worker.pulse import handed_down
from worker.watch import Watcher

PATIENCE = 60.0
"""Within so many seconds of a server's return, files must move again."""


@pytest.fixture
def box(tmp_path: Path) -> Inbox:
    """An inbox with its folders."""
    made = Inbox(tmp_path / "inbox")
    made.create()
    return made


def drop(box: Inbox, first: int, count: int) -> None:
    """Drop so many files of one article each."""
    put_each(box, records(range(first, first + count)))


def wait_for(reached: Callable[[], bool], fleet: Fleet, seconds: float = PATIENCE) -> None:
    """Wait until `reached`; fail with the ends of the logs when patience ends."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            pytest.fail(fleet.said())
        time.sleep(0.05)


# --- under fire ---------------------------------------------------------------------------------------------------


def test_under_fire_nothing_is_lost_or_doubled_and_the_stories_are_those_of_a_serial_run(
    postgres_server: PostgresServer, redis_server: RedisServer, tmp_path: Path
) -> None:
    blows = Blows(files=300, workers=2, worker_kills=4, redis_kills=1, postgres_crashes=1, flushes=1, pause=1.5)
    assert Chaos(blows, tmp_path, postgres_server, redis_server).run() == []


def test_a_file_that_kills_its_worker_is_in_quarantine_after_three_attempts_and_all_around_it_are_done(
    postgres_url: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    assert proofs.killer(tmp_path, postgres_url, redis_server, 250, 1) == []


def test_one_big_file_is_worked_off_by_all_workers_and_small_ones_need_not_wait(
    postgres_url: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    assert proofs.big(tmp_path, postgres_url, redis_server, 1_200, 2, 1) == []


def test_after_a_server_was_away_files_move_again_without_a_person(
    box: Inbox, postgres_url: str, redis_url: str, postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    """0.3 and 3 seconds here; 30 seconds, and Redis hanging instead of dying, take too long for every run."""
    port = free_port()
    with fleet_on(box, postgres_url, redis_url, 1, NEWSFOLD_METRICS_PORT=str(port)) as fleet:
        outages: list[Callable[[], None]] = [
            lambda: None,
            lambda: lose_redis(redis_server, 0.3),
            lambda: crash_postgres(postgres_server, 0.3),
            lambda: lose_redis(redis_server, 3.0),
            lambda: crash_postgres(postgres_server, 3.0),
        ]
        for number, outage in enumerate(outages):
            outage()
            drop(box, 10 * number, 10)
            wait_for(lambda number=number: ended(box) == 10 * (number + 1), fleet)  # type: ignore[misc]
        assert [process.poll() for process in fleet.processes.values()] == [None, None]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            said = answer.read().decode()
    assert 'newsfold_files{state="done"} 50.0' in said
    assert 'newsfold_articles_total{outcome="new"} 50.0' in said
    assert 'newsfold_up{part="broker"} 1.0' in said


def test_asked_to_stop_a_worker_leaves_a_big_file_to_the_next_and_nothing_counts_against_it(
    box: Inbox, postgres_url: str, redis_url: str
) -> None:
    with fleet_on(box, postgres_url, redis_url, 1) as fleet:
        engine = open_engine(postgres_url)
        put(box, "big.jsonl", b"".join(orjson.dumps(record) + b"\n" for record in records(range(3000))))
        wait_for(lambda: bool(rows(engine, "SELECT 1 AS one FROM parts WHERE position > 0")), fleet)
        fleet.processes["worker-0"].terminate()
        assert fleet.processes["worker-0"].wait(supervise.GRACE) == 0, fleet.said()
        left = rows(engine, "SELECT attempts FROM parts WHERE position < records")
        assert left
        assert all(part["attempts"] == 0 for part in left)
        fleet.tend()
        wait_for(lambda: ended(box) == 1, fleet)
        (ledger,) = rows(engine, "SELECT state, received, new FROM deliveries")
        assert ledger == {"state": "done", "received": 3000, "new": 3000}
        engine.dispose()


# --- one process --------------------------------------------------------------------------------------------------


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent, instead of sending it."""
    batches: list[str] = []
    monkeypatch.setattr(tasks.ingest, "delay", batches.append)
    return batches


def test_a_batch_is_held_by_one_at_a_time_and_by_nobody_after_a_death(box: Inbox) -> None:
    batch = claimed(box, 1)
    with boxes.hold(box, batch) as mine, boxes.hold(box, batch) as yours:
        assert (mine, yours) == (True, False)
        assert boxes.held(box, batch)
    assert not boxes.held(box, batch)
    code = "import sys, os; from pathlib import Path; from worker.inbox import Inbox, hold\n"
    code += "with hold(Inbox(Path(sys.argv[1])), sys.argv[2]) as mine: os.kill(os.getpid(), 9) if mine else None"
    assert subprocess.run([sys.executable, "-c", code, str(box.root), batch]).returncode == -signal.SIGKILL
    assert not boxes.held(box, batch)


def test_only_a_batch_that_nobody_holds_and_no_queue_can_hold_is_sent_again(
    box: Inbox, sqlite_url: str, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    held, lost = claimed(box, 1), claimed(box, 2)
    with opened(sqlite_url) as (engine, _), boxes.hold(box, held):
        monkeypatch.setattr(root, "queue_length", lambda: 10_000)
        watcher = Watcher(box, engine, 0.0)
        watcher.sweep()
        assert sent == []
        monkeypatch.setattr(root, "queue_length", lambda: 0)
        Watcher(box, engine, 0.0).sweep()
        assert sent == [lost]


def test_a_batch_that_is_lost_again_and_again_is_sent_again_at_growing_intervals(
    box: Inbox, sqlite_url: str, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed(box, 1)
    now = 1000.0
    monkeypatch.setattr(root, "queue_length", lambda: 0)
    monkeypatch.setattr(watch, "monotonic", lambda: now)
    times = []
    with opened(sqlite_url) as (engine, _):
        watcher = Watcher(box, engine, 0.0)
        for _ in range(200):
            watcher.sweep()
            if len(sent) > len(times):
                times.append(now)
            now += 1.0
    assert [b - a for a, b in pairwise(times)][:5] == [5.0, 10.0, 20.0, 30.0, 30.0]


def test_the_search_is_told_while_no_file_waits_and_in_a_backlog_every_five_minutes(
    box: Inbox, sqlite_url: str, tmp_path: Path, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    told: list[float] = []
    monkeypatch.setattr(root, "queue_length", lambda: 10_000)
    monkeypatch.setattr(watch, "monotonic", lambda: now)
    monkeypatch.setattr(tasks.search, "delay", lambda: told.append(now))
    with opened(sqlite_url) as (engine, pipe):
        watcher = Watcher(box, engine, 0.0)
        watcher.sweep()
        assert told == []  # it knows everything
        ingest(pipe, write_jsonl(tmp_path / "few.jsonl", records(range(2))))
        watcher.sweep()
        assert told == [1000.0]
        batch = claimed(box, 1)
        for _ in range(650):
            now += 1.0
            watcher.sweep()
        assert told == [1000.0, 1300.0, 1600.0]
        assert boxes.claimed_batches(box) == [batch]
        searching.fill(engine)
        watcher.sweep()
        assert told == [1000.0, 1300.0, 1600.0]


def test_a_big_file_is_worked_off_in_slices_with_the_same_result(
    box: Inbox, tmp_path: Path, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jsonl(box.incoming / "big.jsonl", records(range(60)))
    with opened(f"sqlite:///{tmp_path / 'whole.db'}") as (engine, pipe):
        list(pipe.ingest([pipeline.describe(box.incoming / "big.jsonl", "big.jsonl", None)]))
        whole = exported(engine)
    batch = boxes.claim(box, [box.incoming / "big.jsonl"])
    assert batch is not None
    monkeypatch.setattr(pipeline, "CHUNK", 16)
    monkeypatch.setattr(tasks, "SLICE", -1.0)
    monkeypatch.setattr(root, "inbox", box)
    with opened(f"sqlite:///{tmp_path / 'slices.db'}") as (engine, pipe):
        monkeypatch.setattr(root, "pipeline", lambda: pipe)
        tasks.ingest(batch)
        while sent:
            tasks.ingest(sent.pop())
        assert exported(engine) == whole
        (ledger,) = rows(engine, "SELECT state, received FROM deliveries")
        assert ledger == {"state": "done", "received": 60}
    assert not (box.processing / batch).exists()


def claimed(box: Inbox, number: int) -> str:
    """A claimed batch of one file."""
    drop(box, number, 1)
    batch = boxes.claim(box, [box.incoming / f"r{number}.json"])
    assert batch is not None
    return batch


# --- the supervisor -----------------------------------------------------------------------------------------------


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A supervisor of little patience."""
    for name, seconds in {"STILL": 0.5, "LOOK": 0.1, "GRACE": 1.0, "LONGEST_PAUSE": 0.1}.items():
        monkeypatch.setattr(supervise, name, seconds)


def supervised(code: str, waiting: int | None, seconds: float) -> int:
    """Supervise a child that runs `code` for so many seconds at most; return the supervisor's exit code."""
    stop = threading.Event()
    threading.Timer(seconds, stop.set).start()
    with handed_down() as (pulse, descriptor):
        command = [sys.executable, "-c", code]
        return supervise.Supervisor(command, pulse, descriptor, lambda: waiting).run(stop)


SAYS = "import os, time; os.write(os.open({log!r}, os.O_APPEND | os.O_CREAT | os.O_WRONLY), b'x'); "


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("does", "waiting", "starts_again"),
    [
        ("os._exit(9)", None, True),
        ("time.sleep(60)", 3, True),
        ("time.sleep(60)", 0, False),
        ("time.sleep(60)", None, False),
        ("from worker.pulse import Pulse; Pulse.inherited().work(0); time.sleep(60)", 3, False),
    ],
    ids=["it died", "tasks wait and it takes none", "nothing to do", "broker away", "busy"],
)
def test_a_worker_is_started_again_when_it_died_or_stands_still_and_only_then(
    tmp_path: Path, does: str, waiting: int | None, starts_again: bool
) -> None:
    log = tmp_path / "starts"
    assert supervised(SAYS.format(log=str(log)) + does, waiting, 4.0) == 0
    assert (len(log.read_bytes()) > 1) == starts_again


@pytest.mark.usefixtures("hasty")
def test_a_worker_that_says_it_is_misconfigured_is_believed() -> None:
    assert supervised("raise SystemExit(2)", None, 30.0) == 2


@pytest.mark.usefixtures("hasty")
def test_a_worker_that_does_not_stop_when_asked_is_stopped() -> None:
    began = time.monotonic()
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    assert supervised(code, None, 1.0) == 0
    assert time.monotonic() - began < 10


# --- what is refused, and what the doctor says --------------------------------------------------------------------


def newsfold(command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("NEWSFOLD_")}
    environment = inherited | {f"NEWSFOLD_{name}": value for name, value in settings.items()}
    return subprocess.run(
        [COMMAND, command], env=environment, capture_output=True, text=True, timeout=30, check=False
    )  # fmt: skip


@pytest.mark.parametrize("command", ["watch", "worker"])
def test_a_redis_that_may_evict_tasks_is_refused(redis_url: str, sqlite_url: str, box: Inbox, command: str) -> None:
    with redis.Redis.from_url(redis_url) as server:
        server.config_set("maxmemory", "1gb")
        server.config_set("maxmemory-policy", "allkeys-lru")
        try:
            refused = newsfold(command, DATABASE_URL=sqlite_url, BROKER_URL=redis_url, INBOX=str(box.root))
        finally:
            server.config_set("maxmemory-policy", "noeviction")
            server.config_set("maxmemory", "0")
    assert refused.returncode == 2
    assert "CONFIG SET maxmemory-policy noeviction" in refused.stderr


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"BROKER_URL": "memory://"}, "needs a broker that other processes reach"),
        ({"BROKER_URL": "amqp://x"}, "must start with memory:// or redis://"),
        ({"METRICS_PORT": "http"}, "must be a port number"),
        ({"SETTLE": "-1"}, "must be a number of seconds"),
        ({"DATABASE_URL": "mysql://u:secret@h/d"}, "keeps to sqlite and postgresql"),
    ],
)
def test_settings_that_cannot_work_are_refused_in_one_plain_line_without_a_password(
    sqlite_url: str, settings: dict[str, str], says: str
) -> None:
    refused = newsfold("watch", **({"DATABASE_URL": sqlite_url} | settings))
    assert refused.returncode == 2
    assert says in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert "secret" not in refused.stderr


def test_the_doctor_answers_in_five_seconds_when_the_servers_hang(
    box: Inbox, postgres_url: str, redis_url: str, postgres_server: PostgresServer, redis_server: RedisServer
) -> None:
    engine = open_engine(postgres_url)
    migrations.upgrade(engine)
    engine.dispose()
    hung = postgres_server.pid, redis_server.pid

    def asked() -> tuple[subprocess.CompletedProcess[str], float]:
        began = time.monotonic()
        said = newsfold("doctor", DATABASE_URL=postgres_url, BROKER_URL=redis_url, INBOX=str(box.root))
        return said, time.monotonic() - began

    _, usual = asked()
    for pid in hung:
        os.kill(pid, signal.SIGSTOP)
    try:
        said, took = asked()
    finally:
        for pid in hung:
            os.kill(pid, signal.SIGCONT)
    assert said.returncode == 1
    assert "BAD  database" in said.stdout
    assert "BAD  broker" in said.stdout
    assert "ok   inbox" in said.stdout
    assert took - usual < doctor.PATIENCE + 1.0  # whatever a start of Python takes on a busy machine
