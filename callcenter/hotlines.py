"""The hotlines of this installation, by published number."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from callcenter import datafile
from callcenter.queues import check_requirements
from callcenter.settings import SettingsError
from ivr.hotline import Hotline


def load_hotlines(folder: Path, destinations: Collection[str] | None = None) -> dict[str, Hotline]:
    """Every hotline by number; with `destinations` menus may transfer to these alone.

    Raises SettingsError (no file at all) and DataFileError (file, line, key, expected).
    """
    by_number: dict[str, Hotline] = {}
    owners: dict[str, Path] = {}
    for path in sorted(folder.glob("*.yaml")):
        hotline = datafile.load(path, Hotline)
        located = datafile.read_located(path)
        check_requirements(hotline, located)
        if destinations is not None:
            _check_transfers(hotline, located, destinations)
        for number in hotline.numbers:
            if number in owners:
                raise datafile.DataFileError(
                    f"{path}: numbers: {number} belongs to {owners[number]} already"
                )
            owners[number] = path
            by_number[number] = hotline
    if not by_number:
        raise SettingsError(f"CALLCENTER_HOTLINES_DIR: expected *.yaml files in {folder}")
    return by_number


def _check_transfers(
    hotline: Hotline, file: datafile.Located, destinations: Collection[str]
) -> None:
    for menu, entry in hotline.menus.items():
        for key, choice in entry.keys.items():
            if choice.transfer is not None and choice.transfer not in destinations:
                where: list[str | int] = ["menus", menu, "keys", key, "transfer"]
                raise datafile.DataFileError(
                    f"{file.name}:{file.line(where)}: {'.'.join(map(str, where))}: expected a "
                    f"destination, found {choice.transfer}; there are: "
                    f"{', '.join(sorted(destinations)) or 'none'}"
                )
