"""Being asked to stop: SIGTERM sets a flag that the loop reads where it can save its state."""

import ctypes
import os
import signal
import sys
import threading
from types import FrameType, TracebackType

PR_SET_PDEATHSIG = 1


class StopRequest:
    """A context in which SIGTERM does not end the process but makes `requested` true.

    The signal may have been blocked by the process that started this one, to be handed on in an
    orderly way: it is unblocked here. Outside the main thread, where signals cannot be handled,
    `requested` stays False.
    """

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> "StopRequest":
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._before = signal.signal(signal.SIGTERM, self._note)
            self._mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._main:
            signal.signal(signal.SIGTERM, self._before)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.requested = True


def end_with_parent(parent: int | None = None) -> None:
    """Have the kernel send this process SIGTERM when the thread that started it ends (Linux;
    elsewhere nothing).

    `parent` is the process that is meant; where it has died before this call, the signal is sent
    now.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL("libc.so.6").prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if parent is not None and os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
