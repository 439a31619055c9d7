from __future__ import annotations

import sys
from pathlib import Path

# The planted world is shared by the stages that follow one another.
sys.path.insert(0, str(Path(__file__).parents[1] / "feedback"))
