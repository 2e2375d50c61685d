"""Where model files are looked for, fetched once and verified.

Order: the path that was given, `$HFB_ASSETS`, the shipped checkpoints, the user cache, and last a
fetch from the publisher into the user cache. Nothing is fetched that is already there, so a filled
cache works offline; `HFB_OFFLINE=1` forbids fetching altogether.

`python -m hfb.assets fetch` fetches everything, `python -m hfb.assets list` says what is where.
"""

from hfb.assets.catalogue import ASSETS, Asset
from hfb.assets.find import fetch_all, find_asset
from hfb.assets.folders import cache_dir, checkpoints_dir, configs_dir, search_places

__all__ = [
    "ASSETS",
    "Asset",
    "cache_dir",
    "checkpoints_dir",
    "configs_dir",
    "fetch_all",
    "find_asset",
    "search_places",
]
