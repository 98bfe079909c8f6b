"""Entry point of `python -m segcore`."""

import sys

from segcore.cli.grammar import main

sys.exit(main())
