"""`python -m hfb`: the same as the command `hfb`."""

from hfb.command import main

if __name__ == "__main__":
    main()
