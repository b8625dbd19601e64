"""The disk under SQLite, as far as a test has to have power over it: what survives a power cut, and when it is full.

SQLite reaches files through a table of functions (https://www.sqlite.org/vfs.html). A copy of that table takes its
place here, whose log of commits (WAL) notes how much of it was synced, and takes nothing more when the disk is full. A
SIGKILL alone would leave to the kernel what was written and not synced, and would prove nothing of a sync.
"""

import ctypes
import mmap
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIBRARY = "libsqlite3.so.0"
OPEN_WAL = 0x00080000  # a flag of xOpen
FULL = 13  # SQLITE_FULL
OK = 0
SIZE = 16

_SHARED = struct.Struct("=QI")  # bytes of the log that were synced; whether the disk is full


class _Methods(ctypes.Structure):
    _fields_ = (("version", ctypes.c_int), ("functions", ctypes.c_void_p * 18))


class _File(ctypes.Structure):
    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("open", ctypes.c_void_p),
        ("others", ctypes.c_void_p * 16),
    )


_WRITE, _SYNC = 2, 4  # places among the functions of a file
_OPENS = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(_File), ctypes.c_int, ctypes.c_void_p
)
_WRITES = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
_SYNCS = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)


class Disk:
    """What replicas on one machine share of their disk; the driver cuts the power and fills it up."""

    def __init__(self, database: Path) -> None:
        self.log = database.with_name(f"{database.name}-wal")
        file = database.with_name(f"{database.name}.disk")
        if not file.exists():
            file.write_bytes(bytes(SIZE))
        descriptor = os.open(file, os.O_RDWR)
        self._shared = mmap.mmap(descriptor, SIZE)
        os.close(descriptor)

    @property
    def is_full(self) -> bool:
        """Whether nothing more goes onto it."""
        return bool(_SHARED.unpack_from(self._shared)[1])

    def fill(self, *, full: bool) -> None:
        """Fill it up, or make room."""
        _SHARED.pack_into(self._shared, 0, _SHARED.unpack_from(self._shared)[0], full)

    def note_sync(self) -> None:
        """Note that all of the log is on the disk."""
        _SHARED.pack_into(self._shared, 0, self.log.stat().st_size, self.is_full)

    def cut_power(self) -> int:
        """Lose what was not synced, once every process is gone; returns how many bytes that are."""
        if not self.log.exists():
            return 0
        synced: int = _SHARED.unpack_from(self._shared)[0]
        size = self.log.stat().st_size
        if size > synced:
            os.truncate(self.log, synced)
        return max(0, size - synced)


def take_over(disk: Disk) -> None:
    """Let all that this process opens from now on go through `disk`; lasts as long as the process."""
    library = ctypes.CDLL(LIBRARY)
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    library.sqlite3_vfs_find.argtypes = [ctypes.c_char_p]
    library.sqlite3_vfs_register.argtypes = [ctypes.c_void_p, ctypes.c_int]
    original = library.sqlite3_vfs_find(None).contents
    ours = _Vfs.from_buffer_copy(original)
    ours.name = b"klantbeeld-tests"
    opens = _OPENS(_opening(_OPENS(original.open), disk))
    ours.open = ctypes.cast(opens, ctypes.c_void_p)
    _KEPT.extend([ours, opens])
    library.sqlite3_vfs_register(ctypes.byref(ours), 1)


_KEPT: list[Any] = []
"""What SQLite holds pointers to, and Python must not free."""


def _opening(original: Callable[..., int], disk: Disk) -> Callable[..., int]:
    tables: dict[int, _Methods] = {}

    def opens(vfs: int, name: int, file: Any, flags: int, flags_out: int) -> int:
        result: int = original(vfs, name, file, flags, flags_out)
        if result == OK and flags & OPEN_WAL:
            address = ctypes.addressof(file.contents.methods.contents)
            if address not in tables:
                tables[address] = _watched(file.contents.methods.contents, disk)
            file.contents.methods = ctypes.pointer(tables[address])
        return result

    return opens


def _watched(methods: _Methods, disk: Disk) -> _Methods:
    """Copy a file's functions, with those that write and sync watched."""
    copy = _Methods.from_buffer_copy(methods)
    write, sync = _WRITES(methods.functions[_WRITE]), _SYNCS(methods.functions[_SYNC])

    def writes(file: int, data: int, amount: int, offset: int) -> int:
        return FULL if disk.is_full else write(file, data, amount, offset)

    def syncs(file: int, flags: int) -> int:
        result: int = sync(file, flags)
        if result == OK:
            disk.note_sync()
        return result

    ours = (_WRITES(writes), _SYNCS(syncs))
    copy.functions[_WRITE] = ctypes.cast(ours[0], ctypes.c_void_p).value
    copy.functions[_SYNC] = ctypes.cast(ours[1], ctypes.c_void_p).value
    _KEPT.extend([copy, ours])
    return copy
