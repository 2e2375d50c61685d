"""What the command lines of refinement and training share.

This file imports nothing, so that `hfb.cli.programs` can answer `--help` and typing errors before
torch is loaded.
"""
