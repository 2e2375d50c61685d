"""Writing to disk: whole or not at all, and one run at a time. Imports nothing slow."""

from hfb.storage.atomic import atomic_folder, atomic_write
from hfb.storage.lock import folder_lock
from hfb.storage.names import utf8_path
from hfb.storage.unfinished import discard_unfinished

__all__ = ["atomic_folder", "atomic_write", "discard_unfinished", "folder_lock", "utf8_path"]
