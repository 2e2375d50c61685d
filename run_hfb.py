"""Human from Blur: `run_hfb.py predict` for your photos, `run_hfb.py test` for data sets."""

import sys
from pathlib import Path

from datamodules.captured import CapturedDataModule
from datamodules.sample_module import SampleDataModule
from hfb.app import HfbModule
from hfb.app.hfb_cli import HfbCLI
from hfb.cli import KeepConfig, user_errors_as_one_line

CONFIGS = Path(__file__).resolve().parent / "lightning_configs"
DEFAULTS = {"predict": ["run_hfb.yaml"], "test": ["run_hfb.yaml", "test.yaml"]}
UNUSABLE_SAMPLES = 3


def main(args: list[str] | None = None) -> None:
    """Run the command line; `args` instead of `sys.argv` where a test calls it."""
    # A prediction reads photos; what a test reads is named by the configuration.
    is_test = next(iter(sys.argv[1:] if args is None else args), "") == "test"
    with user_errors_as_one_line():
        cli = HfbCLI(
            HfbModule,
            SampleDataModule if is_test else CapturedDataModule,
            subclass_mode_data=is_test,
            args=args,
            save_config_callback=KeepConfig,
            seed_everything_default=0,
            trainer_defaults={"inference_mode": False, "logger": False},
            parser_kwargs={
                name: {"default_config_files": [str(CONFIGS / file) for file in files]}
                for name, files in DEFAULTS.items()
            },
        )
    if cli.model.num_unusable and cli.trainer.is_global_zero:
        sys.exit(UNUSABLE_SAMPLES)


if __name__ == "__main__":
    main()
