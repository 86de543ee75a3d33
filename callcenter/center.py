"""What every call shares: the hotlines, the journal, the distributor, the link to the switch."""

from __future__ import annotations

from callcenter.call_control import CallControl
from callcenter.callbacks import Callbacks
from callcenter.caller_history import CallerHistory
from callcenter.calling_out import CallingOut
from callcenter.distribution import Distributor
from callcenter.esl import SwitchLink
from callcenter.journal import Journal
from callcenter.last_agent import LastAgents
from callcenter.live_config import LiveConfig
from callcenter.queries import QueryClient
from callcenter.settings import Settings
from ivr.hotline import Hotline


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
        callbacks: Callbacks,
        calling_out: CallingOut,
        progress: QueryClient,
        last_agents: LastAgents,
        history: CallerHistory,
        control: CallControl,
        config: LiveConfig,
        controller_id: str,
    ) -> None:
        self.settings = settings
        self.hotlines = hotlines
        self.journal = journal
        self.link = link
        self.distributor = distributor
        self.callbacks = callbacks
        self.calling_out = calling_out
        self.progress = progress
        self.last_agents = last_agents
        self.history = history
        self.control = control
        self.config = config
        self.id = controller_id

    def hotline(self, dialed: str) -> Hotline:
        """The hotline of a published number; the dialplan lets nothing else through."""
        return self.hotlines[dialed]
