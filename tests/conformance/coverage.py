"""What the controller and the dialplan say to a switch, read from their sources; and what the
transcripts show of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from conformance import transcript

ROOT = Path(__file__).resolve().parents[2]
CONTROLLER = ROOT / "callcenter"
NO_SWITCH = ("sipp.py", "adapters.py", "intake_mail.py")  # SIPp, mail and SMS
DIALPLAN = ROOT / "freeswitch-conf" / "dialplan"

# Functions whose first argument is said to the switch.
_COMMANDS = {"api", "ask", "bgapi", "run_job", "_quietly"}
_APPLICATIONS = {"execute", "start", "call_command"}
_SOCKET = {"request", "send", "request_all", "exchange", "post"}

# switch_event.c, EVENT_NAMES: those that tell of calls, jobs and the switch itself.
_EVENT = re.compile(
    r"\b(?:CHANNEL_[A-Z_]+|(?:RECORD|PLAYBACK|MEDIA_BUG)_(?:START|STOP)|CALL_UPDATE|DTMF|HEARTBEAT"
    r"|SESSION_HEARTBEAT|BACKGROUND_JOB|RELOADXML|STARTUP|NOTALK)\b"
)
_SUBCLASS = re.compile(r"\b[a-z_]+::[a-z_-]+\b")
_WORD = re.compile(r"[a-z][a-z0-9_]*")
# Commands whose second word says what they do.
_WITH_OBJECT = {"show", "sofia", "conference", "fsctl", "xml_locate", "local_stream"}

Uses = dict[str, set[str]]  # what is used -> where


def uses() -> Uses:
    """`command uuid_kill`, `application playback`, `event DTMF` …, and who uses it."""
    found: Uses = {}
    for path in _sources():
        where = str(path.relative_to(ROOT))
        for use in _uses_of(ast.parse(path.read_text("utf-8"))):
            found.setdefault(use, set()).add(where)
    for path in sorted(DIALPLAN.glob("*.xml")):
        for action in ElementTree.parse(path).iter("action"):
            use = f"application {action.get('application')}"
            found.setdefault(use, set()).add(str(path.relative_to(ROOT)))
    return found


def _sources() -> list[Path]:
    """The controller's modules, but for measurements (which ask other switches other things) and
    those that speak to what is no switch."""
    found = sorted(CONTROLLER.rglob("*.py"))
    return [path for path in found if "bench" not in path.parts and path.name not in NO_SWITCH]


def _uses_of(tree: ast.Module) -> Iterator[str]:
    documentation = {id(text) for text in _docstrings(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _said(node)
        elif isinstance(node, ast.Constant) and id(node) not in documentation:
            yield from _named(str(node.value))


def _said(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    arguments = call.args
    if name == "spawn" and arguments and isinstance(arguments[0], ast.Attribute):
        name, arguments = arguments[0].attr, arguments[1:]
    first = arguments[0] if arguments else None
    for each in first.elts if isinstance(first, ast.List) else [first]:
        yield from _one_said(name, _beginning(each) if each is not None else "")


def _one_said(name: str, text: str) -> Iterator[str]:
    words = text.split()
    if not words or not _WORD.fullmatch(words[0]):
        return
    if name in _COMMANDS:
        yield f"command {command_of(text)}"
    elif name in _APPLICATIONS:
        yield f"application {words[0]}"
    elif name in _SOCKET and words[0] == "api" and len(words) > 1 and words[1] != "…":
        yield f"command {command_of(text.partition(' ')[2])}"
    elif name in _SOCKET and words[0] != "api":
        yield f"command {words[0]}"


def _beginning(node: ast.expr) -> str:
    """The constant text that an expression begins with."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_beginning(part) or " … " for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _named(text: str) -> Iterator[str]:
    for event in _EVENT.findall(text):
        yield f"event {event}"
    for subclass in _SUBCLASS.findall(text):
        yield f"event {subclass}"
    if text.startswith("uuid_"):
        yield f"command {command_of(text)}"


def _docstrings(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr):
                yield first.value


def command_of(text: str) -> str:
    """A command's name: its first word, or two where the second one says what is done."""
    words = text.split()
    return " ".join(words[:2]) if words[0] in _WITH_OBJECT else words[0]


def headers_read() -> Uses:
    """Headers and variables (`variable_…`) of events that the controller reads."""
    found: Uses = {}
    for path in _sources():
        where = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for name in _read(node):
                found.setdefault(name, set()).add(where)
    return found


_HEADER = re.compile(r"[A-Z][A-Za-z]*(?:-[A-Z][A-Za-z]*)+|(?:from|to)-(?:user|host)")


def _read(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        text = _beginning(node.args[0])
        if node.func.attr == "variable" and _WORD.fullmatch(text.lower()):
            yield f"variable_{text}"
        elif node.func.attr == "get" and _HEADER.fullmatch(text):
            yield text
    elif isinstance(node, ast.Subscript):
        text = _beginning(node.slice)
        if _HEADER.fullmatch(text):
            yield text


def covered() -> set[str]:
    """What the transcripts of FreeSWITCH contain."""
    found: set[str] = set()
    for path in transcript.FOLDER.glob("*.json"):
        told = transcript.load(path.stem)
        for _who, what, _answer in told["steps"]:
            found |= set(_shown_by(what))
        for lines in told["channels"].values():
            found |= {use for line in lines for use in _told_by(line[0], line[1])}
        for lines in told["heard"].values():
            found |= {f"event {line[0]}" for line in lines}
        for name, facts in told["others"]:
            found |= set(_told_by(name, facts))
    return found


def _shown_by(step: str) -> Iterator[str]:
    for prefix in ("bgapi ", "api "):
        if step.startswith(prefix):
            yield f"command {command_of(step.removeprefix(prefix))}"
    if step and _WORD.match(step):
        yield f"command {step.split()[0]}"
    if step in ("HEARTBEAT",):
        yield f"event {step}"
    if step == "the job's event":
        yield "event BACKGROUND_JOB"


def _told_by(name: str, facts: dict[str, str]) -> Iterator[str]:
    yield f"event {name}"
    if "Event-Subclass" in facts:
        yield f"event {facts['Event-Subclass']}"
    if name == "CHANNEL_EXECUTE":
        yield f"application {facts['Application']}"
