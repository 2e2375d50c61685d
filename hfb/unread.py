"""Samples whose files have been found, but not read: what is finished already is never read."""

from __future__ import annotations

from abc import ABC, abstractmethod

from hfb.structures import BlurSample


class UnreadSample(ABC):
    """One of many samples of a run that keeps what it has finished.

    Args:
        sample_id: names the sample in outputs; a valid folder name.
        names: the `sample_id` of all samples of the run, in their order.
        source: where it comes from.
    """

    def __init__(self, sample_id: str, names: tuple[str, ...], source: str) -> None:
        self.sample_id = sample_id
        self.names = names
        self.source = source

    @abstractmethod
    def digest(self) -> str:
        """Checksum of everything that its result depends on beside the settings.

        Raises:
            InputError: if something cannot be read.
        """

    @abstractmethod
    def read(self) -> BlurSample:
        """Read its files; slow, as the background is matched or the person masked.

        Raises:
            InputError: if something cannot be used.
        """
