"""Sharp sub-frames from blurry photos without learned weights."""
