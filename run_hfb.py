"""Human from Blur: `run_hfb.py predict` for your photos, `run_hfb.py test` for data sets."""

from hfb.command import run_hfb as main

if __name__ == "__main__":
    main()
