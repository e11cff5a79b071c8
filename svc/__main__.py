"""`python -m svc` is `svc`."""

import sys

from svc.operations.cli import main

sys.exit(main())
