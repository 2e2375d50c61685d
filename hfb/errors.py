"""What can go wrong, as named errors: what was wrong, where we looked, what to do next."""


class HfbError(Exception):
    """Base of every error that is the user's to solve.

    The command line prints its message as one line and exits with code 2.
    """


class InputError(HfbError, ValueError):
    """A file, image or option from the user cannot be used."""


class ShapeError(HfbError, ValueError):
    """Tensors whose shapes do not fit together."""


class AssetNotFoundError(HfbError, FileNotFoundError):
    """A model file is missing and could not be fetched."""


class AssetCorruptError(HfbError):
    """A model file does not have the checksum it should have."""


class BodyModelError(HfbError, ValueError):
    """A file is not a SMPL-format body, or two files belong to different bodies."""


class NoPersonError(InputError):
    """No person was found in the image."""


class InferenceModeError(HfbError, RuntimeError):
    """Gradients are off where the refinement needs them."""
