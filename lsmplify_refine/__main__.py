"""`python -m lsmplify_refine`, the same as the command `lsmplify-refine`."""

import sys

from lsmplify_refine.cli import main

sys.exit(main())
