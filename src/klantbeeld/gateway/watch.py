"""Watch: notices clients that go away while their request is answered, and ends the request.

A server tells that a client has gone to whoever waits for its next message (ASGI's `http.disconnect`), and a task that
waits for each request would cost more than the answer. So one timer asks for all of them, without waiting.
"""

import asyncio
import inspect

from starlette.types import Receive


class Watched:
    """One request under way: the task that answers it, and how its client is asked for."""

    __slots__ = ("has_gone", "receive", "task")

    def __init__(self, receive: Receive, task: asyncio.Task[object]) -> None:
        self.receive = receive
        self.task = task
        self.has_gone = False


class Watch:
    """Looks at the requests under way every so many seconds; lives as long as the app, belongs to one event loop.

    While nothing is under way no timer runs.
    """

    def __init__(self, *, every: float) -> None:
        self._every = every
        self._under_way: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, receive: Receive) -> Watched:
        """Watch the present task's request, whose body has been read, until `end`."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a request is answered in a task
        watched = Watched(receive, task)
        self._under_way.add(watched)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._every, self._look)
        return watched

    def end(self, watched: Watched) -> None:
        """Watch it no more."""
        self._under_way.discard(watched)

    def _look(self) -> None:
        self._timer = None
        for watched in tuple(self._under_way):
            if has_gone(watched.receive):
                watched.has_gone = True
                self._under_way.discard(watched)
                watched.task.cancel()
        if self._under_way:
            self._timer = asyncio.get_running_loop().call_later(self._every, self._look)


def has_gone(receive: Receive) -> bool:
    """Say whether the server has it that the client is gone, without waiting for anything else that it may say."""
    asking = receive()
    if not inspect.iscoroutine(asking):
        return False
    try:
        asking.send(None)
    except StopIteration as said:
        return bool(said.value["type"] == "http.disconnect")
    except Exception:  # noqa: BLE001 - a server that does not like to be asked like this says nothing
        return False
    finally:
        asking.close()
    return False
