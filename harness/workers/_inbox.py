"""What arrives from another worker while this one is busy."""

from __future__ import annotations

from collections.abc import Sequence
from queue import SimpleQueue
from threading import Thread

from torch import Tensor
from torch import distributed as dist


class Inbox:
    """Messages from one worker, each of the same tensors, in the order in which they were sent.

    A thread of its own receives them: torch cannot tell whether one has arrived over gloo.
    """

    def __init__(self, source: int, tag: int, like: Sequence[Tensor], count: int) -> None:
        """count: how many messages will come."""
        self._arrived: SimpleQueue[list[Tensor] | Exception] = SimpleQueue()

        def receive() -> None:
            try:
                for _ in range(count):
                    message = [each.new_empty(each.shape) for each in like]
                    for tensor in message:
                        dist.recv(tensor, source, tag=tag)
                    self._arrived.put(message)
            except Exception as error:  # the other is gone: who waits is told
                self._arrived.put(error)

        Thread(target=receive, daemon=True).start()

    def waits(self) -> bool:
        """Whether a message is there."""
        return not self._arrived.empty()

    def next(self) -> list[Tensor]:
        """The next message, when it is there."""
        message = self._arrived.get()
        if isinstance(message, Exception):
            raise message
        return message


class Outbox:
    """Messages to one worker; at most `room` may wait to be taken."""

    def __init__(self, target: int, tag: int, room: int) -> None:
        self.target, self.tag, self.room = target, tag, room
        self._sent: list[tuple[dist.Work, Tensor]] = []

    def send(self, *message: Tensor) -> None:
        """Send a message without waiting for it to arrive, unless there is no room."""
        for tensor in message:
            whole = tensor.detach().contiguous()
            work = dist.isend(whole, self.target, tag=self.tag)
            assert work is not None
            self._sent.append((work, whole))  # which must live until it is gone
        while len(self._sent) > self.room * len(message):
            self._sent.pop(0)[0].wait()

    def settle(self) -> None:
        """Wait until every message is gone."""
        while self._sent:
            self._sent.pop(0)[0].wait()
