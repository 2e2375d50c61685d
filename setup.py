"""Which folders a wheel has; everything else stands in pyproject.toml.

In a checkout `checkpoints/` and `lightning_configs/` lie beside the code, installed they lie inside
the package `hfb`; `hfb.assets.folders` finds them in both places.
"""

from setuptools import find_packages, setup

DATA = {
    "hfb.checkpoints": "checkpoints",
    "hfb.checkpoints.textures": "checkpoints/textures",
    "hfb.lightning_configs": "lightning_configs",
}

setup(
    packages=[
        *find_packages(include=["hfb", "hfb.*", "datamodules", "datamodules.*"]),
        *DATA,
    ],
    package_dir=DATA,
    package_data={
        "datamodules": ["**/*.yaml"],
        "hfb.report.page": ["assets/*"],
        **{name: ["*"] for name in DATA},
    },
)
