import sys
from pathlib import Path

# What the tests here and `benchmarks/fuzz.py` share lies beside them.
sys.path.append(str(Path(__file__).parent))
