"""Being asked to stop: SIGTERM sets a flag that the loop reads where it can save its state."""

import signal
import threading
from types import FrameType, TracebackType


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
