"""Lines that were promised to be kept: append-only segments, one fdatasync for all who wait (group commit)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from revealed import durable
from revealed.clock import utc_now
from revealed.errors import RevealedError, UsageError
from revealed.gateway.files import JournalFiles
from revealed.gateway.segments import SegmentWriter, recover
from revealed.settings import Settings

LANDED = ("events", "inferences")
KEPT = ("keys", "hides")
_MOST_WAITING_BYTES = 64 << 20
_TICK_SECONDS = 1.0
_KEPT_SECONDS = 3600.0


class JournalUnavailable(RevealedError):  # noqa: N818 - a state of the disk that passes
    """The lines could not be made durable; none of them counts."""

    code = "journal_unavailable"


class Journal:
    """The gateway's journal: one open segment a log. One process a home.

    `open`, then `append` from one event loop, then `close`. The logs are `events` and `inferences`, sealed into landing, and
    what the gateway keeps for itself: `keys` (idempotency) and `hides`, sealed into folders of those names.

    Args:
        settings: whose home.
        files: the file operations; tests put failing ones here.
        clock: the present moment, for segments' names.

    Attributes:
        on_commit: told of each group commit: its log, its bytes, whether they are durable.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        files: JournalFiles | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings = settings
        self._files = files or JournalFiles()
        self._clock = clock
        self._held = ExitStack()
        self._queues: dict[str, _Queue] = {}
        self._ticker: asyncio.Task[None] | None = None
        self._failing: set[str] = set()
        self.on_commit: Callable[[str, int, bool], None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether lines can be appended."""
        return bool(self._queues)

    def open(self) -> None:
        """Take the home, and seal what a killed gateway left.

        Raises:
            LockedError: another gateway works in this home.
            UsageError: the landing folder lies on another file system than the gateway's.
        """
        lock = durable.exclusive_lock(self._settings.locks / "gateway.lock", "run the gateway")
        self._held.enter_context(lock)
        try:
            for log in (*LANDED, *KEPT):
                self._queues[log] = self._open_log(log)
        except BaseException:
            self._queues.clear()
            self._held.close()
            raise

    async def append(self, log: str, lines: Sequence[bytes]) -> None:
        """Return when the lines (without newlines in them) are durable.

        Raises:
            JournalUnavailable: they are not, and do not count.
        """
        if not self._queues:
            raise JournalUnavailable("the journal is not open")
        if lines:
            await self._queues[log].append(b"\n".join(lines) + b"\n")

    async def is_writable(self) -> bool:
        """Return whether the last commits went well; where one did not, try a blank line, which nobody counts."""
        for log in tuple(self._failing):
            with suppress(JournalUnavailable):
                await self._queues[log].append(b"\n")
        return self.is_open and not self._failing

    def start_sealing(self) -> None:
        """Begin to seal segments that grow old; call it from the event loop."""
        self._ticker = asyncio.get_running_loop().create_task(self._seal_old())

    async def close(self) -> None:
        """Write what waits, seal every segment, and let the home go; safe to call twice."""
        if self._ticker:
            self._ticker.cancel()
            self._ticker = None
        queues, self._queues = self._queues, {}
        for queue in queues.values():
            await queue.close()
        self._held.close()

    async def _seal_old(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            for queue in self._queues.values():
                await queue.seal_if_old()

    def _open_log(self, log: str) -> _Queue:
        is_landed = log in LANDED
        open_folder = self._settings.gateway / "open"
        sealed_folder = (self._settings.landing if is_landed else self._settings.gateway) / log
        for folder in (open_folder, sealed_folder):
            folder.mkdir(parents=True, exist_ok=True)
        _require_one_file_system(open_folder, sealed_folder)
        recover(log, open_folder, sealed_folder, self._files)
        writer = SegmentWriter(
            log,
            open_folder,
            sealed_folder,
            largest=self._settings.gateway_segment_megabytes << 20,
            oldest=self._settings.gateway_segment_seconds if is_landed else _KEPT_SECONDS,
            files=self._files,
            clock=self._clock,
        )
        return _Queue(log, writer, partial(self._note_commit, log))

    def _note_commit(self, log: str, size: int, is_durable: bool) -> None:
        (self._failing.discard if is_durable else self._failing.add)(log)
        if self.on_commit:
            self.on_commit(log, size, is_durable)


class _Queue:
    """Who waits for one log. While one batch is being synced, the next one gathers."""

    def __init__(self, log: str, writer: SegmentWriter, on_commit: Callable[[int, bool], None]) -> None:
        self._writer = writer
        self._on_commit = on_commit
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"journal-{log}")
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._waiting_bytes = 0
        self._is_busy = False

    async def append(self, data: bytes) -> None:
        if self._waiting_bytes + len(data) > _MOST_WAITING_BYTES:
            raise JournalUnavailable("more waits to be written than the disk takes")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((data, done))
        self._waiting_bytes += len(data)
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._flush, loop)  # whoever comes in this turn of the loop comes along
        await done

    async def seal_if_old(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.seal_if_old)

    async def close(self) -> None:
        while self._is_busy:
            await asyncio.sleep(0.005)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.seal)
        self._thread.shutdown()

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
        data = b"".join(data for data, _ in batch)
        written = loop.run_in_executor(self._thread, self._writer.commit, data)
        written.add_done_callback(partial(self._tell, loop, batch))

    def _tell(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[tuple[bytes, asyncio.Future[None]]],
        written: asyncio.Future[None],
    ) -> None:
        failure = written.exception()
        self._on_commit(sum(len(data) for data, _ in batch), failure is None)
        for _, done in batch:
            if done.done():
                continue
            if failure is None:
                done.set_result(None)
            else:
                done.set_exception(_as_unavailable(failure))
        if self._waiting:
            self._flush(loop)
        else:
            self._is_busy = False


def _as_unavailable(failure: BaseException) -> JournalUnavailable:
    unavailable = JournalUnavailable(f"the journal cannot be written: {failure}")
    unavailable.__cause__ = failure
    return unavailable


def _require_one_file_system(open_folder: Path, sealed_folder: Path) -> None:
    if open_folder.stat().st_dev != sealed_folder.stat().st_dev:
        raise UsageError(
            "the gateway's folder and the landing folder lie on different file systems",
            where=str(sealed_folder),
            remedy="keep all of REVEALED_HOME on one: segments are renamed into landing, never copied",
        )
