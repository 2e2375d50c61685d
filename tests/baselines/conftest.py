"""Lets the tests of this folder share `rigid_scenes`, whatever the import mode."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
