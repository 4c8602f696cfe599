"""The layers: each imports only what stands below it, nowhere in a circle, and nothing runs what it was given as data.

Imports inside functions count as well: a layer that reaches up late still reaches up.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("worker", "models", "migrations")

SHELL = (
    "worker.cli", "worker.commands", "worker.watch", "worker.tasks", "worker.app", "worker.crew", "worker.hands",
    "worker.forks", "worker.loaded", "worker.pulse", "worker.metrics",
)  # fmt: skip
PIPELINE = (
    "worker.pipeline", "worker.parts", "worker.leftovers", "worker.store", "worker.postings", "worker.entered",
    "worker.text_keys", "worker.key_pages", "worker.filters",
    "worker.inbox", "worker.ledger", "worker.linking", "worker.known",
    "worker.index", "worker.halved", "worker.searching", "worker.regroup", "worker.rebuild", "worker.prune",
    "worker.settings", "worker.logs",
)  # fmt: skip
SANDBOX = ("worker.sandbox", "worker.sandbox_child")
QUEUE = ("celery", "kombu", "billiard", "redis")
DATABASE = ("sqlalchemy", "alembic", "psycopg", "sqlite3")
OUTSIDE = (
    "os", "io", "pathlib", "shutil", "tempfile", "glob", "fileinput", "mmap", "subprocess", "multiprocessing",
    "socket", "ssl", "http", "urllib.request", "signal", "watchfiles", "structlog", "logging", "rich", "click",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layer:
    """Modules (or whole packages) and what none of them may import."""

    name: str
    modules: tuple[str, ...]
    forbidden: tuple[str, ...]


LAYERS = (
    Layer("shell", SHELL, ()),
    Layer("pipeline", PIPELINE, (*SHELL, *QUEUE)),
    Layer("sandbox", SANDBOX, (*SHELL, *PIPELINE, "models", "migrations", *DATABASE, *QUEUE)),
    Layer("parsing", ("worker.parsing",), (*SHELL, *PIPELINE, *SANDBOX, "models", "migrations", *DATABASE, *QUEUE)),
    Layer(
        "core",
        ("worker.core",),
        (*SHELL, *PIPELINE, *SANDBOX, "worker.parsing", "models", "migrations", *DATABASE, *QUEUE, *OUTSIDE),
    ),
    Layer("models", ("models",), ("worker", "migrations", *QUEUE)),
    Layer("migrations", ("migrations",), ("worker", *QUEUE)),
)

UNPICKLERS = ("pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib")
EVALUATORS = ("eval", "exec", "compile", "__import__")
SHELLS = ("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput")


@cache
def modules() -> dict[str, Path]:
    """Map every module of the three packages to its file."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    """Parse a source file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(module: str, path: Path) -> Iterator[tuple[str, int]]:
    """Yield (imported name, line) for every import statement at any depth: `from a import b` gives `a.b`."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def within(name: str, parents: tuple[str, ...]) -> bool:
    """Tell whether `name` is one of `parents` or stands in one."""
    return any(name == parent or name.startswith(f"{parent}.") for parent in parents)


def graph() -> dict[str, set[str]]:
    """Map every module to those of ours that it imports."""
    known = modules()
    edges: dict[str, set[str]] = {}
    for module, path in known.items():
        found = {name if name in known else name.rpartition(".")[0] for name, _ in imports(module, path)}
        edges[module] = {name for name in found if name in known and name != module}
    return edges


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Yield (dotted name, call) for every call of a plainly named function."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield ast.unparse(node.func), node


def sources() -> list[Path]:
    """List every Python file of the project, tests and benchmarks too."""
    folders = (*PACKAGES, "tests", "benchmarks", "docs", "examples")
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def test_every_module_belongs_to_one_layer() -> None:
    homes = {
        module: [layer.name for layer in LAYERS if within(module, layer.modules)]
        for module in modules()
        if module != "worker"
    }
    assert {module: layers for module, layers in homes.items() if len(layers) != 1} == {}


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_a_layer_imports_nothing_from_above(layer: Layer) -> None:
    reaching_up = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for module, path in modules().items()
        if within(module, layer.modules)
        for name, line in imports(module, path)
        if within(name, layer.forbidden)
    ]
    assert reaching_up == []


def test_no_imports_in_a_circle() -> None:
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(error.args[1]))


def test_the_core_opens_no_file() -> None:
    core = [path for module, path in modules().items() if within(module, ("worker.core",))]
    opened = [
        f"{path.relative_to(ROOT)}:{call.lineno}" for path in core for name, call in calls(path) if name == "open"
    ]
    assert opened == []


def test_nothing_runs_code_out_of_data() -> None:
    """No pickle or its kin, no eval, no command line through a shell: article text must never be able to run."""
    found = []
    for path in sources():
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        named = [(line, name) for name, line in imports(module, path) if within(name, (*UNPICKLERS, *SHELLS))]
        for name, call in calls(path):
            through_shell = any(
                keyword.arg == "shell"
                and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False)
                for keyword in call.keywords
            )
            if name in (*EVALUATORS, *SHELLS) or through_shell:
                named.append((call.lineno, name))
        found += [f"{path.relative_to(ROOT)}:{line} uses {name}" for line, name in named]
    assert found == []


def test_the_tests_above_see_imports_wherever_they_hide(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden.py"
    hidden.write_text("def late():\n    from ..tasks import ingest\n    from . import page\n    import os.path\n")
    assert dict(imports("worker.parsing.hidden", hidden)) == {
        "worker.tasks.ingest": 2,
        "worker.parsing.page": 3,
        "os.path": 4,
    }
