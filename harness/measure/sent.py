"""What a process has sent over the network, as the kernel counts it."""

from __future__ import annotations

import os
import socket
import stat
import struct
from contextlib import suppress
from pathlib import Path

OWN = Path("/proc/self/fd")
BYTES_SENT, KNOWN = 200, 208
"""Of struct tcp_info (linux/tcp.h): where tcpi_bytes_sent is, and how long it must be."""


def bytes_sent() -> int | None:
    """The payload sent over the TCP connections open now; None where the kernel does not say."""
    if not OWN.is_dir():
        return None
    total = 0
    for name in os.listdir(OWN):
        with suppress(OSError):  # closed meanwhile
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as mine:
                if mine.family not in (socket.AF_INET, socket.AF_INET6):
                    continue
                known = mine.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, KNOWN)
                if len(known) < KNOWN:
                    return None
                total += struct.unpack_from("Q", known, BYTES_SENT)[0]
    return total
