"""The peers' own virtual environment: made once, so that nothing they need gets into newsfold's."""

import json
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".venv-bench"
PYTHON = FOLDER / "bin" / "python"
REQUIREMENTS = Path(__file__).parent / "peers" / "requirements.txt"
PEERS = ("datasketch", "rensa", "gaoya", "text-dedup", "datatrove")


def prepare() -> dict[str, str]:
    """Make the environment as far as it is missing; return the version of each peer that could be installed.

    Each line of the requirements is installed by itself, wheels only: what cannot be had here keeps no other away.
    """
    stamp = FOLDER / ".installed"
    if not stamp.exists() or stamp.stat().st_mtime < REQUIREMENTS.stat().st_mtime:
        say("making .venv-bench for the peers")
        venv.create(FOLDER, with_pip=True)
        for line in REQUIREMENTS.read_text().splitlines():
            if line and not line.startswith("#"):
                _install(line.split())
        stamp.touch()
    listed = subprocess.run([PYTHON, "-m", "pip", "list", "--format", "json"], check=True, capture_output=True).stdout
    versions = {package["name"].lower(): package["version"] for package in json.loads(listed)}
    return {name: versions[name] for name in PEERS if name in versions}


def _install(packages: list[str]) -> None:
    say(f"  {' '.join(packages)}")
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "-q", "install", "--only-binary", ":all:"]
    done = subprocess.run([*command, *packages], check=False, capture_output=True, text=True)
    if done.returncode:
        say(f"  cannot be installed here: {done.stderr.strip().splitlines()[-1]}")


def say(line: str) -> None:
    """Tell whoever watches how far it is."""
    print(line, file=sys.stderr, flush=True)
