"""What every call shares: the hotlines, the journal, the distributor, the link to the switch."""

from __future__ import annotations

import logging
from pathlib import Path

from callcenter import datafile
from callcenter.distribution import Distributor
from callcenter.esl import SwitchLink
from callcenter.journal import Journal
from callcenter.live_config import LiveConfig
from callcenter.settings import Settings, SettingsError
from ivr.hotline import Hotline

logger = logging.getLogger(__name__)


class Center:
    """Handed to every call. Nothing in it belongs to one call."""

    def __init__(
        self,
        *,
        settings: Settings,
        hotlines: dict[str, Hotline],
        journal: Journal,
        link: SwitchLink,
        distributor: Distributor,
        config: LiveConfig,
        controller_id: str,
    ) -> None:
        self.settings = settings
        self.hotlines = hotlines
        self.journal = journal
        self.link = link
        self.distributor = distributor
        self.config = config
        self.id = controller_id

    def hotline(self, dialed: str) -> Hotline:
        """The hotline of a published number; the dialplan lets nothing else through."""
        return self.hotlines[dialed]


def load_hotlines(folder: Path) -> dict[str, Hotline]:
    """Every hotline by number.

    Raises SettingsError (no file at all) and DataFileError (file, line, key, expected).
    """
    by_number: dict[str, Hotline] = {}
    owners: dict[str, Path] = {}
    for path in sorted(folder.glob("*.yaml")):
        hotline = datafile.load(path, Hotline)
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
