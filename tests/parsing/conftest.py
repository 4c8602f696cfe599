"""Fixtures for the parsers: read bytes the way the pipeline does, and files written for these tests."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from worker.core.article import Article, Rejected
from worker.parsing import parse_with_format

Read = Callable[..., list[Article | Rejected]]


@pytest.fixture
def read() -> Read:
    """Everything a file holds; `formats=True` gives pairs with the path of formats."""

    def read_all(data: bytes, name: str = "file", *, formats: bool = False) -> list:
        pairs = list(parse_with_format(io.BytesIO(data), name))
        return pairs if formats else [item for _, item in pairs]

    return read_all


@pytest.fixture
def sample() -> Callable[[str], bytes]:
    """The bytes of a file under `data/`."""
    return lambda name: (Path(__file__).parent / "data" / name).read_bytes()
