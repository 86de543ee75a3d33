"""What a reader may rely on, whatever happened to the writer."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from callcenter.events import Event, Kind, event
from callcenter.segments import (
    MAX_LINE,
    SegmentWriter,
    read_lines,
    read_segment,
    remove_old,
    segments,
)


def make(count: int) -> list[Event]:
    return [event(Kind.MENU_KEY, "c1", at=float(n), menu="main", key=str(n)) for n in range(count)]


def lines(events: list[Event]) -> list[bytes]:
    return [one.to_json() for one in events]


@pytest.fixture
def writer(tmp_path: Path) -> SegmentWriter:
    return SegmentWriter(tmp_path / "journal", "brain-1")


def path_of(writer: SegmentWriter) -> Path:
    assert writer.path is not None
    return writer.path


def test_what_was_appended_is_read_back_in_order(writer: SegmentWriter) -> None:
    events = make(5)
    writer.append(lines(events[:2]))
    writer.append(lines(events[2:]))
    assert [found for found, _ in read_segment(path_of(writer))] == events


def test_reading_goes_on_from_any_given_offset(writer: SegmentWriter) -> None:
    events = make(4)
    writer.append(lines(events))
    found = list(read_segment(path_of(writer)))
    for done, (_, offset) in enumerate(found, start=1):
        assert [one for one, _ in read_segment(path_of(writer), offset)] == events[done:]


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_is_not_read_until_it_is_whole(writer: SegmentWriter, cut: int) -> None:
    events = make(3)
    writer.append(lines(events))
    path = path_of(writer)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    found = list(read_segment(path))
    assert [one for one, _ in found] == events[:2]
    path.write_bytes(whole)
    assert [one for one, _ in read_segment(path, found[-1][1])] == events[2:]


@pytest.mark.parametrize(
    "damage",
    [b"{}", b"\xff\xfe", b"", b"[1,2]", b'{"id":"x","at":"no","kind":"menu.key"}', b"null"],
)
def test_a_damaged_line_is_reported_and_passed_over(
    writer: SegmentWriter, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    events = make(2)
    writer.append([events[0].to_json(), damage, events[1].to_json()])
    with caplog.at_level(logging.ERROR):
        assert [one for one, _ in read_segment(path_of(writer))] == events
    assert "damaged line at byte" in caplog.text
    assert damage in path_of(writer).read_bytes()


def test_a_line_without_end_does_not_fill_the_memory(writer: SegmentWriter) -> None:
    events = make(1)
    writer.append([b"x" * (3 * MAX_LINE), events[0].to_json()])
    first, second = read_lines(path_of(writer))
    assert "longer" in first.problem
    assert len(first.raw) == MAX_LINE
    assert second.event == events[0]
    path = path_of(writer)
    path.write_bytes(b"x" * (2 * MAX_LINE))
    assert list(read_lines(path)) == []


def test_a_full_segment_is_followed_by_a_new_one(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, "c", max_bytes=300)
    events = make(10)
    for one in events:
        writer.append([one.to_json()])
    found = segments(tmp_path)
    assert len(found) > 2
    assert [one for path in found for one, _ in read_segment(path)] == events


def test_two_writers_of_one_controller_never_share_a_file(tmp_path: Path) -> None:
    first, second = SegmentWriter(tmp_path, "c"), SegmentWriter(tmp_path, "c")
    first.append(lines(make(1)))
    second.append(lines(make(1)))
    assert len(segments(tmp_path)) == 2


def test_files_and_folder_are_for_the_owner_only(writer: SegmentWriter) -> None:
    writer.append(lines(make(1)))
    assert path_of(writer).stat().st_mode & 0o077 == 0
    assert path_of(writer).parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a b", "x" * 65])
def test_a_controller_id_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="controller id"):
        SegmentWriter(tmp_path, name)


def test_given_half_a_block_written_when_tried_again_then_no_line_is_torn(
    writer: SegmentWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = make(4)
    writer.append(lines(events[:1]))
    real = os.write

    def full(file: int, block: bytes) -> int:
        real(file, block[: len(block) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            writer.append(lines(events[1:]))
    writer.append(lines(events[1:]))
    assert [one for one, _ in read_segment(path_of(writer))] == events


def test_given_a_file_that_cannot_be_cut_then_a_new_segment_begins(
    writer: SegmentWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = make(2)
    writer.append(lines(events[:1]))

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        patch.setattr(os, "ftruncate", fail)
        with pytest.raises(OSError, match="Input/output"):
            writer.append(lines(events[1:]))
    writer.append(lines(events[1:]))
    found = [one for path in segments(tmp_path / "journal") for one, _ in read_segment(path)]
    assert len(segments(tmp_path / "journal")) == 2
    assert {one.id for one in found} == {one.id for one in events}


class TestRemoving:
    DAY = 86_400.0

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Three segments of one controller, one event each, a year old."""
        for _ in range(3):
            writer = SegmentWriter(tmp_path, "c")
            writer.append(lines(make(1)))
            writer.close()
            os.utime(path_of(writer), (0, 0))
        return tmp_path

    def sizes(self, folder: Path) -> dict[str, int]:
        return {path.name: path.stat().st_size for path in segments(folder)}

    def test_copied_old_segments_go_but_the_newest_stays(self, folder: Path) -> None:
        names = list(self.sizes(folder))
        removed = remove_old(folder, self.sizes(folder), keep_days=7, now=8 * self.DAY)
        assert removed == names[:2]
        assert [path.name for path in segments(folder)] == names[2:]

    def test_young_segments_stay(self, folder: Path) -> None:
        assert remove_old(folder, self.sizes(folder), keep_days=7, now=6 * self.DAY) == []

    def test_what_is_not_in_the_database_stays(self, folder: Path) -> None:
        assert remove_old(folder, {}, keep_days=7, now=8 * self.DAY) == []

    def test_the_torn_end_of_a_dead_writer_holds_nothing_up(self, folder: Path) -> None:
        sizes = self.sizes(folder)
        first = segments(folder)[0]
        first.write_bytes(first.read_bytes() + b'{"id": "to')
        os.utime(first, (0, 0))
        assert first.name in remove_old(folder, sizes, keep_days=7, now=8 * self.DAY)
