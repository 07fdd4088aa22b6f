"""`python -m skdeepcluster.cli` is `skdeepcluster`."""

import sys

from skdeepcluster.cli import main

sys.exit(main())
