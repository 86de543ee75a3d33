"""Writing commands: one place decides what may go onto the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping

from callcenter.esl.errors import BadArgument

MAX_COMMAND_BYTES = 1 << 20  # FreeSWITCH cuts at 10 MiB and takes the rest for a new command

_FORBIDDEN = re.compile("[\r\n\0]")
_EXPANSION = re.compile(r"\$\\*\{")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
_CAUSE = re.compile(r"[A-Z0-9_]+")
_SET_AT_ONCE = 50  # uuid_setvar_multi takes 64 pairs and ignores the rest


def one_line(text: str, what: str) -> str:
    """`text` itself, or `BadArgument` when a line break or NUL in it would end the line early."""
    if _FORBIDDEN.search(text):
        raise BadArgument(f"{what} holds a line break or NUL")
    return text


def encode(command: str, headers: Mapping[str, str] | None = None) -> bytes:
    """A command line and its header lines as FreeSWITCH reads them, ended by an empty line.

    Raises `BadArgument` for an empty command, CR, LF or NUL anywhere, text that is not Unicode
    (lone surrogates) and more than `MAX_COMMAND_BYTES`.
    """
    if not command.strip():
        raise BadArgument("an empty command")
    lines = [one_line(command, "the command")]
    for name, value in (headers or {}).items():
        if not name or ":" in name:
            raise BadArgument(f"no header name: {name!r}")
        lines.append(f"{one_line(name, 'a header name')}: {one_line(value, name)}")
    try:
        raw = ("\n".join(lines) + "\n\n").encode()
    except UnicodeEncodeError as error:
        raise BadArgument("text that is not Unicode") from error
    if len(raw) > MAX_COMMAND_BYTES:
        raise BadArgument(f"a command of {len(raw)} bytes")
    return raw


def verb(command: str) -> str:
    """The command's first word, fit for logs: arguments may hold citizens' numbers."""
    return command.split(" ", 1)[0]


def no_expansion(text: str, what: str) -> str:
    """`text`, or `BadArgument` if FreeSWITCH would expand `${…}` in it.

    Expansion runs API commands (`${system(…)}`), and applications' arguments are expanded, so a
    stranger's text must never get there unchecked.
    """
    if _EXPANSION.search(text):
        raise BadArgument(f"{what} holds ${{…}}, which the switch would run")
    return text


def hangup_cause(cause: str) -> str:
    """A Q.850 cause's name as FreeSWITCH writes it, e.g. NORMAL_CLEARING."""
    if not _CAUSE.fullmatch(cause):
        raise BadArgument(f"no hang-up cause: {cause!r}")
    return cause


def set_variables(uuid: str, variables: Mapping[str, str]) -> list[str]:
    """The `uuid_setvar_multi` commands that set `variables`; an empty value unsets.

    Raises `BadArgument` for names that aren't identifiers and for values with line breaks or
    `${` (FreeSWITCH drops those without a word).
    """
    pairs = []
    for name, value in variables.items():
        if not _VARIABLE_NAME.fullmatch(name):
            raise BadArgument(f"no variable name: {name!r}")
        pairs.append(f"{name}={_escape(no_expansion(one_line(value, name), name))}")
    return [
        f"uuid_setvar_multi {uuid} {';'.join(pairs[at : at + _SET_AT_ONCE])}"
        for at in range(0, len(pairs), _SET_AT_ONCE)
    ]


def _escape(value: str) -> str:
    """Keep `switch_separate_string` from splitting, unquoting or trimming the value."""
    for special in ("\\", "'", ";"):
        value = value.replace(special, "\\" + special)
    if value.endswith(" "):
        value = value[:-1] + "\\s"
    return value
