"""What a citizen calls about; the categories of the hotlines' rules, with their Chinese names."""

from __future__ import annotations

from enum import StrEnum


class Category(StrEnum):
    """The value is kept in `Order.category`; None there means "not judged yet"."""

    INQUIRY = "inquiry"
    HELP = "help"
    COMPLAINT = "complaint"
    REPORT = "report"
    SUGGESTION = "suggestion"
    EMERGENCY = "emergency"
    KEY = "key"  # many people, or repeated
    ECONOMIC_VIOLATION = "economic_violation"
    GUIDANCE = "guidance"  # told where to turn, or transferred there

    @property
    def chinese(self) -> str:
        return _CHINESE[self]


_CHINESE = {
    Category.INQUIRY: "咨询",
    Category.HELP: "求助",
    Category.COMPLAINT: "投诉",
    Category.REPORT: "举报",
    Category.SUGGESTION: "建议",
    Category.EMERGENCY: "突发",
    Category.KEY: "重点",
    Category.ECONOMIC_VIOLATION: "经济违法",
    Category.GUIDANCE: "指引",
}
