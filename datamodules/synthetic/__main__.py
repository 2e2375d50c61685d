"""Makes a data set: `python -m datamodules.synthetic --output DIR`."""

from datamodules.synthetic.command import main

if __name__ == "__main__":
    main()
