"""Human from Blur: the 3D body and its motion inside the exposure, from blurry photos."""

__version__ = "0.1.0"
