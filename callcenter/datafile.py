"""Data files (hotlines, queues, policies): YAML checked against a pydantic model.

A complaint names the file, the line, the key and what was expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)
MAX_BYTES = 1_000_000


class DataFileError(Exception):
    """`FILE:LINE: KEY: expected …` – one line for every fault found."""


def load(path: Path, model: type[Model]) -> Model:
    """Read one file as `model`; raise DataFileError."""
    return parse(_read(path), model, name=str(path))


@dataclass(frozen=True, slots=True)
class Located:
    """A file as plain data, for a checker of its own, that knows where each part stands."""

    name: str
    data: Any
    node: yaml.Node | None

    def line(self, where: Sequence[str | int]) -> int:
        """The line of the deepest part of `where` that the file has."""
        return _line(self.node, where)


def read_located(path: Path) -> Located:
    """Read one file; raise DataFileError."""
    return located(_read(path), str(path))


def located(raw: bytes, name: str) -> Located:
    """The same for text that isn't a file; `name` stands for it in complaints."""
    node, data = _yaml(raw, name)
    return Located(name, data, node)


def parse(raw: bytes, model: type[Model], *, name: str) -> Model:
    """Check `raw` as `model`; `name` stands for the file in complaints."""
    file = located(raw, name)
    return check(file, file.data, model)


def check(file: Located, data: Any, model: type[Model]) -> Model:
    """Check `data`, which is the file's own perhaps completed by another; raise DataFileError."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise DataFileError("\n".join(_complaints(error, file.node, file.name))) from error


def _read(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataFileError(f"{path}: cannot be read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise DataFileError(f"{path}: expected at most {MAX_BYTES} bytes, found {len(raw)}")
    return raw


def _yaml(raw: bytes, name: str) -> tuple[yaml.Node | None, Any]:
    try:
        loader = yaml.SafeLoader(raw.decode("utf-8"))
        try:
            node = loader.get_single_node()
            if node is None:
                return None, None
            _refuse_tricks(node, name, seen=set(), depth=0)
            return node, loader.construct_document(node)
        finally:
            loader.dispose()
    except UnicodeDecodeError as error:
        raise DataFileError(f"{name}: expected UTF-8 text: {error.reason}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DataFileError(f"{name}:{line}: not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DataFileError(f"{name}: not YAML: {error}") from error


def _refuse_tricks(node: yaml.Node, name: str, seen: set[int], depth: int) -> None:
    """Aliases could grow a small file without bound, and a doubled key hides a fault."""
    line = node.start_mark.line + 1
    if id(node) in seen:
        raise DataFileError(f"{name}:{line}: aliases (*name) are not allowed; write it out")
    if depth > 40:
        raise DataFileError(f"{name}:{line}: nested too deeply")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if key.value in keys:
                raise DataFileError(
                    f"{name}:{key.start_mark.line + 1}: {key.value}: expected once, found twice"
                )
            keys.add(str(key.value))
            _refuse_tricks(value, name, seen, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_tricks(value, name, seen, depth + 1)


def _complaints(error: ValidationError, node: yaml.Node | None, name: str) -> list[str]:
    lines = []
    for fault in error.errors():
        where = [part for part in fault["loc"] if part != "[key]"]
        key = ".".join(map(str, where)) or "file"
        message = fault["msg"].removeprefix("Value error, ")
        found = (
            ""
            if fault["type"] in ("missing", "value_error")
            else f", found {_short(fault['input'])}"
        )
        if fault["type"] == "extra_forbidden":
            message, found = "there is no such key", ""
        elif fault["type"] == "missing":
            message, found = "this key is needed", ""
        elif fault["type"] == "value_error":
            found = ""
        elif fault["type"] == "string_pattern_mismatch":
            message = f"expected text like {fault['ctx']['pattern']}"
        lines.append(f"{name}:{_line(node, where)}: {key}: {message}{found}")
    return lines


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _line(node: yaml.Node | None, where: Sequence[str | int]) -> int:
    """The line of the deepest part of `where` that the file has."""
    line = 1 if node is None else node.start_mark.line + 1
    for part in where:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(part)]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                break
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
