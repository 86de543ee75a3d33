"""Chinese first (the messages in the source), English from the catalogue.

`python -m web.i18n` compiles the catalogues; the application does the same when one is stale.
"""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from flask import Flask, g, session
from flask_babel import Babel, get_locale

log = logging.getLogger(__name__)

TRANSLATIONS = Path(__file__).with_name("translations")
LANGUAGES = {"zh": "中文", "en": "English"}
LOCALES = {"zh": "zh_Hans_CN", "en": "en"}


def init_app(app: Flask) -> None:
    compile_catalogues()
    Babel(app, locale_selector=choose_locale, default_translation_directories=str(TRANSLATIONS))
    app.jinja_env.globals["languages"] = LANGUAGES
    app.jinja_env.globals["language"] = language


def language() -> str:
    """The page's language: "zh" or "en"."""
    return "en" if str(get_locale()).startswith("en") else "zh"


def choose_locale() -> str:
    """What was picked on the page, else what the user's record says, else Chinese.

    The browser's own language isn't asked: office browsers are often left in English.
    """
    chosen = session.get("language")
    if chosen not in LANGUAGES:
        user = g.get("user")
        chosen = user.locale if user is not None else "zh"
    return LOCALES.get(chosen, LOCALES["zh"])


def compile_catalogues(folder: Path = TRANSLATIONS) -> int:
    """Compile every .po whose .mo is missing or older; return how many were compiled."""
    compiled = 0
    for source in sorted(folder.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        try:
            _compile(source, target)
        except OSError as error:  # a read-only installation: pages stay Chinese
            log.warning("%s can't be compiled: %s", source, error)
        else:
            compiled += 1
    return compiled


def _compile(source: Path, target: Path) -> None:
    with source.open("rb") as file:
        catalogue = read_po(file, locale=source.parent.parent.name)
    # Several processes may start at once: each writes its own file and renames it.
    handle, temporary = tempfile.mkstemp(dir=target.parent, suffix=".mo.tmp")
    with os.fdopen(handle, "wb") as file:
        write_mo(file, catalogue)
    os.chmod(temporary, 0o644)
    os.replace(temporary, target)


if __name__ == "__main__":
    print(f"{compile_catalogues()} catalogue(s) compiled")
