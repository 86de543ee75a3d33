from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from media_phone import Phone

from labswitch.media import MediaEngine


@pytest.fixture
def engine() -> Iterator[MediaEngine]:
    engine = MediaEngine("127.0.0.1", (30000, 39999))
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture
def phone(engine: MediaEngine) -> Iterator[Callable[..., Phone]]:
    phones: list[Phone] = []

    def make(*args: object, **kwargs: object) -> Phone:
        phones.append(Phone(engine.open(), *args, **kwargs))  # type: ignore[arg-type]
        return phones[-1]

    yield make
    for each in phones:
        each.close()
