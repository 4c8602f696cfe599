"""Imported by the server that `worker.forks` forks processes from: everything they need is loaded."""

from worker.pipeline import load

load()
