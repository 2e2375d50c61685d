"""Where samples come from, and what the networks are trained on.

The modules of this folder are what one names on a command line. `--data` of `run_hfb.py test` takes
the classes of `benchmark`, `blur_folder`, `baist` and `captured_folder`; `captured` reads the photo
or clip of `run_hfb.py predict`. Programs of their own, run by `python -m datamodules.NAME`, are
`synthetic` (writes data sets), `lifting_pairs` (writes what the lifting network learns from),
`restore` (writes restored sub-frames) and `external` (converts other tools' poses). What they are
built of lies in the folders below.
"""

from hfb.cli.stopping import begin_program_of

begin_program_of(__name__)
