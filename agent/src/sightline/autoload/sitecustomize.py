"""Python imports this before an application that `sightline instrument` starts."""  # noqa: INP001

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from pathlib import Path

import sightline

sightline.configure()
sightline.instrument()

# Python takes the first module of this name; whoever has one of their own shall have it run, too.
sys.path[:] = [entry for entry in sys.path if entry != str(Path(__file__).parent)]
ours = sys.modules.pop(__name__)
with suppress(ModuleNotFoundError):
    importlib.import_module(__name__)
sys.modules.setdefault(__name__, ours)
