"""A viser server for a scene, that only this machine reaches unless told otherwise."""

from __future__ import annotations

import io
import ipaddress
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING

from lsmplify_refine.errors import InputError

if TYPE_CHECKING:
    import viser


@contextmanager
def serving(host: str, port: int) -> Iterator[viser.ViserServer]:
    """A viser server, quiet and stopped at the end. If the port is taken, it takes the next free one.

    Raises:
        InputError: viser is not installed, or the host is not this machine.
    """
    try:
        import viser
    except ImportError as error:
        raise InputError(f"view: {error}; pip install 'lsmplify-refine[view]'") from error
    # whoever knocks without being a browser is no news
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    try:
        socket.create_server((host, 0)).close()  # viser would try one port after the other
    except OSError as error:
        raise InputError(f"--host {host}: {error.strerror or error}; it must be an address of this machine") from error
    with redirect_stdout(io.StringIO()):  # viser prints, but stdout is for results
        server = viser.ViserServer(host=host, port=port, verbose=False)
    try:
        yield server
    finally:
        with redirect_stdout(io.StringIO()):
            server.stop()


def is_this_machine(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return all(ipaddress.ip_address(found[4][0]).is_loopback for found in socket.getaddrinfo(host, None))
    except (OSError, ValueError):
        return False
