"""The inbound Event Socket: controllers connect here, authenticate, and watch and steer calls."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from gevent import socket
from gevent.server import StreamServer

from labswitch.esl_session import EslSession

if TYPE_CHECKING:
    from labswitch.switch import Switch

log = logging.getLogger(__name__)

REJECTION = b"Access Denied, go away.\n"
MAX_CLIENTS = 200


class EslServer:
    """Listens on the configuration's address; `port` is the bound one."""

    def __init__(self, switch: Switch) -> None:
        self.switch = switch
        self._server = StreamServer(
            switch.configuration.esl_address, self._serve, spawn=MAX_CLIENTS
        )

    def start(self) -> None:
        """Raises OSError when the port is taken."""
        self._server.start()

    def stop(self) -> None:
        self._server.stop(timeout=1)

    @property
    def port(self) -> int:
        port: int = self._server.server_port
        return port

    def _serve(self, sock: Any, address: tuple[str, int]) -> None:
        configuration = self.switch.configuration
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        acl = configuration.access_list(configuration.esl_acl or "")
        if acl is not None and not acl.allows(address[0]):
            log.warning("an event client at %s is refused", address[0])
            head = f"Content-Type: text/rude-rejection\nContent-Length: {len(REJECTION)}\n\n"
            sock.sendall(head.encode() + REJECTION)
            sock.close()
            return
        session = EslSession(self.switch, sock)
        session.wire.send(b"Content-Type: auth/request\n\n")
        session.serve()
        session.wire.finish(session.goodbye())
        session.wire.closed.wait(5)
