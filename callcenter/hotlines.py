"""The hotlines of this installation, by published number."""

from __future__ import annotations

from pathlib import Path

from callcenter import datafile
from callcenter.queues import check_requirements
from callcenter.settings import SettingsError
from ivr.hotline import Hotline


def load_hotlines(folder: Path) -> dict[str, Hotline]:
    """Every hotline by number.

    Raises SettingsError (no file at all) and DataFileError (file, line, key, expected).
    """
    by_number: dict[str, Hotline] = {}
    owners: dict[str, Path] = {}
    for path in sorted(folder.glob("*.yaml")):
        hotline = datafile.load(path, Hotline)
        check_requirements(hotline, datafile.read_located(path))
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
